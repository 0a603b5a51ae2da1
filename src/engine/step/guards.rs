//! The guards in their fixed, public order (DESIGN.md 5.9): each lets a case pass, drops it, defers it or lets it expire.

use super::judge::{Case, Occasion, clauses};
use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::time::{Span, Timestamp};
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::moment::MomentKind;
use crate::engine::subject::{KeyHash, Sent};
use crate::engine::trigger::Class;
use crate::engine::trigger::expression::{EvaluationError, Expression, Verdict};
use serde_json::{Map, Value, json};

/// Why a case does not go on, and whether it stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ReasonCode,
    /// Looked at again then.
    pub(super) due_at: Option<Timestamp>,
    /// The end of waiting.
    pub(super) ends_at: Option<Timestamp>,
    pub(super) held_by_time: bool,
}

impl Refusal {
    pub(super) fn drop(code: ReasonCode) -> Self {
        Self {
            code,
            due_at: None,
            ends_at: None,
            held_by_time: false,
        }
    }

    pub(super) fn until(code: ReasonCode, due_at: Timestamp) -> Self {
        Self {
            code,
            due_at: Some(due_at),
            ends_at: Some(due_at),
            held_by_time: false,
        }
    }
}

/// How long a case waits for a value when its trigger names no limit.
const WAIT_DEFAULT: Span = Span::hours(24);

