//! Interleaved rounds: what HTTP can do, what HTTP and JSON can do, and what Usher does, each in turn on the same machine.

use super::child::Served;
use super::figures::Ceiling;
use super::load::{Offer, Pace, offer};
use super::show::Show;
use super::taken::Taken;
use super::target::Target;
use crate::cli::out::Failure;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What is asked in turn: the endpoint and the fixes of one request.
const TURNS: [(&str, usize); 5] = [("empty", 1), ("decode", 1), ("track", 1), ("decode", 50), ("track", 50)];
/// One turn.
const TURN: Duration = Duration::from_secs(2);

/// Runs the rounds; the medians of each endpoint.
///
/// # Errors
/// An endpoint refuses what it is sent: a figure of refusals is none.
pub async fn run(
    target: &Target,
    bare: &Served,
    rounds: usize,
    connections: usize,
    show: Show,
) -> Result<Vec<Ceiling>, Failure> {
    // What a fix costs that changes nothing: what the disk takes for the others is measured under load.
    let at_rest = Arc::new(target.crowd.at_rest());
    let twin = Arc::new(at_rest.twin());
    let mut taken: Vec<Vec<Taken>> = TURNS.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for ((endpoint, batch), results) in TURNS.iter().zip(&mut taken) {
            let (address, path, pid, crowd) = match *endpoint {
                "track" => (target.address, "/v1/track".to_owned(), target.pid(), &at_rest),
                other => (bare.address, format!("/{other}"), Some(bare.pid()), &twin),
            };
            let progress = Arc::new(AtomicU64::new(0));
            let offered = Offer {
                address,
                path,
                pace: Pace::Full,
                lasts: TURN,
                batch: *batch,
                connections,
                pid,
                progress: Arc::clone(&progress),
            };
            let name = format!("round {round} of {rounds}: {endpoint} x {batch}");
            let one = show
                .during(&name, TURN, &progress, offer(offered, Arc::clone(crowd)))
                .await;
            let one = one.map_err(|why| Failure::new(format!("{endpoint}: {why}"), "look at the log of the server"))?;
            if one.errors() > 0 || one.rejected > 0 {
                let why = one.first_failure.clone().unwrap_or_default();
                let what = format!(
                    "{endpoint} refused {} requests and {} records: {why}",
                    one.errors(),
                    one.rejected
                );
                return Err(Failure::new(what, "no figure without good answers"));
            }
            results.push(one);
        }
    }
    Ok(TURNS
        .iter()
        .zip(&taken)
        .map(|((endpoint, batch), taken)| medians(endpoint, *batch, taken))
        .collect())
}

fn medians(endpoint: &str, batch: usize, taken: &[Taken]) -> Ceiling {
    let middle = |value: &dyn Fn(&Taken) -> Option<f64>| median(taken.iter().filter_map(value).collect());
    Ceiling {
        endpoint: endpoint.to_owned(),
        batch,
        requests_per_s: middle(&|one| Some(one.requests_per_s())).unwrap_or_default(),
        fixes_per_s: middle(&|one| Some(one.fixes_per_s())).unwrap_or_default(),
        server_us_per_fix: middle(&Taken::cpu_us_per_fix),
        generator_share: middle(&Taken::generator_share),
    }
}

/// The middle value; none without values.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
