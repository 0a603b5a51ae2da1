//! The checklist: every step in its public order, with what was recorded of it.

use super::mask::{MASKED, Mask};
use super::trail::{NOTED, Trail, checked, not_reached, past_retention};
use super::words::clock;
use super::{Check, CheckState, Checked, Known, Source};
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::delivery::DeliveryState;
use crate::engine::fix::ReceiptStatus;
use crate::engine::moment::MomentKind;
use serde_json::{Value, json};

pub(super) fn of(known: &Known<'_>, mask: &Mask<'_>) -> Vec<Checked> {
    let trail = Trail::of(known, mask);
    let mut steps = vec![trail.fix(), trail.geometry(), trail.presence(), trail.facts()];
    steps.extend(trail.conditions());
    steps.extend(NOTED.map(|(step, check)| trail.noted(step, check)));
    steps.push(trail.render());
    steps.extend(trail.deliveries());
    steps.extend(trail.receipts());
    steps
}

impl Trail<'_> {
    fn fix(&self) -> Checked {
        let Some(moment) = self.known.moment else {
            return past_retention(Check::Fix, "The moment");
        };
        let evidence = &moment.evidence;
        let values = json!({
            "record": evidence.record_id, "quality": evidence.quality, "accuracy_m": evidence.accuracy_m,
            "age_s": (moment.noticed_at - moment.occurred_at).num_seconds(),
            "simulated": evidence.simulated, "implausible": evidence.implausible,
        });
        if let Some(note) = self.last(Step::Plausibility).filter(|note| !note.passed) {
            return checked(Check::Fix, CheckState::Failed, &note.says, values, Source::Recorded);
        }
        if evidence.accuracy_m.is_none() && moment.kind.place().is_none() {
            let says = format!("No fix was needed: `{}` was noticed without one", moment.kind.name());
            return checked(Check::Fix, CheckState::Passed, says, values, Source::Recorded);
        }
        let state = if self.known.decision.code == ReasonCode::LowAccuracy {
            CheckState::Failed
        } else {
            CheckState::Passed
        };
        let says = match evidence.accuracy_m {
            Some(accuracy_m) => format!("The phone knew its place to {accuracy_m:.0} m"),
            None => "The phone said so itself, without a fix".to_owned(),
        };
        checked(Check::Fix, state, says, values, Source::Recorded)
    }

    fn geometry(&self) -> Checked {
        let Some(moment) = self.known.moment else {
            return past_retention(Check::Geometry, "The moment");
        };
        let Some(place) = moment.kind.place() else {
            let says = "The moment is about no place";
            return checked(Check::Geometry, CheckState::Passed, says, Value::Null, Source::Recorded);
        };
        let is_exit = matches!(moment.kind, MomentKind::Exited { .. });
        let needed = self
            .known
            .thresholds
            .map(|rules| if is_exit { rules.exit_p } else { rules.enter_p });
        let circle = self
            .known
            .fix
            .map(|fix| json!({ "lat": fix.lat, "lng": fix.lng, "radius_m": fix.accuracy_m }));
        let values = json!({
            "place": place, "probability": moment.evidence.probability, "threshold": needed, "circle": circle,
        });
        let says = match (moment.evidence.probability, needed) {
            (Some(p), Some(needed)) => format!("`{}` with probability {p:.2}; {needed:.2} is needed", place.name),
            (Some(p), None) => format!("`{}` with probability {p:.2}", place.name),
            (None, _) => format!("`{}`, not by a fix", place.name),
        };
        checked(Check::Geometry, CheckState::Passed, says, values, Source::Recorded)
    }

    fn presence(&self) -> Checked {
        if self.last(Step::Inside).is_some() {
            return self.noted(Step::Inside, Check::Presence);
        }
        let Some(moment) = self.known.moment else {
            return past_retention(Check::Presence, "The moment");
        };
        let at = clock(moment.occurred_at, self.known.zone);
        let says = match &moment.kind {
            MomentKind::Entered { place } => format!("Inside `{}` since {at}", place.name),
            MomentKind::Exited { place } => format!("Left `{}` at {at}", place.name),
            MomentKind::Dwelled { place, stayed } => format!("Inside `{}` for {stayed} at {at}", place.name),
            MomentKind::Event { .. }
            | MomentKind::Fact { .. }
            | MomentKind::Reached { .. }
            | MomentKind::Scheduled { .. }
            | MomentKind::Answered { .. }
            | MomentKind::Begun { .. } => "Nobody had to be anywhere".to_owned(),
        };
        let values = json!({ "at": moment.occurred_at, "evidence": moment.evidence.record_id });
        checked(Check::Presence, CheckState::Passed, says, values, Source::Recorded)
    }

    fn facts(&self) -> Checked {
        let mut step = self.noted(Step::Facts, Check::Facts);
        if step.state == CheckState::Failed && self.known.facts.is_empty() {
            return step;
        }
        let shown = self.known.facts.iter().map(|(name, fact)| {
            let fields = fact.properties.iter();
            let fields = fields.map(|(field, value)| (field.clone(), self.mask.at(&format!("{name}.{field}"), value)));
            let properties: serde_json::Map<String, Value> = fields.collect();
            let shown = json!({ "type": fact.id.kind, "key": fact.id.key, "seq": fact.seq, "lifecycle": fact.lifecycle,
                                "properties": properties });
            (name.clone(), shown)
        });
        let shown: serde_json::Map<String, Value> = shown.collect();
        if !shown.is_empty() {
            step.values = Value::Object(shown);
        }
        step
    }

    /// One step for each clause; what stands after the one that ended it was not needed.
    fn conditions(&self) -> Vec<Checked> {
        let note = self.last(Step::Condition);
        let clauses = note
            .and_then(|note| note.values.as_array())
            .filter(|list| !list.is_empty());
        let (Some(note), Some(clauses)) = (note, clauses) else {
            return vec![self.noted(Step::Condition, Check::Condition)];
        };
        let holds = |clause: &Value| clause.get("holds").and_then(Value::as_bool);
        let ended_at = if note.passed {
            None
        } else {
            let is_false = clauses.iter().position(|clause| holds(clause) == Some(false));
            is_false.or_else(|| clauses.iter().position(|clause| holds(clause).is_none()))
        };
        let step = |(index, clause): (usize, &Value)| {
            let text = clause.get("clause").and_then(Value::as_str).unwrap_or_default();
            let text = self.mask.text(text);
            let values = self.mask.value(clause);
            let (state, says) = match ended_at {
                Some(end) if index > end => (CheckState::NotReached, format!("`{text}` was not needed any more")),
                Some(end) if index == end => match holds(clause) {
                    Some(_) => (CheckState::Failed, format!("`{text}` did not hold")),
                    None => (CheckState::Failed, format!("`{text}` could not be told")),
                },
                Some(_) | None => match holds(clause) {
                    Some(true) => (CheckState::Passed, format!("`{text}` held")),
                    Some(false) | None => (CheckState::Unknown, format!("`{text}` could not be told")),
                },
            };
            checked(Check::Condition, state, says, values, Source::Recorded)
        };
        clauses.iter().enumerate().map(step).collect()
    }

    fn render(&self) -> Checked {
        let mut step = self.noted(Step::Compose, Check::Render);
        if let Some(message) = self.known.message {
            let shown = &message.shown;
            let text = |text: &String| {
                if shown.sensitive {
                    MASKED.to_owned()
                } else {
                    self.mask.text(text)
                }
            };
            step.values = json!({
                "content": message.content, "locale": shown.locale, "sensitive": shown.sensitive,
                "title": text(&shown.title), "body": text(&shown.body),
                "public_title": shown.public_title.as_deref().map(|text| self.mask.text(text)),
                "public_body": shown.public_body.as_deref().map(|text| self.mask.text(text)),
            });
        }
        step
    }

    fn deliveries(&self) -> Vec<Checked> {
        if self.known.decision.message_id.is_none() {
            return vec![self.noted(Step::Deliver, Check::Delivery)];
        }
        if self.known.sendings.is_empty() {
            return vec![past_retention(Check::Delivery, "The deliveries")];
        }
        let step = |sending: &super::Sending| {
            let state = match sending.state {
                DeliveryState::Accepted
                | DeliveryState::Received
                | DeliveryState::Displayed
                | DeliveryState::Opened => CheckState::Passed,
                DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Cancelled => CheckState::Failed,
                DeliveryState::Queued | DeliveryState::Sending => CheckState::Unknown,
            };
            let mut says = format!("{}: {}", sending.channel.as_str(), sending.state.as_str());
            for word in sending.because.iter().chain(&sending.why) {
                says = format!("{says}, {word}");
            }
            let values = json!({ "delivery": sending.id, "device": sending.device_id, "channel": sending.channel,
                                 "state": sending.state, "because": sending.because, "why": sending.why,
                                 "attempts": sending.attempts });
            let (says, values) = (self.mask.text(&says), self.mask.value(&values));
            checked(Check::Delivery, state, says, values, Source::Stored)
        };
        self.known.sendings.iter().map(step).collect()
    }

    fn receipts(&self) -> Vec<Checked> {
        if self.known.decision.message_id.is_none() {
            return vec![not_reached(Check::Receipt)];
        }
        if self.known.receipts.is_empty() {
            let says = "The phone has said nothing about it";
            return vec![checked(
                Check::Receipt,
                CheckState::Unknown,
                says,
                Value::Null,
                Source::Stored,
            )];
        }
        let step = |heard: &super::Heard| {
            let failed = heard.status == ReceiptStatus::Failed;
            let state = if failed { CheckState::Failed } else { CheckState::Passed };
            let values = json!({ "status": heard.status, "action": heard.action, "at": heard.at });
            let status = values.get("status").and_then(Value::as_str).unwrap_or_default();
            let says = format!("The phone said `{status}` at {}", clock(heard.at, self.known.zone));
            checked(Check::Receipt, state, says, values, Source::Stored)
        };
        self.known.receipts.iter().map(step).collect()
    }
}