impl Stepper<'_> {
    /// Pause, consent, permission, plausibility: may we speak to this person about this moment at all?
    pub(super) fn may_speak_at_all(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        if self.given.catalogue.settings.paused || case.trigger.paused {
            let who = if case.trigger.paused { "trigger" } else { "project" };
            case.note(Step::Pause, false, format!("The {who} is paused"), Value::Null);
            return Err(Refusal::drop(ReasonCode::Paused));
        }
        case.note(
            Step::Pause,
            true,
            "Neither the project nor the trigger is paused",
            Value::Null,
        );
        self.has_consent(case)?;
        let evidence = &case.moment.evidence;
        let flagged = [
            (evidence.simulated, ReasonCode::Simulated, "made up"),
            (
                evidence.implausible,
                ReasonCode::Implausible,
                "impossibly far from the one before",
            ),
        ];
        let live = self.given.catalogue.mode == crate::engine::catalogue::Mode::Live;
        for (is, code, what) in flagged {
            if is && live {
                case.note(
                    Step::Plausibility,
                    false,
                    format!("The place is {what}"),
                    json!({ "record": evidence.record_id }),
                );
                return Err(Refusal::drop(code));
            }
        }
        if let Some(record) = &evidence.record_id {
            let values =
                json!({ "record": record, "simulated": evidence.simulated, "implausible": evidence.implausible });
            case.note(Step::Plausibility, true, "Nothing speaks against the place", values);
        }
        Ok(())
    }

    /// A fact that came after the person had gone cannot make their arrival speak (N21).
    pub(super) fn still_there_if_revised(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        if case.occasion == Occasion::Revised {
            self.still_inside(case, self.given.now)
        } else {
            Ok(())
        }
    }

    /// Staleness. Says whether a late moment goes on because the person is still there. A wait keeps its moment fresh.
    pub(super) fn is_fresh(&self, case: &mut Case<'_>) -> Result<bool, Refusal> {
        let Some(max_age) = case.trigger.sentence.max_age else {
            case.note(Step::Staleness, true, "The trigger sets no maximum age", Value::Null);
            return Ok(false);
        };
        let age = self.given.now - case.moment.occurred_at;
        let values = json!({ "age_s": age.num_seconds(), "max_age_s": max_age.as_seconds() });
        if age <= max_age.delta() || case.occasion.ends_a_wait() {
            case.note(Step::Staleness, true, "The moment is fresh", values);
            return Ok(false);
        }
        let seen_lately = |at: Timestamp| case.occasion == Occasion::Revised || self.given.now - at <= max_age.delta();
        if self.visit_lasts(case).is_some_and(seen_lately) {
            case.note(
                Step::Staleness,
                true,
                "The moment is late, but the person is still there",
                values,
            );
            return Ok(true);
        }
        case.note(Step::Staleness, false, "The moment is too long ago", values);
        Err(Refusal::drop(ReasonCode::Stale))
    }

    /// The newest evidence of the visit this case is about, while that visit lasts.
    fn visit_lasts(&self, case: &Case<'_>) -> Option<Timestamp> {
        let place = case.place.as_ref()?;
        let visit = self
            .subject
            .visits
            .get(&place.id)
            .filter(|visit| visit.left_at.is_none())?;
        let is_entry = matches!(case.moment.kind, MomentKind::Entered { .. });
        let same = (!is_entry || visit.entered.id == case.moment.id) && case.moment.of.is_none();
        same.then_some(visit.evidence_at)
    }

    /// The trigger's own wait: still inside, long enough, and what it waits for is true.
    pub(super) fn waited_enough(&self, case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<(), Refusal> {
        let wait = case.trigger.sentence.wait.clone().unwrap_or_default();
        let begun = case.moment.occurred_at + wait.delay.map(Span::delta).unwrap_or_default();
        let limit = end_of_wait(case);
        if let Some(delay) = wait.delay
            && begun > self.given.now
        {
            case.note(
                Step::Wait,
                false,
                format!("Waits for {delay} to pass"),
                json!({ "until": begun }),
            );
            let ends_at = if wait.until.is_some() { limit } else { begun };
            return Err(Refusal {
                code: ReasonCode::WaitingTime,
                due_at: Some(begun),
                ends_at: Some(ends_at),
                held_by_time: true,
            });
        }
        if let Some(until) = &case.trigger.until {
            let judgement = until.judge(scene);
            let values = clauses(&judgement.clauses);
            match judgement.verdict {
                Verdict::Holds => case.note(Step::Wait, true, "What it waits for is true", values),
                Verdict::Fails | Verdict::Missing(_) if self.is_past_its_limit(case) => {
                    case.note(
                        Step::Wait,
                        true,
                        "It has waited long enough and says what is known",
                        values,
                    );
                }
                Verdict::Fails | Verdict::Missing(_) => {
                    case.note(Step::Wait, false, format!("Waits until `{}`", until.text()), values);
                    return Err(Refusal {
                        code: ReasonCode::WaitingFact,
                        due_at: None,
                        ends_at: Some(limit),
                        held_by_time: false,
                    });
                }
                Verdict::Error(why) => {
                    case.note(Step::Wait, false, why, values);
                    return Err(Refusal::drop(ReasonCode::ConditionError));
                }
            }
        }
        self.still_inside(case, limit)
    }

    /// Has it waited to its limit, and goes on then with what is known?
    pub(super) fn is_past_its_limit(&self, case: &Case<'_>) -> bool {
        case.trigger.sends_at_limit() && end_of_wait(case) <= self.given.now
    }

    /// A case that must find the person in the place. One that waits for a fact goes on waiting for their return.
    pub(super) fn still_inside(&self, case: &mut Case<'_>, ends_at: Timestamp) -> Result<(), Refusal> {
        let is_placed = case.trigger.only_inside() || matches!(case.moment.kind, MomentKind::Scheduled { .. });
        if !is_placed && case.occasion != Occasion::Revised {
            return Ok(());
        }
        if case.trace.iter().any(|step| step.step == Step::Inside) {
            return Ok(());
        }
        let Some(place) = case.place.clone() else { return Ok(()) };
        let is_inside = self.is_in_place(case, &place)?;
        let visit = self.subject.visits.get(&place.id);
        let values = json!({
            "place": place.external_id,
            "since": visit.map(|visit| visit.entered.occurred_at),
            "evidence_at": visit.map(|visit| visit.evidence_at),
        });
        if is_inside {
            case.note(Step::Inside, true, "The person is in the place", values);
            return Ok(());
        }
        case.note(Step::Inside, false, "The person is not in the place", values);
        match case.occasion {
            Occasion::FactChanged => Err(Refusal {
                code: ReasonCode::WaitingFact,
                due_at: None,
                ends_at: Some(ends_at),
                held_by_time: false,
            }),
            Occasion::First | Occasion::Revised | Occasion::Due | Occasion::Asked => {
                Err(Refusal::drop(ReasonCode::NotInside))
            }
        }
    }

    /// The send key: unique in the project, so that no second message with it can ever be made.
    pub(super) fn send_key(&self, case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<String, Refusal> {
        let once = match &case.trigger.once_per {
            Some(text) => text
                .evaluate_text(scene)
                .map_err(|error| evaluation_refused(case, Step::OnceKey, text, &error))?,
            None => once_per_moment(case, &case.bound),
        };
        let key = format!("{}:{once}", case.trigger.id);
        if self.is_spent(&key) {
            case.note(
                Step::OnceKey,
                false,
                "This was said before",
                json!({ "once_per": once }),
            );
            return Err(Refusal::drop(ReasonCode::AlreadyDone));
        }
        case.note(Step::OnceKey, true, "Not said before", json!({ "once_per": once }));
        Ok(key)
    }

    pub(super) fn is_spent(&self, key: &str) -> bool {
        let mut sent = self.subject.sent.iter();
        let hash = KeyHash::of(key);
        self.given.spent.contains(key) || sent.any(|sent| sent.spends(hash))
    }

    /// Cool-down and caps: sliding windows over what this trigger, or all of a tag, has sent to this user.
    pub(super) fn within_frequency(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        let now = self.given.now;
        let trigger = case.trigger.id;
        let since = |after: Timestamp| self.subject.sent.iter().filter(move |sent| sent.at > after);
        let guards = &case.trigger.sentence.guards;
        if let Some(cooldown) = guards.cooldown {
            let mut own = since(now - cooldown.delta()).filter(|sent| sent.said.trigger_id == trigger);
            let last = own.next_back().map(|last| last.at);
            let next_at = last.map(|last| last + cooldown.delta());
            let values = json!({ "last": last, "cooldown_s": cooldown.as_seconds(), "next_at": next_at });
            if last.is_some() {
                case.note(Step::Cooldown, false, "Said something like it a short time ago", values);
                return Err(Refusal::drop(ReasonCode::Cooldown));
            }
            case.note_passed(Step::Cooldown, "Said nothing like it lately", values);
        }
        if case.trigger.sentence.class == Class::Service {
            return Ok(());
        }
        for cap in &guards.caps {
            let counts = |sent: &&Sent| match &cap.across {
                Some(tag) => sent.said.tags.contains(tag),
                None => sent.said.trigger_id == trigger,
            };
            let counted: Vec<Timestamp> = since(now - cap.per.delta())
                .filter(counts)
                .map(|sent| sent.at)
                .collect();
            // Room is made when the oldest of the last `max` leaves the window.
            let makes_room = counted
                .len()
                .checked_sub(cap.max as usize)
                .and_then(|index| counted.get(index));
            let next_at = makes_room.map(|at| *at + cap.per.delta());
            let values = json!({
                "sent": counted.len(), "max": cap.max, "per_s": cap.per.as_seconds(), "across": cap.across, "next_at": next_at,
            });
            if next_at.is_some() {
                case.note(Step::Cap, false, "Has said enough in this time", values);
                return Err(Refusal::drop(ReasonCode::Cap));
            }
            case.note_passed(Step::Cap, "May still say something in this time", values);
        }
        Ok(())
    }
}

/// When a case has waited long enough for what it waits for.
pub(super) fn end_of_wait(case: &Case<'_>) -> Timestamp {
    let wait = case.trigger.sentence.wait.as_ref();
    let delay = wait.and_then(|wait| wait.delay).map(Span::delta).unwrap_or_default();
    let at_most = wait.and_then(|wait| wait.at_most).unwrap_or(WAIT_DEFAULT);
    case.moment.occurred_at + delay + at_most.delta()
}

/// Without `once_per`, a trigger speaks once per moment and combination of facts.
fn once_per_moment(case: &Case<'_>, bound: &Bound) -> String {
    let facts = bound.values().map(ToString::to_string);
    // Two instances of a journey may follow no fact, or the same one.
    let parts: Vec<String> = facts.chain(case.instance.map(|id| id.to_string())).collect();
    format!("{}:{}", case.moment.id, parts.join("+"))
}

pub(super) fn evaluation_refused(
    case: &mut Case<'_>,
    step: Step,
    text: &Expression,
    error: &EvaluationError,
) -> Refusal {
    case.note(step, false, format!("`{}`: {error}", text.text()), Value::Null);
    Refusal::drop(match error {
        EvaluationError::Missing(_) => ReasonCode::MissingData,
        EvaluationError::TooLong | EvaluationError::Failed(_) => ReasonCode::ConditionError,
    })
}
