//! Disturbance: what the world does to a clean walk. Fixes scatter, phones lose their network, clocks go wrong. Pure and seeded.

use super::format::{Act, BatchAct, CrossingAct, FixAct, Walk, WalkStep};
use super::path::{Steps, rounded, wrapped};
use crate::base::id::{FenceId, IdSource};
use crate::base::limits;
use crate::base::time::{Span, Timestamp};
use crate::engine::fix::{Crossing, Envelope, Fix, RawBody, RawRecord};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Metres of one degree of latitude: to scatter by, not to measure by.
const METRES_PER_DEGREE: f64 = 111_320.0;
/// Share of a circle that 68 % of a Gaussian scatter fill, in standard deviations (DESIGN.md 5.4).
const SIGMAS_OF_ACCURACY: f64 = 1.51;
/// Ids of places that a crossing in a batch names are made from this.
const PLACES: Uuid = Uuid::from_u128(0x7573_6865_7220_706c_6163_0000_0000_0001);

/// What goes wrong on the way. The same seed gives the same outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disturbance {
    /// All scatter is drawn from it.
    pub seed: u64,
    /// Radius in metres that holds 68 % of the scatter of every fix; its stated accuracy grows with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100_000)]
    pub noise_m: Option<f64>,
    /// What a device records in the gap arrives in one batch at its end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub offline: Vec<Offline>,
    /// Clocks that go wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub skew: Vec<Skew>,
    /// How many times as fast as written the paths are walked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.01, maximum = 100)]
    pub speed: Option<f64>,
}

/// A device without network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offline {
    /// The walk's name for the device.
    #[schema(max_length = 128)]
    pub device: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// A device whose wall clock is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// The walk's name for the device.
    #[schema(max_length = 128)]
    pub device: String,
    /// How far it is ahead: `PT3H`; behind: `-PT3H`.
    #[schema(value_type = String, example = "-PT3H")]
    pub by: Shift,
}

/// A span that may be negative, written with a minus ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shift(TimeDelta);

impl std::str::FromStr for Shift {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (bare, sign) = text.strip_prefix('-').map_or((text, 1), |bare| (bare, -1));
        let span: Span = bare
            .parse()
            .map_err(|error| format!("{error}; with a minus ahead, such as -PT3H, the clock is behind"))?;
        Ok(Self(span.delta() * sign))
    }
}

impl TryFrom<String> for Shift {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shift> for String {
    fn from(shift: Shift) -> Self {
        let sign = if shift.0 < TimeDelta::zero() { "-" } else { "" };
        format!("{sign}{}", Span::seconds(shift.0.num_seconds().abs()))
    }
}

/// What of a disturbance does not fit the walk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct DisturbError {
    /// JSON pointer into the disturbance.
    pub pointer: String,
    pub detail: String,
}

impl Disturbance {
    /// Does it change anything at all?
    pub fn is_any(&self) -> bool {
        *self
            != Self {
                seed: self.seed,
                ..Self::default()
            }
    }

    /// Checks every bound, and that the devices it names are in the walk.
    pub fn check(&self, walk: &Walk) -> Result<(), DisturbError> {
        let fail = |pointer: String, detail: String| Err(DisturbError { pointer, detail });
        let noise = self.noise_m.unwrap_or(0.0);
        if !(0.0..=limits::NOISE_M_MAX).contains(&noise) {
            return fail(
                "/noise_m".into(),
                format!("must lie between 0 and {} metres", limits::NOISE_M_MAX),
            );
        }
        if !(0.01..=100.0).contains(&self.speed.unwrap_or(1.0)) {
            return fail("/speed".into(), "must lie between 0.01 and 100 times".into());
        }
        for (list, count) in [("/offline", self.offline.len()), ("/skew", self.skew.len())] {
            if count > limits::ENTRIES_PER_MAP_MAX {
                return fail(list.into(), format!("at most {} entries", limits::ENTRIES_PER_MAP_MAX));
            }
        }
        let known: Vec<&str> = walk
            .users
            .iter()
            .flat_map(|user| user.devices.iter().map(|device| device.id.as_str()))
            .collect();
        let gaps = self
            .offline
            .iter()
            .enumerate()
            .map(|(n, gap)| ("offline", n, &gap.device));
        let skews = self.skew.iter().enumerate().map(|(n, skew)| ("skew", n, &skew.device));
        for (list, number, device) in gaps.chain(skews) {
            if !known.contains(&device.as_str()) {
                let detail = format!("there is no device `{device}`; the walk has {}", known.join(", "));
                return fail(format!("/{list}/{number}/device"), detail);
            }
        }
        for (number, gap) in self.offline.iter().enumerate() {
            if gap.from >= gap.to {
                return fail(format!("/offline/{number}/to"), "must be after `from`".into());
            }
        }
        Ok(())
    }

