//! RELIABILITY.md A6 to A8: a hundred thousand sends with every tenth going wrong, and every rule checked in the provider's own log.
//!
//! `USHER_SENDS=100000` sends so many; the usual number is enough for every kind of fault.

use super::asked;
use super::letters::{Letter, message_id, project, token};
use super::town::Town;
use chrono::TimeDelta;
use fcm::test_server::{Fault, FcmCode, Received};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use usher::base::clock::{Clock, ManualClock};
use usher::base::time::Timestamp;
use usher::engine::delivery::DeliveryState;
use usher::store::{DeliveryFilter, PageAsk};

const SENDS: usize = 3_000;
/// Messages of one phone, each with a tag of its own.
const PER_PHONE: u128 = 5;
const SEED: u64 = 20_261_122;
/// Messages a second that FCM takes of a project, and how long the way there takes.
const QUOTA_PER_S: f64 = 10_000.0;
const RAMP_S: f64 = 60.0;

/// Every kind of fault, with how many of a thousand sends meet it: a hundred in all.
fn faults() -> Vec<(u32, Fault)> {
    let bad_request = Fault::BadRequest {
        field: "message.android.ttl".into(),
        description: "Invalid duration".into(),
    };
    vec![
        (12, Fault::unavailable()),
        (10, Fault::unavailable().retry_after("45")),
        (12, Fault::internal()),
        (10, Fault::quota_exceeded()),
        (10, Fault::quota_exceeded().retry_after("90")),
        (1, Fault::Hang(Duration::from_secs(6))),
        (18, Fault::DropConnectionAfterRead),
        (4, Fault::InvalidJsonAnswer),
        (8, bad_request),
        (8, Fault::invalid_token()),
        (4, Fault::status(403, FcmCode::SenderIdMismatch)),
        (3, Fault::status(401, FcmCode::ThirdPartyAuthError)),
    ]
}

/// What was scripted beside the faults that come once.
struct Script {
    unregistered: BTreeSet<u128>,
    /// Never answered with anything but 503.
    hopeless: BTreeSet<u128>,
}

fn script(town: &Town, phones: u128, letters: usize) -> Script {
    let mut chance = StdRng::seed_from_u64(SEED);
    let faults = faults();
    let pick = |of: u128, at: u128| {
        (1..=phones)
            .filter(move |phone| phone % of == at)
            .collect::<BTreeSet<_>>()
    };
    let script = Script {
        unregistered: pick(97, 5),
        hopeless: pick(499, 11),
    };
    for _ in 0..letters {
        let phone = chance.random_range(1..=phones);
        let mut drawn = chance.random_range(0..1_000_u32);
        // What was read before the connection dropped is on a screen: there is hope in it.
        if script.hopeless.contains(&phone) {
            continue;
        }
        for (share, fault) in &faults {
            if drawn < *share {
                town.fcm.fail_next(&token(phone), fault.clone());
                break;
            }
            drawn -= share;
        }
    }
    for phone in &script.unregistered {
        town.fcm.unregister(&token(*phone));
    }
    for phone in &script.hopeless {
        for _ in 0..100 {
            town.fcm.fail_next(&token(*phone), Fault::unavailable());
        }
    }
    script
}

