//! Merging: an anonymous user turned out to be this one. What was known of them is known of this one, as it was.

use super::stepper::Stepper;
use crate::base::id::FenceId;
use crate::base::limits;
use crate::engine::decision::ReasonCode;
use crate::engine::fact::FactRef;
use crate::engine::subject::{Device, Instance, Purpose, Subject, Wait};

impl Stepper<'_> {
    /// Takes over what an anonymous user left. Nothing has happened by it: no visit begins, and what was said stays said. But
    /// what is known of this user may answer what was asked of the other. The same once more changes nothing.
    pub(super) fn apply_merge(&mut self, other: &Subject) {
        if other.user_id == self.subject.user_id || other.seldom.erased {
            return;
        }
        self.dirty = true;
        self.take_person(other);
        let located = self.subject.has_consent(Purpose::Location);
        self.take_ledger(other);
        self.take_devices(other, located);
        let taken = if located { self.take_visits(other) } else { Vec::new() };
        self.take_waits(other, located);
        self.follow_fence_edits();
        self.judge_waits_on(None);
        self.ask_again(&taken);
    }

    /// Consents and profile, where this user has not spoken.
    fn take_person(&mut self, other: &Subject) {
        for (purpose, consent) in other.consents.iter() {
            self.subject.consents.get_or_insert_with(*purpose, || *consent);
        }
        let (mine, theirs) = (&mut self.subject.profile, &other.profile);
        mine.locale = mine.locale.take().or_else(|| theirs.locale.clone());
        mine.time_zone = mine.time_zone.take().or_else(|| theirs.time_zone.clone());
        for (name, value) in &theirs.attributes {
            mine.attributes.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// What was said, what was counted and where journeys stand.
    fn take_ledger(&mut self, other: &Subject) {
        self.take_journeys(other);
        let mine = &mut self.subject;
        for sent in &other.sent {
            if mine.sent.iter().all(|known| known.message_id != sent.message_id) {
                mine.sent.push(sent.clone());
            }
        }
        mine.sent.sort_by_key(|sent| sent.at);
        for counted in &other.seldom.counted {
            if !mine.seldom.counted.contains(counted) {
                mine.seldom.counted.push(counted.clone());
            }
        }
        mine.seldom.counted.sort_by_key(|counted| counted.at);
        for reached in &other.seldom.reached {
            if !mine.seldom.reached.contains(reached) {
                mine.seldom.reached.push(reached.clone());
            }
        }
    }

    /// Journeys go on; of two with one key this user's does, and the other is over.
    fn take_journeys(&mut self, other: &Subject) {
        for theirs in &other.seldom.journeys {
            let mine = &self.subject.seldom.journeys;
            if mine.iter().any(|mine| mine.id == theirs.id) {
                continue;
            }
            let same = |mine: &Instance| mine.journey_id == theirs.journey_id && mine.key == theirs.key;
            if mine.iter().any(same) {
                let from = (theirs.state.clone(), theirs.since);
                self.tell_change(theirs.clone(), Some(from), Some("cancelled"));
            } else {
                self.subject.seldom.journeys.push(theirs.clone());
            }
        }
    }

    /// What each device saw last, where it is newer than what is known of the device here.
    fn take_devices(&mut self, other: &Subject, located: bool) {
        for (id, theirs) in other.devices.iter() {
            let mut theirs = theirs.clone();
            if !located {
                forget_places(&mut theirs);
            }
            let Some(mine) = self.subject.devices.get_mut(id) else {
                self.subject.devices.insert(*id, theirs);
                continue;
            };
            mine.last_seen_at = mine.last_seen_at.max(theirs.last_seen_at);
            if mine.newest < theirs.newest {
                mine.newest = theirs.newest;
                mine.last_fix = theirs.last_fix;
                mine.presence = theirs.presence;
                mine.flagged = theirs.flagged;
            }
        }
    }

    /// Visits as they were; of two that last in one place this user's goes on. Returns those that were taken.
    fn take_visits(&mut self, other: &Subject) -> Vec<FenceId> {
        let mut taken = Vec::new();
        for (fence, theirs) in other.visits.iter() {
            let mut visit = theirs.clone();
            visit.entered.user_id = self.subject.user_id;
            match self.subject.visits.get_mut(fence) {
                Some(mine) if mine.entered.id == visit.entered.id => {}
                Some(mine) if mine.left_at.is_none() && visit.left_at.is_none() => {
                    mine.evidence_at = mine.evidence_at.max(visit.evidence_at);
                }
                Some(mine) if mine.left_at.is_none() || mine.left_at > visit.left_at && visit.left_at.is_some() => {}
                _ => {
                    self.subject.visits.insert(*fence, visit);
                    taken.push(*fence);
                }
            }
        }
        taken
    }

    /// Open waits go on; one that cannot is ended with its reason.
    fn take_waits(&mut self, other: &Subject, located: bool) {
        for theirs in &other.waits {
            let mut wait = theirs.clone();
            wait.moment.user_id = self.subject.user_id;
            let same = |mine: &Wait| mine.trigger_id == wait.trigger_id && mine.facts == wait.facts;
            if self.subject.waits.iter().any(|mine| mine.id == wait.id) {
                continue;
            }
            let ends = if !located && wait.moment.kind.place().is_some() {
                Some((ReasonCode::OptedOut, "The person withdrew consent to location"))
            } else if self.subject.waits.iter().any(same) {
                Some((ReasonCode::Superseded, "The person waits for the same already"))
            } else if self.subject.waits.len() >= limits::WAITS_PER_USER_MAX {
                Some((ReasonCode::Cap, "The person has as many open waits as one may have"))
            } else {
                None
            };
            match ends {
                Some((code, says)) => self.end_wait(&wait, code, says),
                None => self.subject.waits.push(wait),
            }
        }
    }

    /// What is known of this user may answer what was asked when the other one came in.
    fn ask_again(&mut self, fences: &[FenceId]) {
        let now = self.given.now;
        let facts = self.subject.facts.iter().filter(|fact| fact.is_active(now));
        let facts: Vec<FactRef> = facts.map(|fact| fact.id.clone()).collect();
        for fence in fences {
            for fact in &facts {
                // Read anew each time: an answer that was just given is not given again.
                let visit = self.subject.visits.get(fence).filter(|visit| !visit.silent).cloned();
                if let Some(visit) = visit {
                    self.revise_visit(&visit, fact);
                }
            }
        }
    }
}

fn forget_places(device: &mut Device) {
    device.presence.clear();
    device.flagged.clear();
    device.last_fix = None;
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
