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
async fn failures_and_panics_are_counted_and_survived() {
    let (_, clock) = clock("2026-05-04T12:00:00Z");
    let (progress, token) = (Progress::default(), CancellationToken::new());
    let of = Loop::new("tick", Duration::ZERO, 30, &clock, &progress);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (watched, ends, failures) = (progress.clone(), token.clone(), Arc::clone(&seen));
    let mut number = 0;
    supervise(of, token, move || {
        number += 1;
        failures.lock().unwrap().push(watched.loops()["tick"].failures);
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
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 0]);
    assert_eq!(progress.loops()["tick"].succeeded_at, Some(clock.now()));
}

#[test]
fn a_loop_without_a_good_turn_is_stuck_after_its_patience() {
    let (hands, clock) = clock("2026-05-04T12:00:00Z");
    let progress = Progress::default();
    let _of = Loop::new("tick", Duration::ZERO, 30, &clock, &progress);
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    assert_eq!(progress.stuck(at("2026-05-04T12:00:30Z")), Vec::<&str>::new());
    assert_eq!(progress.stuck(at("2026-05-04T12:00:31Z")), ["tick"]);
    hands.set(at("2026-05-04T12:00:20Z"));
    progress.succeeded("tick", hands.now());
    assert_eq!(progress.stuck(at("2026-05-04T12:00:31Z")), Vec::<&str>::new());
}

#[test]
fn the_pause_doubles_and_has_an_end() {
    let pauses: Vec<u128> = [1, 2, 3, 40].map(|failures| back_off(Duration::from_millis(200), failures).as_millis()).to_vec();
    assert_eq!(pauses, [400, 800, 1_600, 10_000]);
    assert_eq!(back_off(Duration::from_secs(3600), 1), Duration::from_secs(3600));
}
