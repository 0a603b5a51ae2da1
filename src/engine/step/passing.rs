//! The passing of time: exits that nothing contradicted, dwells, and when to look again.

use super::here::Holding;
use super::stepper::Stepper;
use crate::base::id::{DeviceId, FenceId};
use crate::base::time::{Span, Timestamp};
use crate::engine::catalogue::Catalogue;
use crate::engine::fence::{Geofence, Position};
use crate::engine::moment::{Evidence, MomentKind};
use crate::engine::presence::{self, Change, Inside, Likelihood};
use crate::engine::subject::{Subject, Visit};

impl Stepper<'_> {
    /// Fires everything that falls due up to `until`, in the order it falls due.
    pub(super) fn pass_time_until(&mut self, until: Timestamp) {
        if !self.subject.is_idle() {
            self.exit_by_silence(until);
            self.dwell(until);
        }
    }

    fn exit_by_silence(&mut self, until: Timestamp) {
        let catalogue = self.given.catalogue;
        let by_crossing = |inside: &Inside| inside.leaving().is_some_and(|leaving| leaving.by_crossing);
        let mut leaving: Vec<(DeviceId, FenceId)> = Vec::new();
        for (device_id, device) in self.subject.devices.iter() {
            let left = device.presence.iter().filter(|(_, inside)| by_crossing(inside));
            leaving.extend(left.map(|(fence, _)| (*device_id, *fence)));
        }
        for (device_id, fence_id) in leaving {
            let Some(fence) = catalogue.fences.get(&fence_id).cloned() else {
                continue;
            };
            let rules = catalogue.thresholds(&fence);
            let mut state = self.device(device_id).presence.remove(&fence_id);
            let change = presence::on_time(&mut state, until, &rules);
            if let Some(inside) = state {
                self.device(device_id).presence.insert(fence_id, inside);
            }
            if change != Change::None {
                let evidence = Evidence {
                    probability: Some(presence::CROSSING_ENTER_P),
                    ..Evidence::default()
                };
                self.follow(device_id, &fence, change, evidence);
            }
        }
    }

    fn dwell(&mut self, until: Timestamp) {
        if !self.given.catalogue.may_ask_how_long() {
            return;
        }
        let mut due: Vec<(Timestamp, FenceId, Span)> = Vec::new();
        for (fence_id, visit) in self.subject.visits.iter() {
            due.extend(
                dwells_due(&self.subject, visit, *fence_id, self.given.catalogue).filter(|(at, ..)| *at <= until),
            );
        }
        due.sort_unstable();
        for (at, fence_id, span) in due {
            let Some(visit) = self.subject.visits.get_mut(&fence_id) else {
                continue;
            };
            visit.dwelled_s.push(span.as_seconds());
            let (place, device_id) = (visit.place.clone(), visit.entered.device_id);
            let evidence = Evidence {
                probability: visit.entered.evidence.probability,
                ..Evidence::default()
            };
            let moment = self.moment(device_id, at, MomentKind::Dwelled { place, stayed: span }, evidence);
            self.notice(moment);
        }
    }

    /// Moving or deleting a fence never looks like a crossing: who is in a fence that is gone simply is not any more (DESIGN.md 5.14).
    pub(super) fn follow_fence_edits(&mut self) {
        let catalogue = self.given.catalogue;
        let is_as_known = |fence: &FenceId, version: i64| {
            let fence = self.fence(*fence);
            fence.is_some_and(|fence| fence.version == version)
        };
        let visits = self.subject.visits.iter();
        let edited: Vec<FenceId> = visits
            .filter(|(id, visit)| !is_as_known(id, visit.place.version))
            .map(|(id, _)| *id)
            .collect();
        for fence_id in edited {
            let fence = catalogue.fences.get(&fence_id);
            self.dirty = true;
            for device in self.subject.devices.values_mut() {
                let last = device
                    .last_fix
                    .and_then(|last| Position::new(last.lat, last.lng).ok().map(|at| (at, last.accuracy_m)));
                let still_in = match (fence, last) {
                    (Some(fence), Some((at, accuracy_m))) => {
                        let seen = Likelihood::of(
                            fence.shape.effective_radius_m(),
                            fence.shape.signed_distance_m(at),
                            accuracy_m,
                        );
                        seen.exit_p < catalogue.thresholds(fence).exit_p
                    }
                    // Known by a crossing alone: the edit does not speak against it.
                    (Some(_), None) => true,
                    (None, _) => false,
                };
                if !still_in {
                    device.presence.remove(&fence_id);
                }
            }
            let anyone_in = self
                .subject
                .devices
                .values()
                .any(|device| device.presence.contains_key(&fence_id));
            match (fence, self.subject.visits.get_mut(&fence_id)) {
                (Some(fence), Some(visit)) if anyone_in || visit.left_at.is_some() => {
                    visit.place = super::observe::place_of(fence);
                }
                _ => {
                    self.subject.visits.remove(&fence_id);
                }
            }
        }
    }

    /// A fence that was moved over people who stand still: they are inside, and nothing has happened.
    pub(super) fn settle_edited_fences(&mut self, device_id: DeviceId, here: &[Holding<'_>]) {
        if here.is_empty() {
            return;
        }
        let Some(last) = self.device(device_id).last_fix else {
            return;
        };
        let Ok(last_position) = Position::new(last.lat, last.lng) else {
            return;
        };
        for fence in here.iter().map(|holding| holding.fence) {
            let edited_since = fence.version > 1 && fence.updated_at > last.at.timestamp();
            if !edited_since || self.device(device_id).presence.contains_key(&fence.id) {
                continue;
            }
            let edge_m = fence.shape.signed_distance_m(last_position);
            let seen = Likelihood::of(fence.shape.effective_radius_m(), edge_m, last.accuracy_m);
            if seen.enter_p >= self.given.catalogue.thresholds(fence).enter_p {
                let inside = Inside::since_the(last.at.timestamp());
                self.device(device_id).presence.insert(fence.id, inside);
                self.begin_silently(device_id, fence);
            }
        }
    }
}