    /// The steps as they arrive. Places that a crossing names get an id in `walk`, so that a batch can name them, too.
    ///
    /// Each step keeps or gets the id of its record first: what is moved must stay the same record.
    pub(super) fn apply(&self, walk: &mut Walk, mut steps: Steps) -> Steps {
        for (number, (_, step)) in steps.iter_mut().enumerate() {
            name_record(number, &mut step.act);
            if let (Some(noise_m), Act::Fix(act)) = (self.noise_m, &mut step.act) {
                self.scatter(
                    noise_m,
                    &act.device,
                    act.id.as_deref().unwrap_or_default(),
                    &mut act.fix,
                );
            }
            if let (Some(noise_m), Act::Batch(batch)) = (self.noise_m, &mut step.act) {
                for record in &mut batch.records {
                    if let RawBody::Fix(fix) = &mut record.body {
                        self.scatter(noise_m, &batch.device, &record.id, fix);
                    }
                }
            }
        }
        if self.offline.is_empty() && self.skew.is_empty() {
            return steps;
        }
        let places = name_places(walk, &mut steps);
        let mut gaps = self.offline.clone();
        gaps.sort_by_key(|gap| gap.from);
        for gap in &gaps {
            steps = hold_back(gap, steps, &places);
        }
        for skew in &self.skew {
            steps = steps
                .into_iter()
                .map(|(number, step)| (number, shift(skew, step, &places)))
                .collect();
        }
        steps
    }

    /// Moves a fix by a Gaussian draw that is always the same for one seed, device and record.
    fn scatter(&self, noise_m: f64, device: &str, record: &str, fix: &mut Fix) {
        let digest = Sha256::digest(format!("{}|{device}|{record}", self.seed).as_bytes());
        let draw = |from: usize| {
            let mut bytes = [0_u8; 8];
            bytes.copy_from_slice(&digest[from..from + 8]);
            // Above 0 and at most 1: its logarithm is finite.
            (u64::from_be_bytes(bytes) as f64 + 1.0) / (u64::MAX as f64 + 1.0)
        };
        // Box and Muller: two even draws make two normal ones.
        let reach_m = (-2.0 * draw(0).ln()).sqrt() * noise_m / SIGMAS_OF_ACCURACY;
        let (east, north) = (draw(8) * std::f64::consts::TAU).sin_cos();
        let shrunk = fix.lat.to_radians().cos().max(0.01);
        fix.lat = rounded((fix.lat + north * reach_m / METRES_PER_DEGREE).clamp(-90.0, 90.0));
        fix.lng = rounded(wrapped(fix.lng + east * reach_m / (METRES_PER_DEGREE * shrunk)));
        let stated = fix.accuracy_m.unwrap_or(0.0);
        fix.accuracy_m = Some((stated.hypot(noise_m) * 10.0).round() / 10.0);
    }
}

/// Gives the record of a step the id that its place in the walk would give it.
fn name_record(number: usize, act: &mut Act) {
    let id = match act {
        Act::Fix(FixAct { id, .. }) | Act::Crossing(CrossingAct { id, .. }) => id,
        Act::Event(act) => &mut act.id,
        Act::Path(_)
        | Act::Batch(_)
        | Act::Fact(_)
        | Act::Consent(_)
        | Act::Identify(_)
        | Act::SignOut(_)
        | Act::Erase(_)
        | Act::Tick(_)
        | Act::Publish(_)
        | Act::Pause(_)
        | Act::Place(_)
        | Act::Answer(_)
        | Act::PublishJourney(_)
        | Act::Instance(_)
        | Act::TokenGone(_) => return,
    };
    id.get_or_insert_with(|| format!("step-{number}"));
}

