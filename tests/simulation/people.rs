//! The people of a world: who they are, which phones they hold, and what the business will say about them.

use super::fleet::Fleet;
use super::stage::path;
use super::world::{Act, GOALS, HOURS, Phone, Walker};
use chrono::TimeDelta;
use serde_json::{Value, json};
use usher::base::id::{DeviceId, UserId};
use usher::engine::delivery::ChannelKind;
use usher::engine::fact::{Fact, FactRef, Lifecycle};
use usher::engine::fix::Permission;
use usher::engine::subject::{About, Consent, Device, Purpose, Subject};
use usher::store::DeviceRow;

impl Fleet {
    pub fn settle_people(&mut self) {
        self.world.ends_at = self.now + TimeDelta::hours(HOURS);
        self.world.path = path();
        let people = 2 + self.dice.below(3);
        for _ in 0..people {
            self.settle_person();
        }
        self.write_the_book(people);
        for number in 0..people * 4 {
            let user_id = self.world.walkers[self.dice.below(people)].user_id;
            let name = self.dice.pick(&["tick", "tick", "key", "order"]);
            let total = self.dice.pick(&[json!(3), json!(30), json!("much"), Value::Null]);
            let properties = json!({ "total": total, "heads": self.dice.pick(&[json!(2), json!("many")]) });
            let (id, at) = (
                format!("s{number}"),
                self.now + self.dice.seconds(0, 3_600 * HOURS as usize),
            );
            self.plan(
                at,
                Act::Event {
                    user_id,
                    id,
                    name,
                    properties,
                },
            );
        }
        let first = self.now + self.dice.seconds(60, 1_200);
        self.plan(first, Act::Trouble);
    }

    fn settle_person(&mut self) {
        let user_id = UserId::from(self.dice.uuid());
        let mut subject = Subject::new(user_id);
        let granted = Consent {
            granted: true,
            at: self.now,
        };
        let purposes = [Purpose::Location, Purpose::Service, Purpose::Promo];
        let spoken = if self.dice.in_1000(700) { 3 } else { 2 };
        subject
            .consents
            .extend(purposes.into_iter().take(spoken).map(|purpose| (purpose, granted)));
        let (walker, mut phones) = (self.world.walkers.len(), Vec::new());
        for _ in 0..=self.dice.below(2) {
            phones.push(self.world.phones.len());
            self.settle_phone(&mut subject);
        }
        self.database.consents.insert(
            user_id,
            subject
                .consents
                .iter()
                .map(|(purpose, word)| (*purpose, *word))
                .collect(),
        );
        self.database.subjects.insert(user_id, subject);
        let along = self.dice.in_1000(250).then(|| self.dice.below(self.world.path.len()));
        self.world.walkers.push(Walker {
            user_id,
            phones,
            metres: self.dice.pick(&GOALS),
            goal: self.dice.pick(&GOALS),
            speed_mps: self.dice.pick(&[1.2, 1.5, 6.0]),
            along,
            seen_at: self.now,
        });
        self.plan(self.now, Act::Walk(walker));
    }

    fn settle_phone(&mut self, subject: &mut Subject) {
        let (device_id, number) = (DeviceId::from(self.dice.uuid()), self.world.phones.len());
        let address = format!("token-{number}-0");
        let held = Device {
            about: About {
                channel: Some(ChannelKind::Fcm),
                ..About::default()
            }
            .into(),
            last_seen_at: Some(self.now.into()),
            ..Device::default()
        };
        subject.devices.insert(device_id, held);
        let row = DeviceRow {
            id: device_id,
            project_id: self.database.catalogue.project_id,
            user_id: subject.user_id,
            installation_id: format!("phone {number}"),
            token_hash: Vec::new(),
            platform: None,
            app_version: None,
            locale: None,
            time_zone: None,
            notifications: Permission::Unknown,
            push: Some((ChannelKind::Fcm, address.clone())),
            push_set_at: None,
            sealing_key: None,
            created_at: self.now,
            last_seen_at: Some(self.now),
        };
        self.database.devices.insert(device_id, row);
        self.database.give(device_id, subject.user_id, self.now);
        self.screens.living.insert(address.clone(), device_id);
        let off = self.dice.pick(&[0, 0, 0, 20, -20, 3_600, -86_400 * 30]);
        self.world.phones.push(Phone {
            device_id,
            address,
            clock_off: TimeDelta::seconds(off),
            monotonic: self.dice.in_1000(400),
            offline_until: self.now,
            queue: Vec::new(),
            done: Vec::new(),
        });
        let first = self.now + self.dice.seconds(10, 600);
        self.plan(first, Act::Upload(number));
    }

    /// What the business will say: stays that families share, and flights, each in several versions that may overtake one another.
    fn write_the_book(&mut self, people: usize) {
        for number in 0..people {
            let first = self.world.walkers[number].user_id;
            let second = self.world.walkers[self.dice.below(people)].user_id;
            let kind = self.dice.pick(&["stay", "stay", "flight"]);
            let mut at = self.now + self.dice.seconds(0, 3_600);
            for seq in 1..=1 + self.dice.below(4) as i64 {
                let mut subjects = vec![first];
                if second != first && self.dice.in_1000(800) {
                    subjects.push(second);
                }
                let properties = if kind == "stay" {
                    self.dice.pick(&[
                        json!({ "ready": false }),
                        json!({ "ready": true, "room": "101" }),
                        json!({}),
                    ])
                } else {
                    let gate = self.dice.pick(&["A", "B"]);
                    let departs_at = self.now + TimeDelta::hours(self.dice.pick(&[1, 3, 8]));
                    json!({ "departs_at": departs_at, "status": self.dice.pick(&["on_time", "on_time", "late"]), "gate": gate })
                };
                let lifecycle = self.dice.pick(&[
                    Lifecycle::Active,
                    Lifecycle::Active,
                    Lifecycle::Active,
                    Lifecycle::Active,
                    Lifecycle::Ended,
                    Lifecycle::Cancelled,
                ]);
                let until = self.dice.pick(&[None, None, Some(TimeDelta::hours(3))]);
                self.world.facts.push(Fact {
                    id: FactRef {
                        kind: kind.to_owned(),
                        key: format!("K{number}"),
                    },
                    seq,
                    subjects,
                    lifecycle,
                    valid_from: None,
                    valid_to: until.map(|after| at + after),
                    sensitive: Vec::new(),
                    properties: properties.as_object().cloned().unwrap_or_default(),
                    changed_at: at,
                });
                let index = self.world.facts.len() - 1;
                for _ in 0..=self.dice.below(2) {
                    let reordered = at + self.dice.seconds(0, 1_200);
                    self.plan(reordered, Act::Fact(index));
                }
                at += self.dice.seconds(60, 5_000);
            }
        }
    }
}
