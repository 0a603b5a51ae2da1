//! Observations: the records of one device, applied in event time. Fixes and crossings move presence; the rest is noted.

use super::here::accuracy_m;
use super::stepper::Stepper;
use super::{Input, KeptBecause, KeptFix, Received, Refused};
use crate::base::compact::Number;
use crate::base::id::{DeviceId, FenceId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::{KeepFixes, Mode};
use crate::engine::decision::ReasonCode;
use crate::engine::fence::{Geofence, Position};
use crate::engine::fix::{Body, DeviceContext, Fix, Quality, ReceiptStatus, Record};
use crate::engine::moment::{Evidence, Moment, MomentKind, Place};
use crate::engine::subject::{Device, LastFix, Mark, Purpose, RecordId};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use thin_vec::ThinVec;

/// Faster than this between two fixes is no journey, in m/s… (DESIGN.md 5.3)
const JUMP_SPEED_MPS: f64 = 350.0;
/// …beyond this allowance for two coarse fixes close in time, in metres.
const JUMP_ALLOWANCE_M: f64 = 2_000.0;

/// No degree of latitude is longer than this many metres (it is 111,694 at a pole)…
const DEGREE_OF_LAT_MAX_M: f64 = 111_700.0;
/// …and none of longitude than this (111,320 on the equator).
const DEGREE_OF_LNG_MAX_M: f64 = 111_330.0;

impl Stepper<'_> {
    pub(super) fn refuse_all(&mut self, input: &Input) {
        if let Input::Records { records, .. } = input {
            for record in records {
                self.refuse(record, ReasonCode::Erased);
            }
        }
    }

    fn refuse(&mut self, record: &Record, code: ReasonCode) {
        self.out.refused.push(Refused {
            record_id: record.id.clone(),
            code,
        });
    }

    pub(super) fn apply_records(&mut self, device_id: DeviceId, records: &[Record]) {
        let located = self.subject.has_consent(Purpose::Location);
        // Alone, as most records come, it is in order and no second of its kind.
        if let [only] = records {
            return self.apply_located(device_id, only, located);
        }
        let mut ordered: Vec<&Record> = records.iter().collect();
        ordered.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let mut seen = BTreeSet::new();
        for record in ordered {
            if seen.insert(&record.id) {
                self.apply_located(device_id, record, located);
            }
        }
    }

    /// Applies a record, unless it says where the person is who has not agreed to that.
    fn apply_located(&mut self, device_id: DeviceId, record: &Record, located: bool) {
        if located || !matches!(record.body, Body::Fix(_) | Body::Crossing(_)) {
            return self.apply_record(device_id, record);
        }
        let withdrawn = self.subject.consents.contains_key(&Purpose::Location);
        let code = if withdrawn {
            ReasonCode::OptedOut
        } else {
            ReasonCode::NoConsent
        };
        self.refuse(record, code);
    }

    fn apply_record(&mut self, device_id: DeviceId, record: &Record) {
        match &record.body {
            Body::Fix(fix) => self.apply_fix(device_id, record, fix),
            Body::Crossing(crossing) => self.apply_crossing(device_id, record, crossing),
            Body::Event(event) if !record.suspect => {
                self.notice_event(
                    Some(device_id),
                    &record.id,
                    &event.name,
                    &event.properties,
                    record.at,
                    Some(record.quality),
                );
            }
            Body::Event(_) => {}
            Body::Context(context) => self.apply_context(device_id, record, context),
            Body::Receipt(receipt) => {
                self.out.receipts.push(Received {
                    record_id: record.id.clone(),
                    device_id,
                    message_id: receipt.message_id,
                    status: receipt.status,
                    action: receipt.action.clone(),
                    text: receipt.text.clone(),
                    at: record.at,
                });
                if receipt.status != ReceiptStatus::Failed {
                    self.need_no_further_way(receipt.message_id);
                }
                if !record.suspect {
                    self.notice_answer(device_id, record, receipt);
                }
            }
        }
        if !record.suspect {
            let device = self.device(device_id);
            device.last_seen_at = device.last_seen_at.max(Some(record.at.into()));
        }
    }

    pub(super) fn device(&mut self, device_id: DeviceId) -> &mut Device {
        self.subject.devices.get_or_insert_with(device_id, Device::default)
    }

    /// In order, and newer than all before? Then it counts, and becomes the newest.
    pub(super) fn take_place_in_order(&mut self, device_id: DeviceId, record: &Record) -> bool {
        let newest = &mut self.device(device_id).newest;
        let this = Some(Mark::of(record.at, &record.id));
        let is_newer = *newest < this;
        if is_newer {
            *newest = this;
        }
        is_newer
    }

    fn apply_fix(&mut self, device_id: DeviceId, record: &Record, fix: &Fix) {
        if record.suspect {
            return self.keep(device_id, record, fix, KeptBecause::Suspect);
        }
        if !self.take_place_in_order(device_id, record) {
            let newest = self.device(device_id).newest.as_ref();
            if newest.is_none_or(|newest| newest.record_id != RecordId::from(&*record.id)) {
                self.keep(device_id, record, fix, KeptBecause::Late);
            }
            return;
        }
        self.pass_time_until(record.at);
        let Ok(position) = Position::new(fix.lat, fix.lng) else {
            return;
        };
        let jumped = self.is_jump(device_id, record.at, position);
        if (fix.simulated || jumped) && self.given.catalogue.mode == Mode::Live {
            self.note_flagged(device_id, record, fix, position, jumped);
            let why = if jumped {
                KeptBecause::Implausible
            } else {
                KeptBecause::Simulated
            };
            return self.keep(device_id, record, fix, why);
        }
        let noticed = self.out.moments.len();
        let here = self.fences_at(position, fix);
        self.settle_edited_fences(device_id, &here);
        self.move_presence(device_id, record, fix, position, here);
        let device = self.device(device_id);
        device.last_fix = Some(LastFix {
            at: record.at.into(),
            lat: fix.lat,
            lng: fix.lng,
            accuracy_m: accuracy_m(fix),
            speed_mps: fix.speed_mps.and_then(Number::new),
        });
        device.flagged.clear();
        let why = if self.out.moments.len() > noticed {
            KeptBecause::Evidence
        } else {
            KeptBecause::Plain
        };
        self.keep(device_id, record, fix, why);
    }

    fn is_jump(&mut self, device_id: DeviceId, at: Timestamp, to: Position) -> bool {
        let Some(last) = self.device(device_id).last_fix else {
            return false;
        };
        let Ok(from) = Position::new(last.lat, last.lng) else {
            return false;
        };
        // Nearly every fix is near the one before, and then nobody asks how near exactly.
        if farthest_m(from, to) <= JUMP_ALLOWANCE_M {
            return false;
        }
        let seconds = (at - last.at.timestamp()).as_seconds_f64();
        crate::engine::fence::distance_m(from, to) > JUMP_SPEED_MPS * seconds + JUMP_ALLOWANCE_M
    }

    /// A made-up or impossible fix changes no presence; where it would have, that is noticed once and explained.
    fn note_flagged(&mut self, device_id: DeviceId, record: &Record, fix: &Fix, position: Position, implausible: bool) {
        let mut would_be_in = ThinVec::new();
        for holding in self.fences_at(position, fix) {
            let (fence, seen) = (holding.fence, holding.likelihood(position, fix));
            if seen.enter_p < self.given.catalogue.thresholds(fence).enter_p || self.is_inside(fence.id) {
                continue;
            }
            would_be_in.push(fence.id);
            if !self.device(device_id).flagged.contains(&fence.id) {
                let mut evidence = evidence_of(record, fix, seen.enter_p);
                evidence.implausible = implausible;
                let kind = MomentKind::Entered { place: place_of(fence) };
                let moment = self.moment(Some(device_id), record.at, kind, evidence);
                self.notice(moment);
            }
        }
        would_be_in.sort_unstable();
        if self.device(device_id).flagged != would_be_in {
            self.dirty = true;
            self.device(device_id).flagged = would_be_in;
        }
    }

    pub(super) fn is_inside(&self, fence: FenceId) -> bool {
        self.subject
            .visits
            .get(&fence)
            .is_some_and(|visit| visit.left_at.is_none())
    }

    pub(super) fn notice_event(
        &mut self,
        device_id: Option<DeviceId>,
        record_id: &str,
        name: &str,
        properties: &Map<String, Value>,
        at: Timestamp,
        quality: Option<Quality>,
    ) {
        let evidence = Evidence {
            record_id: Some(record_id.to_owned()),
            quality,
            ..Evidence::default()
        };
        let kind = MomentKind::Event {
            name: name.to_owned(),
            properties: properties.clone(),
        };
        self.count(name, properties, at);
        let moment = self.moment(device_id, at, kind, evidence);
        self.notice(moment);
    }

    fn apply_context(&mut self, device_id: DeviceId, record: &Record, context: &DeviceContext) {
        let device = self.device(device_id);
        let late = record.suspect || device.last_seen_at.is_some_and(|seen| seen > record.at.into());
        if late {
            return;
        }
        device.battery = context.battery.and_then(Number::new).or(device.battery);
        let is_other = device.describe(|about| {
            about.locale = context.locale.clone().or(about.locale.take());
            about.time_zone = context.time_zone.clone().or(about.time_zone.take());
            about.notifications = context.notifications.unwrap_or(about.notifications);
        });
        self.dirty |= is_other;
    }

    pub(super) fn moment(
        &mut self,
        device_id: Option<DeviceId>,
        at: Timestamp,
        kind: MomentKind,
        evidence: Evidence,
    ) -> Moment {
        Moment {
            id: self.ids.draw(),
            user_id: self.subject.user_id,
            device_id,
            occurred_at: at,
            noticed_at: self.given.now,
            kind,
            evidence,
            of: None,
        }
    }

    /// Keeps a fix as far as the project wants it kept.
    fn keep(&mut self, device_id: DeviceId, record: &Record, fix: &Fix, why: KeptBecause) {
        let wanted = match self.given.catalogue.settings.keep_fixes {
            KeepFixes::None => false,
            KeepFixes::Evidence => why != KeptBecause::Plain,
            KeepFixes::All => true,
        };
        if wanted {
            let kept = KeptFix {
                record_id: record.id.clone(),
                device_id,
                at: record.at,
                fix: fix.clone(),
                why,
            };
            self.out.fixes.push(kept);
        }
    }
}

/// More than the distance between two places, in metres: one way along the meridian, one along the equator.
fn farthest_m(from: Position, to: Position) -> f64 {
    let east = (to.lng - from.lng).abs();
    (to.lat - from.lat).abs() * DEGREE_OF_LAT_MAX_M + east.min(360.0 - east) * DEGREE_OF_LNG_MAX_M
}

pub(super) fn place_of(fence: &Geofence) -> Place {
    Place {
        id: fence.id,
        external_id: fence.external_id().to_owned(),
        tag: fence.tag().to_owned(),
        name: fence.name().to_owned(),
        version: fence.version,
    }
}

pub(super) fn evidence_of(record: &Record, fix: &Fix, probability: f64) -> Evidence {
    let cell = h3o::LatLng::new(fix.lat, fix.lng)
        .ok()
        .map(|at| at.to_cell(h3o::Resolution::Seven).to_string());
    Evidence {
        record_id: Some(record.id.clone()),
        probability: Some((probability * 1e4).round() / 1e4),
        accuracy_m: fix.accuracy_m,
        quality: Some(record.quality),
        cell,
        simulated: fix.simulated,
        implausible: false,
    }
}
