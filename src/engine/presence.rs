//! Is the person in this place? Probabilities from one fix, and a state that keeps its mind between them (DESIGN.md 5.4).

use crate::base::compact::Micros;
use crate::base::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How sure the engine must be, per project or per geofence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Enter at or above this probability.
    #[schema(minimum = 0, maximum = 1)]
    pub enter_p: f64,
    /// Leave at or above this probability…
    #[schema(minimum = 0, maximum = 1)]
    pub exit_p: f64,
    /// …held for at least this long, over at least two fixes.
    pub exit_after: Span,
    /// "Inside" is trusted this long after the last evidence (DESIGN.md 5.6).
    pub trusted_for: Span,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            enter_p: 0.75,
            exit_p: 0.90,
            exit_after: Span::seconds(60),
            trusted_for: Span::hours(4),
        }
    }
}

/// What one fix says about one geofence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Likelihood {
    /// Probability that supports an enter.
    pub enter_p: f64,
    /// Probability that supports an exit.
    pub exit_p: f64,
}

/// A stated accuracy is the 68 % radius of a circular Gaussian: sigma = accuracy / 1.51 (Rayleigh quantile).
const ACCURACY_PER_SIGMA: f64 = 1.51;
/// No phone knows its place better than this, whatever it says, in metres.
const ACCURACY_MIN_M: f64 = 1.0;
/// Standard deviations beyond which an edge has no say, and a geofence holds all that a fix may stand for: the distribution function
/// is within 1e-9 of 0 or 1 there, the disc within 1.6e-8, and what is computed is only good to 1.5e-7 ([`normal_tails`]).
const EDGE_SIGMAS: f64 = 6.0;
/// What an OS crossing without a fix counts as.
pub const CROSSING_ENTER_P: f64 = 0.80;

impl Likelihood {
    /// Deep inside: to the last bit what [`Likelihood::of`] says where no edge matters, as a geofence that holds all around is
    /// itself no smaller than that.
    pub const DEEP_INSIDE: Self = Self {
        enter_p: 1.0,
        exit_p: 0.0,
    };

    /// An edge farther away than this many metres says the same wherever it is.
    pub fn edge_matters_within_m(accuracy_m: f64) -> f64 {
        EDGE_SIGMAS * sigma_m(accuracy_m)
    }

    /// `radius_m`: effective radius of the fence; `edge_m`: signed distance to its edge, inside positive; `accuracy_m`: 68 % radius.
    pub fn of(radius_m: f64, edge_m: f64, accuracy_m: f64) -> Self {
        let sigma = sigma_m(accuracy_m);
        let (outside_half_plane, inside_half_plane) = normal_tails(edge_m / sigma);
        let inside_disc_at_best = disc(radius_m / sigma);
        Self {
            enter_p: inside_half_plane.min(inside_disc_at_best),
            exit_p: outside_half_plane,
        }
    }
}

fn sigma_m(accuracy_m: f64) -> f64 {
    accuracy_m.max(ACCURACY_MIN_M) / ACCURACY_PER_SIGMA
}

/// The share of a circular Gaussian within a radius of so many standard deviations round its middle (Rayleigh).
fn disc(radius: f64) -> f64 {
    if radius >= EDGE_SIGMAS {
        return 1.0;
    }
    1.0 - (-radius * radius / 2.0).exp()
}

/// The standard normal distribution function at -x and at x; error below 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn normal_tails(x: f64) -> (f64, f64) {
    if x.abs() >= EDGE_SIGMAS {
        return if x >= 0.0 { (0.0, 1.0) } else { (1.0, 0.0) };
    }
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - poly * (-z * z).exp();
    let (far, near) = (0.5 * (1.0 - erf), 0.5 * (1.0 + erf));
    if x >= 0.0 { (far, near) } else { (near, far) }
}

/// One device's presence in one geofence. Outside and unknown are the absence of this state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Inside(Kept);

/// Many are kept, and few of them show signs of leaving: those that do not take 16 bytes.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Staying { since: Micros, evidence_at: Micros },
    Leaving(Box<Stored>),
}

/// Presence as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stored {
    since: Timestamp,
    evidence_at: Timestamp,
    leaving: Option<Leaving>,
}

/// Signs of leaving.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Leaving {
    pub since: Timestamp,
    /// Fixes that said so; an OS crossing counts none.
    pub fixes: u32,
    /// The phone's region monitoring said so: it stands unless contradicted for `exit_after`.
    pub by_crossing: bool,
}

impl From<Stored> for Inside {
    fn from(stored: Stored) -> Self {
        Self(match stored.leaving {
            Some(_) => Kept::Leaving(Box::new(stored)),
            None => Kept::Staying {
                since: stored.since.into(),
                evidence_at: stored.evidence_at.into(),
            },
        })
    }
}

impl From<Inside> for Stored {
    fn from(inside: Inside) -> Self {
        Self {
            since: inside.since(),
            evidence_at: inside.evidence_at(),
            leaving: inside.leaving(),
        }
    }
}

