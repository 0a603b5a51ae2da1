//! What was noted of one case, and what it means that something was not noted.

use super::mask::{MASKED, Mask};
use super::{Check, CheckState, Checked, Known, Source};
use crate::engine::decision::{ReasonCode, Step, TraceStep};
use crate::engine::trigger::{Class, Trigger};
use serde_json::{Value, json};

/// The order in which the engine looks, which differs a little from the public one: a text is made before cases compete.
const LOOKED_AT: [Step; 20] = [
    Step::Facts,
    Step::Condition,
    Step::Pause,
    Step::Consent,
    Step::Plausibility,
    Step::Staleness,
    Step::Wait,
    Step::Inside,
    Step::Window,
    Step::Schedule,
    Step::OnceKey,
    Step::Cooldown,
    Step::Cap,
    Step::QuietHours,
    Step::Compose,
    Step::Priority,
    Step::Replaces,
    Step::Holdout,
    Step::Arm,
    Step::Deliver,
];

/// The steps that are shown as they were noted.
pub(super) const NOTED: [(Step, Check); 14] = [
    (Step::Wait, Check::Wait),
    (Step::Pause, Check::Pause),
    (Step::Consent, Check::Consent),
    (Step::Staleness, Check::Staleness),
    (Step::Window, Check::Window),
    (Step::Schedule, Check::Schedule),
    (Step::OnceKey, Check::OnceKey),
    (Step::Cooldown, Check::Cooldown),
    (Step::Cap, Check::Cap),
    (Step::QuietHours, Check::QuietHours),
    (Step::Priority, Check::Priority),
    (Step::Replaces, Check::Replaces),
    (Step::Holdout, Check::Holdout),
    (Step::Arm, Check::Arm),
];

/// The step of the checklist that a recorded step belongs to.
pub(super) fn check_of(step: Step) -> Check {
    match step {
        Step::Facts => Check::Facts,
        Step::Condition => Check::Condition,
        Step::Inside => Check::Presence,
        Step::Plausibility => Check::Fix,
        Step::Compose => Check::Render,
        Step::Deliver => Check::Delivery,
        Step::Wait
        | Step::Pause
        | Step::Consent
        | Step::Staleness
        | Step::Window
        | Step::Schedule
        | Step::OnceKey
        | Step::Cooldown
        | Step::Cap
        | Step::QuietHours
        | Step::Priority
        | Step::Replaces
        | Step::Holdout
        | Step::Arm => {
            let noted = NOTED.iter().find(|(noted, _)| *noted == step);
            noted.map_or(Check::Wait, |(_, check)| *check)
        }
    }
}

fn rank(step: Step) -> usize {
    LOOKED_AT
        .iter()
        .position(|known| *known == step)
        .unwrap_or(LOOKED_AT.len())
}

/// What was noted of one case, in order.
pub(super) struct Trail<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) mask: &'a Mask<'a>,
    notes: Vec<&'a TraceStep>,
    /// The step that ended it.
    failed: Option<Step>,
}

pub(super) fn checked(
    step: Check,
    state: CheckState,
    says: impl Into<String>,
    values: Value,
    source: Source,
) -> Checked {
    Checked {
        step,
        state,
        says: says.into(),
        values,
        source,
    }
}

impl<'a> Trail<'a> {
    pub(super) fn of(known: &'a Known<'a>, mask: &'a Mask<'a>) -> Self {
        let own = &known.decision.trace;
        // A wait that ended was not judged again: what let it begin was noted when it began.
        let ended = matches!(own.as_slice(), [only] if only.step == Step::Wait);
        let began = known.earlier.iter().rev().find(|_| ended);
        let before = began.into_iter().flat_map(|began| &began.trace);
        let before = before.filter(|note| rank(note.step) < rank(Step::Wait));
        Self {
            known,
            mask,
            notes: before.chain(own).collect(),
            failed: own.iter().rev().find(|note| !note.passed).map(|note| note.step),
        }
    }

