//! Where the person is: fixes and crossings move the presence of a device, and with it the visits of its user.

use super::here::{Holding, likelihood};
use super::observe::{evidence_of, place_of};
use super::stepper::Stepper;
use crate::base::id::{DeviceId, FenceId};
use crate::base::time::Timestamp;
use crate::engine::fence::{Geofence, Position};
use crate::engine::fix::{Crossing, Fix, Record, Transition};
use crate::engine::moment::{Evidence, MomentKind};
use crate::engine::presence::{self, Change, Inside, Likelihood, Thresholds};
use crate::engine::subject::Visit;

impl<'a> Stepper<'a> {
    /// `fences` are those that hold the position; those that hold it no longer are looked at as well.
    pub(super) fn move_presence(
        &mut self,
        device_id: DeviceId,
        record: &Record,
        fix: &Fix,
        position: Position,
        fences: Vec<Holding<'a>>,
    ) {
        let catalogue = self.given.catalogue;
        let inside = self.device(device_id).presence.keys();
        let elsewhere = inside.filter(|id| fences.iter().all(|holding| holding.fence.id != **id));
        let left_behind: Vec<_> = elsewhere.filter_map(|id| catalogue.fences.get(id)).collect();
        let holding = fences
            .into_iter()
            .map(|holding| (holding.fence, holding.likelihood(position, fix)));
        let left = left_behind
            .into_iter()
            .map(|fence| (&**fence, likelihood(fence, position, fix, false)));
        for (fence, seen) in holding.chain(left) {
            let rules = catalogue.thresholds(fence);
            let change = self.move_in(device_id, fence.id, seen, record.at, &rules);
            // Most fixes change nothing, and what they are evidence of is only written where something does.
            if matches!(change, Change::None) {
                continue;
            }
            let probability = if matches!(change, Change::Left(_)) {
                seen.exit_p
            } else {
                seen.enter_p
            };
            self.follow(device_id, fence, change, evidence_of(record, fix, probability));
        }
    }

    /// Moves the presence of a device in one geofence; where nothing comes of it, the visit is as evident as it now is.
    fn move_in(
        &mut self,
        device_id: DeviceId,
        fence: FenceId,
        seen: Likelihood,
        at: Timestamp,
        rules: &Thresholds,
    ) -> Change {
        let known = &mut self.device(device_id).presence;
        let Some(inside) = known.get_mut(&fence) else {
            let mut state = None;
            let change = presence::on_fix(&mut state, seen, at, rules);
            if let Some(inside) = state {
                known.insert(fence, inside);
            }
            return change;
        };
        // Changed where it is: to take it out and to put it back takes and gives memory each time.
        let before = inside.leaving();
        let change = presence::on_fix_inside(inside, seen, at, rules);
        let (after, evidence_at) = (inside.leaving(), inside.evidence_at());
        if matches!(change, Change::Left(_)) {
            known.remove(&fence);
        } else if let Some(visit) = self.subject.visits.get_mut(&fence) {
            visit.evidence_at = visit.evidence_at.max(evidence_at);
        }
        self.dirty |= before != after;
        change
    }

    pub(super) fn apply_crossing(&mut self, device_id: DeviceId, record: &Record, crossing: &Crossing) {
        if record.suspect || !self.take_place_in_order(device_id, record) {
            return;
        }
        self.pass_time_until(record.at);
        let Some(fence) = self.given.catalogue.fences.get(&crossing.geofence_id).cloned() else {
            return;
        };
        let rules = self.given.catalogue.thresholds(&fence);
        let mut state = self.device(device_id).presence.remove(&fence.id);
        let change = match crossing.transition {
            Transition::Enter | Transition::Dwell => presence::on_enter_crossing(&mut state, record.at, &rules),
            Transition::Exit => {
                presence::on_exit_crossing(&mut state, record.at);
                Change::None
            }
        };
        self.dirty = true;
        if let Some(inside) = state {
            self.device(device_id).presence.insert(fence.id, inside);
        }
        let evidence = Evidence {
            record_id: Some(record.id.clone()),
            probability: Some(presence::CROSSING_ENTER_P),
            quality: Some(record.quality),
            ..Evidence::default()
        };
        self.follow(device_id, &fence, change, evidence);
    }

    /// One device's presence changed: does the person's?
    pub(super) fn follow(&mut self, device_id: DeviceId, fence: &Geofence, change: Change, evidence: Evidence) {
        match change {
            Change::None => self.renew_evidence(device_id, fence.id),
            Change::Entered => self.enter(device_id, fence, evidence),
            Change::Left(since) => self.leave(device_id, fence, since, evidence),
        }
    }

    fn renew_evidence(&mut self, device_id: DeviceId, fence: FenceId) {
        let seen_at = self.device(device_id).presence.get(&fence).map(Inside::evidence_at);
        if let (Some(at), Some(visit)) = (seen_at, self.subject.visits.get_mut(&fence)) {
            visit.evidence_at = visit.evidence_at.max(at);
        }
    }

    fn enter(&mut self, device_id: DeviceId, fence: &Geofence, evidence: Evidence) {
        let Some(at) = self.device(device_id).presence.get(&fence.id).map(Inside::since) else {
            return;
        };
        self.dirty = true;
        if self.is_inside(fence.id) {
            // Another device is there already: one moment per user (N20).
            return self.renew_evidence(device_id, fence.id);
        }
        let place = place_of(fence);
        let moment = self.moment(
            Some(device_id),
            at,
            MomentKind::Entered { place: place.clone() },
            evidence,
        );
        let visit = Visit {
            entered: moment.clone(),
            place,
            evidence_at: at,
            left_at: None,
            silent: false,
            dwelled_s: Vec::new(),
            answers: Vec::new(),
        };
        self.subject.visits.insert(fence.id, visit);
        self.notice(moment);
    }

    fn leave(&mut self, device_id: DeviceId, fence: &Geofence, since: Timestamp, evidence: Evidence) {
        self.dirty = true;
        let still_there = self
            .subject
            .devices
            .values()
            .any(|device| device.presence.contains_key(&fence.id));
        if still_there {
            return;
        }
        if let Some(visit) = self
            .subject
            .visits
            .get_mut(&fence.id)
            .filter(|visit| visit.left_at.is_none())
        {
            visit.left_at = Some(since);
            let kind = MomentKind::Exited {
                place: visit.place.clone(),
            };
            let moment = self.moment(Some(device_id), since, kind, evidence);
            self.notice(moment);
        }
    }
}
