//! A loop outlives its failures, says so, and ends when told to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::base::clock::ManualClock;
use crate::base::time::Timestamp;
use std::sync::Mutex;

fn clock(at: &str) -> (Arc<ManualClock>, Arc<dyn Clock>) {
    let clock = Arc::new(ManualClock::new(at.parse().unwrap()));
    (Arc::clone(&clock), clock)
}

#[tokio::test]
async fn failures_and_panics_are_survived_and_only_good_turns_are_progress() {
    let (hands, clock) = clock("2026-05-04T12:00:00Z");
    let (progress, token) = (Progress::default(), CancellationToken::new());
    let of = Loop::new("tick", Duration::ZERO, 30, &clock, &progress);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (watched, ends, stuck) = (progress.clone(), token.clone(), Arc::clone(&seen));
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let times = [
        "2026-05-04T12:00:31Z",
        "2026-05-04T12:00:32Z",
        "2026-05-04T12:00:33Z",
        "2026-05-04T12:00:34Z",
    ]
    .map(at);
    let mut number = 0;
    supervise(of, token, move || {
        hands.set(times[number]);
        stuck.lock().unwrap().push(watched.stuck(times[number]));
        number += 1;
        let ends = ends.clone();
        async move {
            match number {
                1 => Err("the disk is full".to_owned()),
                2 => panic!("a bug"),
                3 => Ok(()),
                _ => {
                    ends.cancel();
                    Ok(())
                }
            }
        }
    })
    .await;
    assert_eq!(
        *seen.lock().unwrap(),
        [vec!["tick"], vec!["tick"], vec!["tick"], vec![]]
    );
    assert_eq!(
        progress.stuck(at("2026-05-05T12:00:00Z")),
        Vec::<&str>::new(),
        "a loop that was ended is not stuck"
    );
}

#[test]
fn the_pause_doubles_and_has_an_end() {
    let pauses: Vec<u128> = [1, 2, 3, 40]
        .map(|failures| back_off(Duration::from_millis(200), failures).as_millis())
        .to_vec();
    assert_eq!(pauses, [400, 800, 1_600, 5_000]);
    assert_eq!(back_off(Duration::from_secs(3600), 1), Duration::from_secs(3600));
}
