//! The places a trigger selects: that there are some, and that a phone can be noticed in them.

use super::{Finding, FindingCode, alternatives};
use crate::base::limits::FENCES_NAMED_MAX;
use crate::engine::catalogue::Catalogue;
use crate::engine::fence::Geofence;
use crate::engine::presence::Likelihood;
use crate::engine::trigger::{CompiledTrigger, PlaceSelector, When};
use std::sync::Arc;

/// What a phone in the street knows its place by, in metres (68 % radius).
pub(super) const TYPICAL_ACCURACY_M: f64 = 65.0;
/// A radius so large, in metres, that only the distance to the edge counts.
const BOUNDLESS_M: f64 = 1.0e6;
/// The share of its area a fence should be entered from, for the radius that is recommended.
const SHARE_WANTED: f64 = 0.57;

pub(super) fn check(trigger: &CompiledTrigger, catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    for (at, when) in alternatives(trigger) {
        let Some((below, place)) = selector(when) else { continue };
        let pointer = format!("{at}{below}");
        let mut fences: Vec<&Arc<Geofence>> = catalogue
            .fences
            .values()
            .filter(|fence| place.selects(fence.tag(), fence.external_id(), fence.id))
            .collect();
        fences.sort_by(|a, b| (a.external_id(), a.id).cmp(&(b.external_id(), b.id)));
        if fences.is_empty() {
            let detail = format!("there is no geofence with {}", described(place));
            let hint = "draw one with this tag, or select one that is there";
            let code = FindingCode::TagWithoutFences;
            findings.push(Finding::new(code, pointer, detail, hint));
            continue;
        }
        let closed: Vec<&Geofence> = fences
            .into_iter()
            .map(Arc::as_ref)
            .filter(|fence| !can_be_entered(fence.shape.effective_radius_m(), catalogue.thresholds(fence).enter_p))
            .collect();
        if let Some(first) = closed.first() {
            findings.push(never_entered(pointer, first, &closed, catalogue));
        }
    }
}

/// The places an alternative selects, and where below it that stands.
fn selector(when: &When) -> Option<(&'static str, &PlaceSelector)> {
    match when {
        When::Entered(place) => Some(("/entered", place)),
        When::Exited(place) => Some(("/exited", place)),
        When::Dwelled { place, .. } => Some(("/dwelled", place)),
        When::Event(event) => event.inside.as_ref().map(|place| ("/event/inside", place)),
        When::Schedule(schedule) => schedule.inside.as_ref().map(|place| ("/schedule/inside", place)),
        When::Fact(_) | When::Time(_) | When::Answered(_) | When::Begins | When::Any(_) => None,
    }
}

fn described(place: &PlaceSelector) -> String {
    let parts = [
        place.tag.as_ref().map(|tag| format!("the tag `{tag}`")),
        place.external_id.as_ref().map(|id| format!("the external id `{id}`")),
        place.id.map(|id| format!("the id `{id}`")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn never_entered(pointer: String, first: &Geofence, closed: &[&Geofence], catalogue: &Catalogue) -> Finding {
    let enter_p = catalogue.thresholds(first).enter_p;
    let radius_m = first.shape.effective_radius_m();
    let best = Likelihood::of(radius_m, BOUNDLESS_M, TYPICAL_ACCURACY_M).enter_p;
    let names: Vec<String> = closed
        .iter()
        .take(FENCES_NAMED_MAX)
        .map(|fence| format!("`{}`", fence.name()))
        .collect();
    let more = match closed.len().saturating_sub(names.len()) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    let detail = format!(
        "{}{more} can never be entered: with a radius of {radius_m:.0} m, a phone that knows its place to {TYPICAL_ACCURACY_M} m \
         is believed to be inside with at most {best:.2}, and {enter_p:.2} is needed",
        names.join(", ")
    );
    let hint = hint_for(enter_p);
    Finding::new(FindingCode::FenceNeverEntered, pointer, detail, hint)
}

/// The smallest radius that works at all, and one that works well.
fn hint_for(enter_p: f64) -> String {
    let Some(least_m) = least_radius_m(enter_p) else {
        return "no radius is large enough for an enter threshold of 1: lower it".to_owned();
    };
    let good_m = (least_m..=10_000)
        .filter(|radius_m| *radius_m == least_m || radius_m % 10 == 0)
        .find(|radius_m| share_of_area(f64::from(*radius_m), enter_p) >= SHARE_WANTED)
        .unwrap_or(least_m);
    let share = |radius_m: u32| share_of_area(f64::from(radius_m), enter_p) * 100.0;
    format!(
        "make it larger: {least_m} m works from {:.0} % of its area, {good_m} m from {:.0} %",
        share(least_m),
        share(good_m)
    )
}

/// Can a fix at its centre make anybody enter? (DESIGN.md 5.4)
fn can_be_entered(radius_m: f64, enter_p: f64) -> bool {
    Likelihood::of(radius_m, BOUNDLESS_M, TYPICAL_ACCURACY_M).enter_p >= enter_p
}

/// The smallest radius in whole metres that can be entered.
pub(super) fn least_radius_m(enter_p: f64) -> Option<u32> {
    (1..=10_000).find(|radius_m| can_be_entered(f64::from(*radius_m), enter_p))
}

/// The share of a circle's area, 0 to 1, from which one typical fix makes a person enter.
pub(super) fn share_of_area(radius_m: f64, enter_p: f64) -> f64 {
    let (mut near, mut far) = (0.0, radius_m);
    for _ in 0..40 {
        let middle = f64::midpoint(near, far);
        if Likelihood::of(radius_m, middle, TYPICAL_ACCURACY_M).enter_p >= enter_p {
            far = middle;
        } else {
            near = middle;
        }
    }
    ((radius_m - far) / radius_m).powi(2)
}
