//! The log of one person: what is stored of them, as inputs in the order of time.

use crate::base::id::{DeviceId, MomentId, UserId};
use crate::base::time::Timestamp;
use crate::engine::fact::Fact;
use crate::engine::moment::{Moment, MomentKind};
use crate::engine::step::{DeviceNews, Input, Replayed};
use crate::engine::subject::{Consent, Profile, Purpose};
use std::collections::HashMap;

/// Everything that is stored of one person and that a judgement may depend on.
#[derive(Debug, Clone)]
pub struct Person {
    pub user_id: UserId,
    /// As it is now.
    pub profile: Profile,
    /// As they are now, each from when on it counts.
    pub devices: Vec<(Timestamp, DeviceId, DeviceNews)>,
    /// Every version of every fact that was ever about them, as it was recorded.
    pub facts: Vec<Fact>,
    /// Every word on every purpose.
    pub consents: Vec<(Purpose, Consent)>,
    /// As they were noticed.
    pub moments: Vec<Moment>,
}

/// One input, and when it was taken.
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) input: Input,
}

/// Stored moments that come about by themselves in a replay, so that both can be known as one.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What it is and when it happened -> its stored id.
    stored: HashMap<(&'static str, String, Timestamp), MomentId>,
    /// Id in the replay -> its stored id; none when it did not happen then.
    alias: HashMap<MomentId, Option<MomentId>>,
}

impl Known {
    /// Takes up a moment that came about in the replay.
    pub(super) fn meet(&mut self, moment: &Moment) {
        self.alias.insert(moment.id, self.stored.get(&name_of(moment)).copied());
    }

    /// The id under which a moment is stored; none for one that only happened in the replay.
    pub(super) fn stored(&self, id: MomentId) -> Option<MomentId> {
        self.alias.get(&id).copied().unwrap_or(Some(id))
    }
}

fn name_of(moment: &Moment) -> (&'static str, String, Timestamp) {
    (moment.kind.name(), moment.kind.of(), moment.occurred_at)
}

/// Does it come about by itself when facts, visits and time are replayed?
fn comes_by_itself(kind: &MomentKind) -> bool {
    match kind {
        MomentKind::Dwelled { .. }
        | MomentKind::Fact { .. }
        | MomentKind::Reached { .. }
        | MomentKind::Scheduled { .. }
        | MomentKind::Begun { .. } => true,
        MomentKind::Entered { .. }
        | MomentKind::Exited { .. }
        | MomentKind::Event { .. }
        | MomentKind::Answered { .. } => false,
    }
}

/// Inputs in the order of time up to `to`; at one instant devices come first, then consent, facts and moments.
pub(super) fn entries(person: Person, to: Timestamp) -> (Vec<Entry>, Known) {
    let user_id = person.user_id;
    let mut ranked: Vec<(Timestamp, u8, Input)> = Vec::new();
    for (at, device_id, device) in person.devices {
        ranked.push((at, 0, Input::Device { device_id, device }));
    }
    for (purpose, consent) in person.consents {
        ranked.push((consent.at, 1, Input::Consents(vec![(purpose, consent)])));
    }
    for fact in person.facts {
        let (at, is_theirs) = (fact.changed_at, fact.subjects.contains(&user_id));
        let input = if is_theirs {
            Input::Fact(fact)
        } else {
            Input::FactGone(fact.id)
        };
        ranked.push((at, 2, input));
    }
    let mut known = Known::default();
    let mut told: Vec<Moment> = Vec::new();
    for moment in person.moments {
        if comes_by_itself(&moment.kind) {
            known.stored.insert(name_of(&moment), moment.id);
        } else {
            told.push(moment);
        }
    }
    for (at, replayed) in batches(told, to) {
        ranked.push((at, 3, Input::Replay(replayed)));
    }
    ranked.sort_by_key(|(at, rank, _)| (*at, *rank));
    let log = ranked.into_iter().filter(|(at, ..)| *at < to);
    (log.map(|(at, _, input)| Entry { at, input }).collect(), known)
}

/// Moments noticed at one instant came of one input: all are applied before any of them is judged.
fn batches(mut moments: Vec<Moment>, to: Timestamp) -> Vec<(Timestamp, Vec<Replayed>)> {
    moments.sort_by_key(|moment| (moment.noticed_at, moment.occurred_at, moment.id));
    let mut ends: HashMap<_, Timestamp> = HashMap::new();
    let mut batches: Vec<(Timestamp, Vec<Replayed>)> = Vec::new();
    // From the end, so that the exit from a place is known when its entry comes up.
    for moment in moments.into_iter().rev() {
        let mut trusted_until = moment.occurred_at;
        if let MomentKind::Exited { place } = &moment.kind {
            ends.insert(place.id, moment.occurred_at);
        }
        if let MomentKind::Entered { place } = &moment.kind {
            trusted_until = ends.remove(&place.id).unwrap_or(to);
        }
        let at = moment.noticed_at;
        let replayed = Replayed { moment, trusted_until };
        match batches.last_mut() {
            Some((last, batch)) if *last == at => batch.push(replayed),
            _ => batches.push((at, vec![replayed])),
        }
    }
    for (_, batch) in &mut batches {
        batch.reverse();
    }
    batches
}