/// Every place by its external id, each with an id of its own.
fn name_places(walk: &mut Walk, steps: &mut Steps) -> BTreeMap<String, FenceId> {
    let mut known: BTreeMap<String, FenceId> = BTreeMap::new();
    let mut ids = IdSource::new(PLACES, DateTime::UNIX_EPOCH);
    let redrawn = steps.iter_mut().filter_map(|(_, step)| {
        if let Act::Place(place) = &mut step.act {
            Some(place.as_mut())
        } else {
            None
        }
    });
    for place in walk.places.iter_mut().chain(redrawn) {
        let id = known.get(&place.external_id).copied().or(place.id);
        let id = id.unwrap_or_else(|| ids.draw());
        place.id = Some(id);
        known.entry(place.external_id.clone()).or_insert(id);
    }
    known
}

/// What this device recorded in the gap waits for its end.
fn hold_back(gap: &Offline, steps: Steps, places: &BTreeMap<String, FenceId>) -> Steps {
    let mut held: Option<(usize, BatchAct)> = None;
    let mut open: Steps = Vec::with_capacity(steps.len());
    for (number, step) in steps {
        let late = (gap.from..gap.to).contains(&step.at);
        match batch_of(&step, places).filter(|batch| late && batch.device == gap.device) {
            None => open.push((number, step)),
            Some(batch) => {
                let (_, waiting) = held.get_or_insert_with(|| {
                    let nothing = BatchAct {
                        device: gap.device.clone(),
                        envelope: Envelope::default(),
                        records: Vec::new(),
                    };
                    (number, nothing)
                });
                waiting.records.extend(batch.records);
                waiting.envelope = sent_later(batch.envelope, gap.to - step.at);
            }
        }
    }
    if let Some((number, batch)) = held {
        let place = open.partition_point(|(_, step)| step.at < gap.to);
        let step = WalkStep {
            at: gap.to,
            act: Act::Batch(batch),
        };
        open.insert(place, (number, step));
    }
    open
}

/// Both clocks of the phone have gone on when it sends.
fn sent_later(envelope: Envelope, by: TimeDelta) -> Envelope {
    let passed = u64::try_from(by.num_milliseconds()).unwrap_or(0);
    Envelope {
        sent_at: envelope.sent_at.map(|at| at + by),
        sent_mono_ms: envelope.sent_mono_ms.map(|at| at.saturating_add(passed)),
        ..envelope
    }
}

/// What a device sends at this step; none when the step is no device's.
fn batch_of(step: &WalkStep, places: &BTreeMap<String, FenceId>) -> Option<BatchAct> {
    let single = |device: &str, id: &Option<String>, at: Option<Timestamp>, body: RawBody| BatchAct {
        device: device.to_owned(),
        envelope: Envelope {
            sent_at: Some(step.at),
            ..Envelope::default()
        },
        records: vec![RawRecord {
            id: id.clone().unwrap_or_default(),
            at: Some(at.unwrap_or(step.at)),
            mono_ms: None,
            boot_id: None,
            body,
        }],
    };
    match &step.act {
        Act::Fix(act) => Some(single(
            &act.device,
            &act.id,
            act.fixed_at,
            RawBody::Fix(act.fix.clone()),
        )),
        Act::Crossing(act) => {
            // A place that is not there stays a step of its own, which says so.
            let body = RawBody::Crossing(Crossing {
                geofence_id: *places.get(&act.place)?,
                transition: act.transition,
            });
            Some(single(&act.device, &act.id, act.crossed_at, body))
        }
        Act::Batch(batch) => Some(batch.clone()),
        Act::Path(_)
        | Act::Fact(_)
        | Act::Event(_)
        | Act::Consent(_)
        | Act::Identify(_)
        | Act::SignOut(_)
        | Act::Erase(_)
        | Act::Tick(_)
        | Act::Publish(_)
        | Act::Pause(_)
        | Act::Place(_)
        | Act::Answer(_)
        | Act::PublishJourney(_)
        | Act::Instance(_)
        | Act::TokenGone(_) => None,
    }
}

/// What the device says of time is said by a clock that is wrong; its monotonic clock is right.
fn shift(skew: &Skew, step: WalkStep, places: &BTreeMap<String, FenceId>) -> WalkStep {
    let Some(mut batch) = batch_of(&step, places).filter(|batch| batch.device == skew.device) else {
        return step;
    };
    batch.envelope.sent_at = batch.envelope.sent_at.map(|at| at + skew.by.0);
    for record in &mut batch.records {
        record.at = record.at.map(|at| at + skew.by.0);
    }
    WalkStep {
        at: step.at,
        act: Act::Batch(batch),
    }
}

#[cfg(test)]
#[path = "disturb_tests.rs"]
mod tests;