/// Lets time go from one thing that can be done to the next, until nothing is left.
async fn live_on(town: &Town, clock: &ManualClock) {
    loop {
        town.pipeline.dispatch().await.unwrap();
        let Some(next) = town.pipeline.next_dispatch_at().await.unwrap() else {
            return;
        };
        clock.set(next.max(clock.now() + TimeDelta::milliseconds(1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_every_rule_of_the_provider_holds_in_its_own_log() {
    let sends = asked("USHER_SENDS").unwrap_or(SENDS);
    let start: Timestamp = "2026-05-04T12:03:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let town = Town::build(Arc::clone(&clock) as Arc<dyn Clock>, 1, 2).await;
    let seen = Arc::clone(&clock);
    town.fcm.set_clock(Box::new(move || SystemTime::from(seen.now())));
    let phones = (sends as u128 / PER_PHONE).max(1);
    for phone in 1..=phones {
        town.register(1, phone).await;
    }
    let script = script(&town, phones, sends);
    let mut letters: Vec<Letter> = (0..phones * PER_PHONE)
        .map(|number| Letter {
            tenant: 1,
            phone: number % phones + 1,
            number: number + 1,
            // Every fiftieth is of no use after a minute.
            lives_s: if number % 50 == 0 { 60 } else { 86_400 },
        })
        .collect();
    town.queue(&letters).await;
    live_on(&town, &clock).await;
    let before_return = town.fcm.count();
    // Whoever reports a token again lives again.
    clock.set(clock.now() + TimeDelta::hours(1));
    let returning: Vec<u128> = script.unregistered.iter().copied().step_by(2).collect();
    for (at, phone) in returning.iter().enumerate() {
        town.fcm.register(&token(*phone));
        town.report_token(1, *phone).await;
        letters.push(Letter {
            tenant: 1,
            phone: *phone,
            number: 10_000_000 + at as u128,
            lives_s: 86_400,
        });
    }
    town.queue(&letters[(phones * PER_PHONE) as usize..]).await;
    live_on(&town, &clock).await;
    check(&town, &script, &letters, &returning, before_return, start).await;
}

async fn check(
    town: &Town,
    script: &Script,
    letters: &[Letter],
    returning: &[u128],
    before_return: usize,
    start: Timestamp,
) {
    let states = states(town).await;
    assert_eq!(
        states.len(),
        letters.len(),
        "none is lost: every message has an end on record"
    );
    assert!(states.values().all(|state| !state.is_open()), "and none is still open");
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for state in states.values() {
        *ends.entry(state.as_str()).or_default() += 1;
    }
    let told = town.fcm.look(|log| {
        check_retries(log);
        check_dead_tokens(log, before_return);
        check_ramp(&log[..before_return], start)
    });
    check_screens(town, letters, &states);
    for phone in returning {
        assert!(
            !town.fcm.screen(&token(*phone)).is_empty(),
            "a token that came back lives"
        );
    }
    for phone in &script.hopeless {
        assert!(town.fcm.screen(&token(*phone)).is_empty());
    }
    assert!(town.fcm.token_requests() <= 3, "one access token for all");
    println!(
        "{} messages in {} requests: {ends:?}; {told}",
        letters.len(),
        town.fcm.count()
    );
}

async fn states(town: &Town) -> HashMap<String, DeliveryState> {
    let (mut states, filter) = (HashMap::new(), DeliveryFilter::default());
    let mut ask = PageAsk::first(200);
    loop {
        let page = town.store.deliveries(project(1), &filter, &ask).await.unwrap();
        states.extend(page.rows.iter().map(|row| (row.message_id.to_string(), row.state)));
        let Some(next) = page.next else { return states };
        ask.after = Some(next);
    }
}

/// The least wait after this fault, in seconds; none when it must not be asked again.
fn wait_after(fault: &Fault, attempt: u32) -> Option<f64> {
    let back_off = f64::from(10 * (1_u32 << (attempt - 1).min(6)).min(60));
    match fault {
        Fault::Status {
            code: 400 | 401 | 403 | 404,
            ..
        }
        | Fault::BadRequest { .. } => None,
        Fault::Status { code, retry_after, .. } => {
            let named = retry_after.as_ref().map(|text| text.parse().unwrap());
            let named = named.or((*code == 429).then_some(60.0));
            Some(named.unwrap_or(0.0_f64).max(back_off))
        }
        _ => Some(back_off),
    }
}

fn seconds_between(earlier: &Received, later: &Received) -> f64 {
    later.at.duration_since(earlier.at).unwrap_or_default().as_secs_f64()
}

/// Never again after a refusal, never before the time that was named or the back-off, given up after an hour, one tag.
fn check_retries(log: &[Received]) {
    let mut of_message: HashMap<&str, Vec<&Received>> = HashMap::new();
    for one in log {
        let id = one.message["data"]["message_id"].as_str().unwrap();
        of_message.entry(id).or_default().push(one);
    }
    let mut spread = BTreeSet::new();
    let mut longest: f64 = 0.0;
    for (id, tries) in &of_message {
        let tags: HashSet<_> = tries
            .iter()
            .map(|one| one.message["android"]["notification"]["tag"].as_str().unwrap())
            .collect();
        assert_eq!(tags.len(), 1, "{id}: one tag for every attempt");
        for (attempt, pair) in (1_u32..).zip(tries.windows(2)) {
            let fault = pair[0].fault.as_ref();
            let fault = fault.unwrap_or_else(|| panic!("{id} was accepted and sent again"));
            let least = wait_after(fault, attempt);
            let least = least.unwrap_or_else(|| panic!("{id} was sent again after {fault:?}"));
            let waited = seconds_between(pair[0], pair[1]);
            assert!(waited >= least, "{id}: {waited} s after {fault:?}, attempt {attempt}");
            if attempt == 1 && *fault == Fault::internal() {
                spread.insert((waited * 10.0) as u64);
            }
        }
        longest = longest.max(seconds_between(tries[0], tries[tries.len() - 1]));
    }
    assert!(longest <= 3_600.0, "given up after an hour, not {longest} s");
    assert!(longest > 1_800.0, "somebody is hopeless");
    assert!(spread.len() > 5, "first retries come with jitter: {spread:?}");
}

/// Nothing goes to a token after it was called dead, unless it was reported again.
fn check_dead_tokens(log: &[Received], before_return: usize) {
    for part in [&log[..before_return], &log[before_return..]] {
        let mut dead: HashSet<&str> = HashSet::new();
        for one in part {
            assert!(!dead.contains(one.token.as_str()), "{} was dead", one.token);
            let gone = [Fault::unregistered(), Fault::invalid_token()];
            if one.fault.as_ref().is_some_and(|fault| gone.contains(fault)) {
                dead.insert(&one.token);
            }
        }
        assert!(part.len() < before_return || !dead.is_empty(), "somebody is dead");
    }
}

/// In no second more than a tenth above the line from nothing to the quota.
fn check_ramp(log: &[Received], start: Timestamp) -> String {
    let mut counts: BTreeMap<u64, f64> = BTreeMap::new();
    for one in log {
        let second = one.at.duration_since(SystemTime::from(start)).unwrap().as_secs();
        *counts.entry(second).or_default() += 1.0;
    }
    let mut highest: f64 = 0.0;
    for (second, count) in &counts {
        let line = (QUOTA_PER_S / RAMP_S * (*second as f64 + 0.5)).min(QUOTA_PER_S);
        assert!(
            *count <= line * 1.1,
            "second {second}: {count} requests, the line is at {line}"
        );
        highest = highest.max(count / line);
    }
    let most = counts.values().copied().fold(0.0, f64::max);
    format!(
        "at most {most} in a second, {:.0} % of the line at most",
        highest * 100.0
    )
}

/// What was accepted is visible once; what is on no screen was refused, or its phone never answered.
fn check_screens(town: &Town, letters: &[Letter], states: &HashMap<String, DeliveryState>) {
    let phones: BTreeSet<u128> = letters.iter().map(|letter| letter.phone).collect();
    let mut visible: HashMap<String, usize> = HashMap::new();
    for phone in phones {
        for shown in town.fcm.screen(&token(phone)) {
            let id = shown.message["data"]["message_id"].as_str().unwrap().to_owned();
            *visible.entry(id).or_default() += 1;
        }
    }
    assert!(
        visible.values().all(|count| *count == 1),
        "each message is visible once at most"
    );
    for letter in letters {
        let id = message_id(letter.number);
        if states[&id] == DeliveryState::Accepted {
            assert!(visible.contains_key(&id), "{id} was handed over and is on no screen");
        }
    }
    println!("{} of {} messages are visible, each once", visible.len(), letters.len());
}
