//! Random histories of one person with two phones: what happens, drawn from a seed.

use crate::base::time::{Span, Timestamp};
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::fix::{Permission, ReceiptStatus, Transition};
use crate::engine::subject::Purpose;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// Chance from a seed: the same seed, the same draws.
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(super) fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.0.next_u64() % sides as u64).unwrap_or(0)
    }

    pub(super) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    fn seconds(&mut self, from: usize, to: usize) -> i64 {
        i64::try_from(from + self.below(to - from)).unwrap_or(0)
    }
}

/// Something that happens, some seconds after the thing before.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub(super) after_s: i64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A batch of one phone; `mix` seeds the order in which it is sent once more.
    Records {
        device: usize,
        seen: Vec<Seen>,
        mix: u64,
    },
    Event {
        name: &'static str,
        properties: Value,
    },
    Fact {
        kind: &'static str,
        key: usize,
        version: Version,
        lifecycle: Lifecycle,
        /// Seconds from now on which it is valid.
        valid: (Option<i64>, Option<i64>),
        body: Value,
    },
    FactGone {
        kind: &'static str,
        key: usize,
    },
    Consent {
        purpose: Purpose,
        granted: bool,
        late_s: i64,
    },
    Zone(Option<&'static str>),
    Device {
        device: usize,
        zone: &'static str,
        reached: bool,
        notifications: Permission,
    },
    DeviceGone(usize),
    /// A trigger by its place in the catalogue, or the whole project.
    Pause {
        trigger: Option<usize>,
        paused: bool,
    },
    /// The hotel moves so many metres to the north.
    MoveHotel(f64),
    Publish(usize),
    Time,
}

/// Which version of a fact is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Next,
    Same,
    Lower,
}

/// One record of a batch, seen so many seconds before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) ago_s: i64,
    pub(super) sight: Sight,
}

