//! Shares, silence and pace, with time as an argument.
#![allow(clippy::unwrap_used, reason = "tests may panic")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds and shares of a test are small"
)]

use super::*;
use chrono::TimeDelta;
use uuid::Uuid;

fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

fn after(seconds: f64) -> Timestamp {
    noon() + TimeDelta::nanoseconds((seconds * 1e9) as i64)
}

fn route(number: u128) -> Route {
    Route {
        project_id: Uuid::from_u128(number).into(),
        channel: ChannelKind::Fcm,
        endpoint_id: None,
    }
}

fn endpoint(tenant: u128, number: u128) -> Route {
    Route {
        channel: ChannelKind::Webhook,
        endpoint_id: Some(Uuid::from_u128(number).into()),
        ..route(tenant)
    }
}

fn unpaced(places: usize) -> Flow {
    Flow::new(places, BTreeMap::new())
}

/// Takes up everything it may for routes with endless backlogs.
fn take_all(flow: &mut Flow, due: &[Route], now: Timestamp) -> BTreeMap<Route, usize> {
    let mut taken = BTreeMap::new();
    loop {
        let shares = flow.plan(due, now);
        if shares.is_empty() {
            return taken;
        }
        for (route, share) in shares {
            flow.began(route, share, now);
            *taken.entry(route).or_default() += share;
        }
    }
}

#[test]
fn a_route_that_never_ends_leaves_half_of_the_places_and_several_leave_a_share() {
    for (slow, left) in [(1, 50), (2, 33), (3, 25), (9, 10)] {
        let mut flow = unpaced(100);
        let routes: Vec<Route> = (0..slow).map(route).collect();
        let taken = take_all(&mut flow, &routes, noon());
        assert_eq!(100 - taken.values().sum::<usize>(), left, "{slow} slow ones");
        let late = take_all(&mut flow, &[route(99)], noon());
        assert!(late[&route(99)] * 2 + 1 >= left, "{late:?}");
    }
}

#[test]
fn an_endpoint_that_never_ends_leaves_places_to_the_others_of_its_business_and_all_of_them_half_to_everybody() {
    for (slow, left) in [(1, 66), (2, 60), (9, 52), (40, 50)] {
        let mut flow = unpaced(100);
        let routes: Vec<Route> = (0..slow).map(|number| endpoint(1, number)).collect();
        let taken = take_all(&mut flow, &routes, noon());
        let free = 100 - taken.values().sum::<usize>();
        assert_eq!(free, left, "{slow} slow ones");
        let sibling = take_all(&mut flow, &[endpoint(1, 99)], noon());
        assert!(slow > 9 || sibling[&endpoint(1, 99)] >= 1, "{slow}: {sibling:?}");
        let other = take_all(&mut flow, &[route(2)], noon());
        assert!(other[&route(2)] >= 20, "{slow}: {other:?}");
        for (route, count) in taken.iter().chain(&sibling) {
            for _ in 0..*count {
                flow.ended(*route, Ending::Answered, noon());
            }
        }
        assert!(flow.to_endpoints.is_empty());
    }
}

#[test]
fn places_are_dealt_evenly_and_who_waited_longest_is_first() {
    let mut flow = unpaced(8);
    let routes: Vec<Route> = (0..200).map(route).collect();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        for (route, share) in flow.plan(&routes, noon()) {
            flow.began(route, share, noon());
            seen.insert(route);
            for _ in 0..share {
                flow.ended(route, Ending::Answered, noon());
            }
        }
    }
    assert_eq!(seen.len(), 200, "everybody had a turn");
}

#[test]
fn a_silent_receiver_gets_one_probe_at_a_time_until_it_answers() {
    let mut flow = unpaced(100);
    let (dead, well) = (route(1), route(2));
    flow.began(dead, 40, noon());
    let opened: Vec<bool> = (0..40).map(|_| flow.ended(dead, Ending::Failed, noon())).collect();
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 1, "told once");
    let shares = flow.plan(&[dead, well], noon());
    assert!(shares.iter().all(|(route, _)| *route == well), "{shares:?}");
    assert_eq!(flow.wake_at(), Some(after(10.0)));
    for (at, next) in [(10.0, 30.0), (30.0, 70.0), (70.0, 130.0), (130.0, 190.0)] {
        assert_eq!(flow.plan(&[dead], after(at)), [(dead, 1)]);
        flow.began(dead, 1, after(at));
        assert!(flow.plan(&[dead], after(at)).is_empty(), "the probe is under way");
        assert_eq!(flow.wake_at(), None, "its end is the word");
        assert!(flow.ended(dead, Ending::Failed, after(at)));
        assert!(flow.plan(&[dead], after(next - 0.001)).is_empty());
        assert_eq!(flow.wake_at(), Some(after(next)));
    }
    // What was not sent after all says nothing: the next one is the probe.
    flow.began(dead, 1, after(190.0));
    flow.ended(dead, Ending::NotTried, after(190.0));
    assert_eq!(flow.plan(&[dead], after(190.0)), [(dead, 1)]);
    flow.began(dead, 1, after(190.0));
    flow.ended(dead, Ending::Answered, after(190.0));
    assert_eq!(flow.plan(&[dead], after(190.0)), [(dead, 50)]);
}