    pub(super) fn last(&self, step: Step) -> Option<&'a TraceStep> {
        self.notes.iter().rev().find(|note| note.step == step).copied()
    }

    /// Was it looked at, or would it have been, before it ended?
    pub(super) fn is_reached(&self, step: Step) -> bool {
        self.failed.is_none_or(|failed| rank(step) <= rank(failed))
    }

    /// A step as it was noted, or why there is no note.
    pub(super) fn noted(&self, step: Step, check: Check) -> Checked {
        if let Some(note) = self.last(step) {
            let state = if note.passed {
                CheckState::Passed
            } else {
                CheckState::Failed
            };
            return checked(check, state, self.says(note), self.values(note), Source::Recorded);
        }
        if !self.is_reached(step) {
            return not_reached(check);
        }
        match self.known.sentence {
            Some(sentence) if !is_set(sentence, step) => {
                let says = "The trigger asks for nothing here";
                checked(check, CheckState::Passed, says, Value::Null, Source::Stored)
            }
            // It is noted only when it objects.
            Some(_) if step == Step::Priority => {
                let says = "No trigger with a higher priority spoke";
                checked(check, CheckState::Passed, says, Value::Null, Source::Recorded)
            }
            Some(_) | None => checked(
                check,
                CheckState::Unknown,
                "Nothing was recorded",
                Value::Null,
                Source::Recorded,
            ),
        }
    }

    pub(super) fn says(&self, note: &TraceStep) -> String {
        // The words of a fault may quote the values that caused it.
        let is_fault = self.known.decision.code == ReasonCode::ConditionError && !note.passed;
        if is_fault && texts_of(self.known.sentence, note.step).any(|text| self.mask.names_sensitive(text)) {
            return "It could not be computed".to_owned();
        }
        self.mask.text(&note.says)
    }

    pub(super) fn values(&self, note: &TraceStep) -> Value {
        let mut values = self.mask.value(&note.values);
        let hides_key = texts_of(self.known.sentence, Step::OnceKey).any(|text| self.mask.names_sensitive(text));
        if note.step == Step::OnceKey
            && hides_key
            && let Value::Object(fields) = &mut values
        {
            fields.values_mut().for_each(|value| *value = json!(MASKED));
        }
        values
    }
}

pub(super) fn not_reached(check: Check) -> Checked {
    let says = "A step before it had ended the matter";
    checked(check, CheckState::NotReached, says, Value::Null, Source::Recorded)
}

pub(super) fn past_retention(check: Check, what: &str) -> Checked {
    let says = format!("{what} is not kept any more");
    checked(check, CheckState::Unknown, says, Value::Null, Source::Stored)
}

/// Does the sentence ask for anything at this step?
fn is_set(sentence: &Trigger, step: Step) -> bool {
    let guards = &sentence.guards;
    let promo = sentence.class == Class::Promo;
    match step {
        Step::Facts => !sentence.for_each.is_empty(),
        Step::Condition => sentence.condition.is_some(),
        Step::Wait => sentence
            .wait
            .as_ref()
            .is_some_and(|wait| wait.until.is_some() || wait.delay.is_some()),
        Step::Inside => sentence.wait.as_ref().is_some_and(|wait| wait.while_.is_some()),
        Step::Staleness => sentence.max_age.is_some(),
        Step::Window => guards.window.is_some(),
        Step::Schedule => !guards.schedule.is_empty() || guards.open.is_some(),
        Step::Cooldown => guards.cooldown.is_some(),
        Step::Cap => promo && !guards.caps.is_empty(),
        Step::QuietHours => promo,
        Step::Priority => guards.priority.is_some(),
        Step::Replaces => sentence.then.replaces.is_some(),
        Step::Holdout => guards.holdout.is_some_and(|share| share > 0.0),
        Step::Arm => !sentence.then.arms.is_empty(),
        Step::Pause | Step::Consent | Step::Plausibility | Step::OnceKey | Step::Compose | Step::Deliver => true,
    }
}

/// The texts of the sentence that a step judges by.
fn texts_of(sentence: Option<&Trigger>, step: Step) -> impl Iterator<Item = &String> {
    let window = sentence.and_then(|sentence| sentence.guards.window.as_ref());
    let texts = match step {
        Step::Condition => [sentence.and_then(|sentence| sentence.condition.as_ref()), None],
        Step::Wait => [
            sentence.and_then(|sentence| sentence.wait.as_ref()?.until.as_ref()),
            None,
        ],
        Step::OnceKey => [sentence.and_then(|sentence| sentence.once_per.as_ref()), None],
        Step::Window => [
            window.and_then(|window| window.from.as_ref()),
            window.and_then(|window| window.to.as_ref()),
        ],
        Step::Facts
        | Step::Inside
        | Step::Pause
        | Step::Consent
        | Step::Plausibility
        | Step::Staleness
        | Step::Schedule
        | Step::Cooldown
        | Step::Cap
        | Step::QuietHours
        | Step::Priority
        | Step::Replaces
        | Step::Holdout
        | Step::Arm
        | Step::Compose
        | Step::Deliver => [None, None],
    };
    texts.into_iter().flatten()
}
