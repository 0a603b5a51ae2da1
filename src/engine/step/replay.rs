//! Replay: stored moments told again. They move visits as they did and are judged; nothing is recorded a second time.

use super::Replayed;
use super::stepper::Stepper;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Mode;
use crate::engine::moment::{Moment, MomentKind, Place};
use crate::engine::subject::Visit;

impl Stepper<'_> {
    /// The stored moments of one input, in the order they happened.
    pub(super) fn replay(&mut self, replayed: &[Replayed]) {
        for Replayed { moment, trusted_until } in replayed {
            // What time alone brings between two of them is noticed in its turn, as it is between two fixes.
            self.pass_time_until(moment.occurred_at);
            match &moment.kind {
                MomentKind::Entered { place } => self.replay_entered(moment, place, *trusted_until),
                MomentKind::Exited { place } => self.replay_exited(moment, place),
                MomentKind::Event { name, properties } => self.count(name, properties, moment.occurred_at),
                MomentKind::Answered { .. } => {}
                // These come about by themselves: from facts, from visits, and from time.
                MomentKind::Dwelled { .. }
                | MomentKind::Fact { .. }
                | MomentKind::Reached { .. }
                | MomentKind::Scheduled { .. }
                | MomentKind::Begun { .. } => continue,
            }
            let device = moment.device_id.and_then(|id| self.subject.devices.get_mut(&id));
            if let Some(device) = device {
                device.last_seen_at = device.last_seen_at.max(Some(moment.occurred_at.into()));
            }
            self.dirty = true;
            self.fresh.push(moment.clone());
        }
    }

    /// The evidence of every fix is not stored: the visit is trusted for as long as it is known to have lasted.
    fn replay_entered(&mut self, moment: &Moment, place: &Place, trusted_until: Timestamp) {
        let flagged = moment.evidence.simulated || moment.evidence.implausible;
        if flagged && self.given.catalogue.mode == Mode::Live {
            return;
        }
        let mut place = place.clone();
        // The fence may have been edited since: that is no edit in the middle of this visit.
        if let Some(fence) = self.given.catalogue.fences.get(&place.id) {
            place.version = fence.version;
        }
        let visit = Visit {
            entered: moment.clone(),
            evidence_at: trusted_until.max(moment.occurred_at),
            left_at: None,
            silent: false,
            dwelled_s: Vec::new(),
            answers: Vec::new(),
            place,
        };
        self.subject.visits.insert(visit.place.id, visit);
    }

    fn replay_exited(&mut self, moment: &Moment, place: &Place) {
        if let Some(visit) = self.subject.visits.get_mut(&place.id) {
            visit.left_at = Some(moment.occurred_at);
        }
    }
}
