//! The crowd makes the shares it was asked for, in bodies that the API takes.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::engine::fix::{RawBody, RawRecord};

const MIX: Mix = Mix {
    transitions: 1.0,
    messages: 0.2,
};

fn crowd(count: usize) -> Crowd {
    let phone = |number: usize| Phone {
        token: format!("dt_{number}"),
        device_id: format!("dev_{number}"),
        place: (48.2, 16.37),
        greeted: number.is_multiple_of(5),
        made: AtomicU64::new(0),
    };
    Crowd::new((0..count).map(phone).collect(), MIX, "run".into())
}

#[test]
fn one_fix_in_a_hundred_is_a_transition_and_every_phone_arrives_once_in_a_cycle() {
    assert_eq!(MIX.cycle(), 200);
    assert!((MIX.greeted() - 0.4).abs() < 1e-9);
    let crowd = crowd(20);
    for phone in 0..20 {
        let spots: Vec<Spot> = (0..200).map(|number| crowd.spot(phone, number)).collect();
        let count = |wanted: Spot| spots.iter().filter(|spot| **spot == wanted).count();
        assert_eq!(
            (count(Spot::Away), count(Spot::Arriving), count(Spot::There)),
            (100, 1, 99)
        );
    }
    let first_arrivals: Vec<u64> = (0..20)
        .map(|phone| {
            (0..200)
                .find(|number| crowd.spot(phone, *number) == Spot::Arriving)
                .unwrap()
        })
        .collect();
    let distinct: std::collections::BTreeSet<_> = first_arrivals.iter().collect();
    assert_eq!(distinct.len(), 20, "arrivals are spread: {first_arrivals:?}");
    let together = first_arrivals.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 2);
    assert_eq!(
        together.count(),
        0,
        "neighbours do not come together: {first_arrivals:?}"
    );
}

#[test]
fn bodies_are_what_the_api_reads_and_no_record_is_made_twice() {
    #[derive(serde::Deserialize)]
    struct Batch {
        records: Vec<RawRecord>,
    }
    let crowd = crowd(2);
    let mut ids = std::collections::BTreeSet::new();
    let mut greeted = 0;
    for _ in 0..8 {
        let made = crowd.next(0, 50, "2026-05-04T12:55:00.000Z");
        greeted += u32::from(made.greeted);
        let batch: Batch = serde_json::from_slice(&made.body).unwrap();
        assert_eq!(batch.records.len(), 50);
        for record in batch.records {
            assert!(matches!(record.body, RawBody::Fix(_)));
            assert!(ids.insert(record.id));
        }
    }
    assert_eq!(greeted, 2, "two cycles, two greetings");
}

#[test]
fn a_single_fix_has_the_size_the_budgets_speak_of() {
    let made = crowd(1).next(0, 1, "2026-05-04T12:55:00.000Z");
    assert!((160..220).contains(&made.body.len()), "{} bytes", made.body.len());
}

#[test]
fn phones_at_rest_stay_where_their_next_fix_will_be_and_greet_nobody() {
    let crowd = crowd(20);
    let at_rest = crowd.at_rest();
    for phone in 0..20 {
        let place = |crowd: &Crowd| {
            let made = crowd.next(phone, 1, "2026-05-04T12:55:00.000Z");
            let text = String::from_utf8(made.body).unwrap();
            let lat: f64 = text
                .split("\"lat\":")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            (made.greeted, (lat - 48.2).abs() > AWAY_DEG / 2.0)
        };
        let (_, away) = place(&crowd);
        let arrives = crowd.spot(phone, 0) == Spot::Arriving;
        for _ in 0..250 {
            assert_eq!(place(&at_rest), (false, away || arrives), "phone {phone}");
        }
    }
}
