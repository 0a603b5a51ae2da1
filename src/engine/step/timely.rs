//! The guards of time: window, schedule, opening hours and quiet hours.

use super::guards::{Refusal, evaluation_refused};
use super::judge::Case;
use super::stepper::Stepper;
use crate::base::time::{Span, Timestamp};
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::fence::hours::{is_open, opens_at};
use crate::engine::trigger::expression::Expression;
use crate::engine::trigger::{Audience, Class};
use serde_json::{Map, Value, json};

impl Stepper<'_> {
    /// Window, schedule and opening hours.
    pub(super) fn is_timely(&self, case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<(), Refusal> {
        self.within_window(case, scene)?;
        let now = self.given.now;
        let guards = &case.trigger.sentence.guards;
        let user_zone = self.user_zone();
        if !is_open(&guards.schedule, now, user_zone) {
            case.note(
                Step::Schedule,
                false,
                "Outside the hours of this trigger",
                json!({ "zone": user_zone.name(), "now": now, "opens_at": opens_at(&guards.schedule, now, user_zone) }),
            );
            return Err(Refusal::drop(ReasonCode::OutsideWindow));
        }
        if !guards.schedule.is_empty() {
            let values = json!({ "zone": user_zone.name(), "now": now });
            case.note(Step::Schedule, true, "Within the hours of this trigger", values);
        }
        let Some(name) = guards.open.clone() else { return Ok(()) };
        let Some(place) = case.place.clone() else { return Ok(()) };
        let zone = self.place_zone(Some(&place));
        let hours = self
            .given
            .catalogue
            .fences
            .get(&place.id)
            .and_then(|fence| fence.opening_hours(&name));
        let next = hours.and_then(|hours| opens_at(hours, now, zone));
        let values =
            json!({ "hours": name, "place": place.external_id, "zone": zone.name(), "now": now, "opens_at": next });
        let Some(hours) = hours else {
            case.note(
                Step::Schedule,
                false,
                format!("The place has no opening hours named `{name}`"),
                values,
            );
            return Err(Refusal::drop(ReasonCode::MissingData));
        };
        if is_open(hours, now, zone) {
            case.note(Step::Schedule, true, format!("`{name}` is open"), values);
            return Ok(());
        }
        case.note(Step::Schedule, false, format!("`{name}` is closed"), values);
        Err(Refusal::drop(ReasonCode::HoursClosed))
    }

    fn within_window(&self, case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<(), Refusal> {
        let trigger = case.trigger;
        let from = instant(case, trigger.window_from.as_ref(), scene)?;
        let to = instant(case, trigger.window_to.as_ref(), scene)?;
        if from.is_none() && to.is_none() {
            return Ok(());
        }
        let now = self.given.now;
        let values = json!({ "from": from, "to": to, "now": now });
        if to.is_some_and(|to| now > to) {
            case.note(Step::Window, false, "It is too late for this", values);
            return Err(Refusal::drop(ReasonCode::TooLate));
        }
        if let Some(from) = from.filter(|from| now < *from) {
            case.note(Step::Window, false, "It is too early for this", values);
            return Err(Refusal::until(ReasonCode::TooEarly, from));
        }
        case.note(Step::Window, true, "Within its window", values);
        Ok(())
    }

    /// Quiet hours: a promo waits for the morning if it is still worth reading then.
    pub(super) fn out_of_the_night(&self, case: &mut Case<'_>, content: &str) -> Result<(), Refusal> {
        let to_business = case.trigger.sentence.then.to == Audience::Business;
        if case.trigger.sentence.class == Class::Service || to_business {
            return Ok(());
        }
        let own = case.trigger.sentence.guards.quiet_hours.as_ref();
        let Some(quiet) = own.or(self.given.catalogue.settings.quiet_hours.as_ref()) else {
            return Ok(());
        };
        let zone = self.user_zone();
        let Some(ends_at) = quiet.ends_at(self.given.now, zone) else {
            let values = json!({ "zone": zone.name(), "quiet_hours": quiet });
            case.note_passed(Step::QuietHours, "Not in the quiet hours", values);
            return Ok(());
        };
        let life = self
            .given
            .catalogue
            .contents
            .get(content)
            .map_or(Span::seconds(0), |content| content.content.ttl);
        let values = json!({ "zone": zone.name(), "until": ends_at, "life_s": life.as_seconds() });
        if ends_at > self.given.now + life.delta() {
            case.note(
                Step::QuietHours,
                false,
                "Quiet hours last longer than this is worth reading",
                values,
            );
            return Err(Refusal::drop(ReasonCode::QuietExpired));
        }
        case.note(
            Step::QuietHours,
            false,
            "Quiet hours: judged again when they end",
            values,
        );
        Err(Refusal::until(ReasonCode::QuietDeferred, ends_at))
    }
}

/// An end of the window; none when it is open on that side.
fn instant(
    case: &mut Case<'_>,
    text: Option<&Expression>,
    scene: &Map<String, Value>,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    text.evaluate_instant(scene)
        .map(Some)
        .map_err(|error| evaluation_refused(case, Step::Window, text, &error))
}