impl Stepper<'_> {
    fn begin_silently(&mut self, device_id: DeviceId, fence: &Geofence) {
        self.dirty = true;
        if self.is_inside(fence.id) {
            return;
        }
        let place = super::observe::place_of(fence);
        let kind = MomentKind::Entered { place: place.clone() };
        let entered = self.moment(Some(device_id), fence.updated_at, kind, Evidence::default());
        let (evidence_at, dwelled_s, answers) = (fence.updated_at, Vec::new(), Vec::new());
        let visit = Visit {
            entered,
            place,
            evidence_at,
            left_at: None,
            silent: true,
            dwelled_s,
            answers,
        };
        self.subject.visits.insert(fence.id, visit);
    }
}

/// The dwells of a visit that are not noticed yet and that its evidence covers. Signs of leaving on every device hold back
/// what would come after them: they prove true, or a fix inside takes them back and the dwell is noticed then.
fn dwells_due(
    subject: &Subject,
    visit: &Visit,
    fence_id: FenceId,
    catalogue: &Catalogue,
) -> impl Iterator<Item = (Timestamp, FenceId, Span)> {
    let lasts = visit.left_at.is_none();
    let fence = lasts.then(|| catalogue.fences.get(&fence_id)).flatten();
    let mut spans = fence.map(|fence| catalogue.dwell_spans(fence)).unwrap_or_default();
    spans.retain(|span| !visit.dwelled_s.contains(&span.as_seconds()));
    // Nobody asks, or all is told: nothing else need be known.
    let open = fence.filter(|_| !spans.is_empty());
    let trusted_until = open.map(|fence| visit.evidence_at + catalogue.thresholds(fence).trusted_for.delta());
    let leaving = open.and_then(|_| leaving_since(subject, fence_id));
    let since = visit.entered.occurred_at;
    spans
        .into_iter()
        .map(move |span| (since + span.delta(), fence_id, span))
        .filter(move |(at, ..)| {
            trusted_until.is_some_and(|until| *at <= until) && leaving.is_none_or(|since| *at < since)
        })
}

/// Since when every device that is inside shows signs of leaving.
fn leaving_since(subject: &Subject, fence_id: FenceId) -> Option<Timestamp> {
    let inside = subject
        .devices
        .values()
        .filter_map(|device| device.presence.get(&fence_id));
    let signs: Option<Vec<Timestamp>> = inside
        .map(|inside| inside.leaving().map(|leaving| leaving.since))
        .collect();
    signs?.into_iter().max()
}

/// When this subject next wants a tick; none when only an input can change anything.
pub(super) fn wake_at(subject: &Subject, catalogue: &Catalogue, now: Timestamp) -> Option<Timestamp> {
    let clock = super::clockwork::wakes_at(subject, catalogue, now);
    if subject.is_idle() {
        return clock;
    }
    let waits = subject.waits.iter();
    let waits = waits.flat_map(|wait| [wait.due_at, Some(wait.ends_at)]).flatten();
    let visits = subject.visits.iter().filter(|_| catalogue.may_ask_how_long());
    let dwells = visits.flat_map(|(id, visit)| dwells_due(subject, visit, *id, catalogue).map(|(at, ..)| at));
    let exits = subject.devices.values().flat_map(|device| {
        device.presence.iter().filter_map(|(id, inside)| {
            // Without signs of leaving there is nothing to look up.
            inside.leaving()?;
            let fence = catalogue.fences.get(id)?;
            presence::wakes_at(inside, &catalogue.thresholds(fence))
        })
    });
    // A fact that comes into force matters only to somebody who is somewhere, waits for something or goes a way.
    let cares =
        || !subject.waits.is_empty() || !subject.seldom.journeys.is_empty() || subject.places_inside().next().is_some();
    let facts = subject.facts.iter().filter_map(|fact| fact.turns_at(now)).min();
    let journeys = subject.seldom.journeys.iter().map(|instance| instance.ends_at);
    let ladders = subject.sent.iter().filter_map(|sent| sent.course.ladder.next_at());
    // One after the other: mostly there is nothing of each, and a chain asks again and again which of them it is at.
    let next = [
        waits.min(),
        dwells.min(),
        exits.min(),
        facts.filter(|_| cares()),
        clock,
        journeys.min(),
        ladders.min(),
    ];
    next.into_iter().flatten().min()
}