impl Inside {
    /// Inside since this instant, with nothing newer known.
    pub fn since_the(at: Timestamp) -> Self {
        let at = at.into();
        Self(Kept::Staying {
            since: at,
            evidence_at: at,
        })
    }

    pub fn since(&self) -> Timestamp {
        match &self.0 {
            Kept::Staying { since, .. } => since.timestamp(),
            Kept::Leaving(all) => all.since,
        }
    }

    /// The newest evidence that it is still so.
    pub fn evidence_at(&self) -> Timestamp {
        match &self.0 {
            Kept::Staying { evidence_at, .. } => evidence_at.timestamp(),
            Kept::Leaving(all) => all.evidence_at,
        }
    }

    /// Signs of leaving that are not yet enough.
    pub fn leaving(&self) -> Option<Leaving> {
        match &self.0 {
            Kept::Staying { .. } => None,
            Kept::Leaving(all) => all.leaving,
        }
    }

    fn renew(&mut self, at: Timestamp) {
        match &mut self.0 {
            Kept::Staying { evidence_at, .. } => *evidence_at = at.into(),
            Kept::Leaving(all) => all.evidence_at = at,
        }
    }

    fn set_leaving(&mut self, leaving: Option<Leaving>) {
        match &mut self.0 {
            Kept::Staying { .. } if leaving.is_none() => {}
            Kept::Leaving(all) if leaving.is_some() => all.leaving = leaving,
            Kept::Staying { .. } | Kept::Leaving(_) => {
                *self = Stored {
                    since: self.since(),
                    evidence_at: self.evidence_at(),
                    leaving,
                }
                .into();
            }
        }
    }
}

/// What one observation did to the presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    Entered,
    /// Left at this instant: when the leaving began.
    Left(Timestamp),
}

/// Steps one device's presence in one geofence by one fix.
pub fn on_fix(state: &mut Option<Inside>, seen: Likelihood, at: Timestamp, rules: &Thresholds) -> Change {
    let Some(inside) = state else {
        if seen.enter_p < rules.enter_p {
            return Change::None;
        }
        *state = Some(Inside::since_the(at));
        return Change::Entered;
    };
    let change = on_fix_inside(inside, seen, at, rules);
    if matches!(change, Change::Left(_)) {
        *state = None;
    }
    change
}

/// [`on_fix`] where the device is inside: one that left is to be taken out.
pub fn on_fix_inside(inside: &mut Inside, seen: Likelihood, at: Timestamp, rules: &Thresholds) -> Change {
    if seen.exit_p < rules.exit_p {
        // An unclear fix keeps the state: it ends a run of fixes outside, but it does not contradict an exit crossing.
        let is_clear = seen.enter_p >= rules.enter_p;
        if is_clear {
            inside.renew(at);
        }
        let still_leaving = inside.leaving().filter(|leaving| leaving.by_crossing && !is_clear);
        inside.set_leaving(still_leaving);
        return Change::None;
    }
    let mut leaving = inside.leaving().unwrap_or(Leaving {
        since: at,
        fixes: 0,
        by_crossing: false,
    });
    leaving.fixes += 1;
    let held = at - leaving.since >= rules.exit_after.delta();
    if held && (leaving.fixes >= 2 || leaving.by_crossing) {
        return Change::Left(leaving.since);
    }
    inside.set_leaving(Some(leaving));
    Change::None
}

/// Steps the presence by an enter (or dwell) crossing without a fix.
pub fn on_enter_crossing(state: &mut Option<Inside>, at: Timestamp, rules: &Thresholds) -> Change {
    match state {
        Some(inside) => {
            inside.renew(at);
            inside.set_leaving(None);
            Change::None
        }
        None if CROSSING_ENTER_P >= rules.enter_p => {
            *state = Some(Inside::since_the(at));
            Change::Entered
        }
        None => Change::None,
    }
}

/// An exit crossing: it counts when nothing contradicts it for `exit_after`; see [`on_time`].
pub fn on_exit_crossing(state: &mut Option<Inside>, at: Timestamp) {
    if let Some(inside) = state {
        let known = inside.leaving();
        let (since, fixes) = known.map_or((at, 0), |leaving| (leaving.since, leaving.fixes));
        inside.set_leaving(Some(Leaving {
            since,
            fixes,
            by_crossing: true,
        }));
    }
}

/// When [`on_time`] has something to do for this presence.
pub fn wakes_at(state: &Inside, rules: &Thresholds) -> Option<Timestamp> {
    state
        .leaving()
        .filter(|leaving| leaving.by_crossing)
        .map(|leaving| leaving.since + rules.exit_after.delta())
}

/// Time has passed: an exit crossing that nothing contradicted has become an exit.
pub fn on_time(state: &mut Option<Inside>, now: Timestamp, rules: &Thresholds) -> Change {
    let due = state
        .as_ref()
        .and_then(|inside| wakes_at(inside, rules))
        .is_some_and(|due| due <= now);
    let since = state.as_ref().and_then(Inside::leaving).map(|leaving| leaving.since);
    match since {
        Some(since) if due => {
            *state = None;
            Change::Left(since)
        }
        _ => Change::None,
    }
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