#[test]
fn failures_between_answers_open_nothing() {
    let mut flow = unpaced(100);
    for number in 0..1_000 {
        flow.began(route(1), 1, noon());
        let ending = if number % 5 == 0 {
            Ending::Answered
        } else {
            Ending::Failed
        };
        assert!(!flow.ended(route(1), ending, noon()));
    }
}

#[test]
fn a_new_delivery_goes_ahead_of_nobody_and_takes_no_more_than_a_share() {
    let mut flow = unpaced(100);
    let begun = (0..100).filter(|_| flow.try_begin(route(1), noon())).count();
    assert_eq!(begun, 50);
    flow.ended(route(1), Ending::Answered, noon());
    assert!(!flow.try_begin(route(1), noon()), "others were turned away before it");
    assert!(flow.try_begin(route(2), noon()), "that is no matter of another way");
    assert_eq!(
        flow.plan(&[route(1), route(4)], noon()),
        [(route(1), 1), (route(4), 25)]
    );
    assert!(!flow.try_begin(route(4), noon()), "what is due is claimed first");
    flow.emptied(route(1));
    assert!(flow.try_begin(route(1), noon()), "the claim saw the end of the queue");
    assert!(!flow.try_begin(route(1), noon()), "it has its share");
    let mut flow = unpaced(100);
    let endpoints = (0..100).filter(|number| flow.try_begin(endpoint(1, *number), noon()));
    assert_eq!(
        endpoints.count(),
        50,
        "all endpoints of a business together have a share"
    );
    flow.began(route(3), 40, noon());
    for _ in 0..40 {
        flow.ended(route(3), Ending::Failed, noon());
    }
    assert!(!flow.try_begin(route(3), noon()), "it has gone silent");
    assert!(!flow.try_begin(route(3), after(10.0)), "a probe is claimed");
    let mut flow = paced();
    assert!(flow.try_begin(route(1), noon()), "a single message never waits");
    let at_once = (0..1_000).filter(|_| flow.try_begin(route(1), noon())).count();
    assert!(at_once < 100, "{at_once}");
}

fn paced() -> Flow {
    let limit = Limit {
        per_s: 10_000.0,
        ramp_s: 60.0,
    };
    Flow::new(1_000_000, BTreeMap::from([(ChannelKind::Fcm, limit)]))
}

/// Sends as much as it may from one second to another; how many in each second.
fn sent_per_second(flow: &mut Flow, from_s: u32, to_s: u32) -> Vec<f64> {
    let mut counts = vec![0.0; (to_s - from_s) as usize];
    let mut now = after(f64::from(from_s));
    while now < after(f64::from(to_s)) {
        for (route, share) in flow.plan(&[route(1)], now) {
            flow.began(route, share, now);
            for _ in 0..share {
                flow.ended(route, Ending::Answered, now);
            }
            let second = ((now - noon()).num_seconds() - i64::from(from_s)) as usize;
            counts[second] += share as f64;
        }
        now = flow.wake_at().unwrap_or(now + TimeDelta::milliseconds(5)).max(now);
    }
    counts
}

#[test]
fn the_rate_rises_along_the_line_and_never_more_than_a_tenth_above_it() {
    let mut flow = paced();
    let counts = sent_per_second(&mut flow, 0, 90);
    for (second, count) in counts.iter().enumerate() {
        let line = (10_000.0 / 60.0 * (second as f64 + 0.5)).min(10_000.0);
        assert!(*count <= line * 1.1, "second {second}: {count} over {line}");
        assert!(*count >= line * 0.8, "second {second}: {count} under {line}");
    }
}

#[test]
fn after_a_silence_the_rate_begins_low_again_and_a_single_message_never_waits() {
    let mut flow = paced();
    sent_per_second(&mut flow, 0, 90);
    let after_silence = sent_per_second(&mut flow, 150, 152);
    assert!(after_silence[0] <= 10_000.0 / 60.0 * 0.5 * 1.2, "{after_silence:?}");
    let mut flow = paced();
    for second in 0..600 {
        let now = after(f64::from(second));
        assert!(!flow.plan(&[route(1)], now).is_empty());
        flow.began(route(1), 1, now);
        flow.ended(route(1), Ending::Answered, now);
    }
    let burst = sent_per_second(&mut flow, 600, 601);
    assert!(
        burst[0] <= 10_000.0 / 60.0 * 0.5 * 1.2,
        "trickling earns no rate: {burst:?}"
    );
}

#[test]
fn routes_that_rest_are_forgotten() {
    let mut flow = unpaced(10);
    for number in 0..(limits::ROUTES_REMEMBERED_MAX as u128 + 10) {
        flow.began(route(number), 1, noon());
        flow.ended(route(number), Ending::Answered, noon());
    }
    assert!(flow.lanes.len() <= limits::ROUTES_REMEMBERED_MAX + 1);
}