#[derive(Debug, Clone)]
pub(super) enum Sight {
    Fix {
        metres: f64,
        accuracy_m: f64,
        simulated: bool,
    },
    /// A crossing of a place by its number on the stage.
    Crossing(usize, Transition),
    Event(&'static str),
    Context(&'static str, Permission),
    /// A receipt for the newest message.
    Receipt(ReceiptStatus),
}

/// Metres north of the hotel that matter: deep inside, both sides of both edges, the airport, and farther than anyone goes.
const METRES: [f64; 15] = [
    0.0, 10.0, 60.0, 90.0, 110.0, 118.0, 122.0, 126.0, 160.0, 300.0, 660.0, 705.0, 900.0, 5_000.0, 400_000.0,
];
const ACCURACIES: [f64; 7] = [3.0, 10.0, 20.0, 20.0, 65.0, 200.0, 3_000.0];
const ZONES: [&str; 4] = [
    "Europe/Vienna",
    "Asia/Tokyo",
    "America/Los_Angeles",
    "Pacific/Kiritimati",
];
const PERMISSIONS: [Permission; 4] = [
    Permission::Granted,
    Permission::Granted,
    Permission::Unknown,
    Permission::Denied,
];

/// A history: its length, its hurry and its mood are drawn first, so that histories differ as wholes.
pub(super) fn history(seed: u64) -> Vec<Happening> {
    let dice = &mut Dice::new(seed);
    let length = 4 + dice.below(20);
    let hurry = dice.below(3);
    let trouble = dice.pick(&[0, 10, 25]);
    let mut happenings = vec![first_word(dice)];
    for _ in 0..length {
        let after_s = match (hurry, dice.below(6)) {
            (0, 0..=4) | (1, 0..=1) | (2, 0) => dice.seconds(0, 120),
            (1 | 2, 5) => dice.seconds(7_200, 60_000),
            _ => dice.seconds(120, 7_200),
        };
        let what = if dice.percent(trouble) {
            trouble_of(dice)
        } else {
            daily(dice)
        };
        happenings.push(Happening { after_s, what });
    }
    happenings
}

/// Most people have said yes to offers, some no, some nothing.
fn first_word(dice: &mut Dice) -> Happening {
    let purpose = Purpose::Promo;
    let (after_s, late_s) = (0, 0);
    let what = match dice.below(8) {
        0 => What::Time,
        said => What::Consent {
            purpose,
            granted: said > 1,
            late_s,
        },
    };
    Happening { after_s, what }
}

fn daily(dice: &mut Dice) -> What {
    match dice.below(12) {
        0..6 => records(dice),
        6..8 => event(dice),
        8..11 => fact(dice),
        _ => What::Time,
    }
}

fn trouble_of(dice: &mut Dice) -> What {
    match dice.below(12) {
        0..3 => What::Consent {
            purpose: dice.pick(&[Purpose::Location, Purpose::Service, Purpose::Promo, Purpose::Promo]),
            granted: dice.percent(60),
            late_s: dice.pick(&[0, 0, 0, 900, 90_000]),
        },
        3 => What::Zone(dice.pick(&[None, Some(ZONES[0]), Some(ZONES[1]), Some(ZONES[2])])),
        4..6 => What::Device {
            device: dice.below(2),
            zone: dice.pick(&ZONES),
            reached: dice.percent(60),
            notifications: dice.pick(&PERMISSIONS),
        },
        6 => What::DeviceGone(dice.below(2)),
        7..9 => What::Pause {
            trigger: (!dice.percent(20)).then(|| dice.below(64)),
            paused: dice.percent(60),
        },
        9 => What::MoveHotel(dice.pick(&[0.0, 0.0, 100.0, 400.0])),
        10 => What::Publish(dice.below(64)),
        _ => What::FactGone {
            kind: dice.pick(&["stay", "flight"]),
            key: dice.below(2),
        },
    }
}

fn records(dice: &mut Dice) -> What {
    let count = dice.pick(&[1, 1, 1, 1, 2, 3, 6]);
    let late = dice.pick(&[0, 0, 0, 0, 300, 3_600, 700_000]);
    // A phone is somewhere: most of a batch is near one place.
    let near = dice.below(METRES.len());
    let seen = (0..count).map(|_| seen(dice, near, late)).collect();
    What::Records {
        device: usize::from(dice.percent(20)),
        seen,
        mix: dice.0.next_u64(),
    }
}

fn seen(dice: &mut Dice, near: usize, late: i64) -> Seen {
    let sight = match dice.below(20) {
        0..14 => {
            let around = METRES[(near + dice.below(4)).min(METRES.len() - 2)];
            Sight::Fix {
                metres: if dice.percent(3) {
                    METRES[METRES.len() - 1]
                } else {
                    around
                },
                accuracy_m: dice.pick(&ACCURACIES),
                simulated: dice.percent(4),
            }
        }
        14..16 => Sight::Crossing(
            dice.below(3),
            dice.pick(&[Transition::Enter, Transition::Exit, Transition::Dwell]),
        ),
        16..18 => Sight::Event(dice.pick(&["tick", "key"])),
        18 => Sight::Context(dice.pick(&ZONES), dice.pick(&PERMISSIONS)),
        _ => Sight::Receipt(dice.pick(&[ReceiptStatus::Displayed, ReceiptStatus::Opened, ReceiptStatus::Reply])),
    };
    let ago_s = late + dice.seconds(0, 400);
    Seen { ago_s, sight }
}

fn event(dice: &mut Dice) -> What {
    let name = dice.pick(&["tick", "tick", "key", "order"]);
    let properties = match dice.below(6) {
        0 => json!({}),
        1 => json!({ "total": "much", "heads": 1 }),
        2 => json!({ "total": 3, "heads": 1 }),
        3 => json!({ "total": 30, "heads": "many" }),
        _ => json!({ "total": 30, "heads": 2 }),
    };
    What::Event { name, properties }
}

fn fact(dice: &mut Dice) -> What {
    let kind = dice.pick(&["stay", "stay", "flight"]);
    let body = if kind == "stay" {
        match dice.below(4) {
            0 => json!({ "ready": false }),
            1 => json!({ "ready": true }),
            2 => json!({ "ready": true, "room": "101" }),
            _ => json!({}),
        }
    } else {
        let status = dice.pick(&[json!("on_time"), json!("on_time"), json!("late"), Value::Null]);
        let hour = dice.pick(&[8, 12, 14, 20]);
        json!({ "departs_at": format!("2026-05-04T{hour:02}:00:00Z"), "status": status, "gate": dice.pick(&["A", "B"]) })
    };
    What::Fact {
        kind,
        key: dice.below(2),
        version: dice.pick(&[
            Version::Next,
            Version::Next,
            Version::Next,
            Version::Next,
            Version::Same,
            Version::Lower,
        ]),
        lifecycle: dice.pick(&[
            Lifecycle::Active,
            Lifecycle::Active,
            Lifecycle::Active,
            Lifecycle::Active,
            Lifecycle::Ended,
            Lifecycle::Cancelled,
        ]),
        valid: (
            dice.pick(&[None, None, None, Some(-600), Some(1_800)]),
            dice.pick(&[None, None, None, Some(3_600), Some(20_000)]),
        ),
        body,
    }
}

/// The version of a fact that a happening tells of.
pub(super) fn fact_of(what: &What, seq: i64, now: Timestamp) -> Option<Fact> {
    let What::Fact {
        kind,
        key,
        lifecycle,
        valid,
        body,
        ..
    } = what
    else {
        return None;
    };
    let at = |after: Option<i64>| after.map(|seconds| now + Span::seconds(seconds).delta());
    Some(Fact {
        id: fact_ref(kind, *key),
        seq,
        subjects: Vec::new(),
        lifecycle: *lifecycle,
        valid_from: at(valid.0),
        valid_to: at(valid.1),
        sensitive: vec!["room".to_owned()],
        properties: body.as_object().cloned().unwrap_or_default(),
        changed_at: now,
    })
}

pub(super) fn fact_ref(kind: &str, key: usize) -> FactRef {
    FactRef {
        kind: kind.to_owned(),
        key: format!("K{key}"),
    }
}
