//! Judging: one moment against every trigger that listens, for every combination of facts.

use super::draw::Drawn;
use super::guards::Refusal;
use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::id::{InstanceId, MessageId};
use crate::base::time::Timestamp;
use crate::engine::decision::{Decision, ReasonCode, Step, TraceStep};
use crate::engine::message::Shown;
use crate::engine::moment::{Moment, Place};
use crate::engine::subject::{Answer, Wait};
use crate::engine::trigger::expression::{Clause, Judgement, Verdict};
use crate::engine::trigger::{Choose, CompiledTrigger};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Why a case is looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The moment was just noticed.
    First,
    /// A fact came or changed while the visit that the moment opened still lasts.
    Revised,
    /// A wait fell due.
    Due,
    /// The phone was asked where it is, and has answered or had its time.
    Asked,
    /// A fact changed that a wait depends on.
    FactChanged,
}

impl Occasion {
    /// Was the moment kept open until now?
    pub(super) fn ends_a_wait(self) -> bool {
        matches!(self, Self::Due | Self::Asked | Self::FactChanged)
    }
}

/// One moment for one trigger revision and one combination of facts.
pub(super) struct Case<'a> {
    pub(super) trigger: &'a Arc<CompiledTrigger>,
    pub(super) moment: &'a Moment,
    pub(super) place: Option<Place>,
    pub(super) bound: Bound,
    /// The instance of a journey whose state holds the trigger.
    pub(super) instance: Option<InstanceId>,
    pub(super) occasion: Occasion,
    pub(super) trace: Vec<TraceStep>,
}

/// A case that nothing has stopped so far.
pub(super) struct Candidate<'a> {
    pub(super) case: Case<'a>,
    pub(super) send_key: String,
    /// With several cases in one message: the key each would have had alone.
    pub(super) also_spends: Vec<String>,
    pub(super) scene: Map<String, Value>,
    pub(super) shown: Shown,
    pub(super) drawn: Drawn,
    pub(super) late: bool,
    /// The message it corrects, if it is a correction.
    pub(super) corrects: Option<MessageId>,
    /// Further cases that the same message speaks for.
    pub(super) with: Vec<Case<'a>>,
}

impl<'a> Candidate<'a> {
    /// Every case that its message speaks for.
    pub(super) fn cases(&self) -> impl Iterator<Item = &Case<'a>> {
        std::iter::once(&self.case).chain(&self.with)
    }
}

/// What looking at a case came to.
pub(super) enum Assessed<'a> {
    Pass(Box<Candidate<'a>>),
    Refused(Box<Case<'a>>, Refusal),
}

impl Case<'_> {
    /// Was this wait opened by such a case?
    pub(super) fn is_of(&self, wait: &Wait) -> bool {
        (wait.trigger_id, wait.instance_id) == (self.trigger.id, self.instance) && wait.facts == self.bound
    }

    pub(super) fn note(&mut self, step: Step, passed: bool, says: impl Into<String>, values: Value) {
        self.trace.push(TraceStep {
            step,
            passed,
            says: says.into(),
            values,
        });
    }

    /// Notes a guard that let it pass, once: cases that compete are asked again when it is their turn.
    pub(super) fn note_passed(&mut self, step: Step, says: impl Into<String>, values: Value) {
        if !self.trace.iter().any(|known| known.step == step && known.passed) {
            self.note(step, true, says, values);
        }
    }
}

impl Stepper<'_> {
    /// Judges a fresh moment.
    pub(super) fn judge(&mut self, moment: &Moment) {
        if let Some(of) = &moment.of {
            return self.judge_told(moment, of);
        }
        let triggers = &self.given.catalogue.triggers;
        let free = triggers.hearing(&moment.kind).map(|trigger| (trigger, None));
        let listening: Vec<_> = free.chain(self.triggers_in_journeys(moment)).collect();
        let mut candidates = Vec::new();
        for (trigger, instance) in listening.into_iter().filter(|(trigger, _)| trigger.whose.is_none()) {
            let Some(place) = self.listens(trigger, moment) else {
                continue;
            };
            let cases = match place {
                Ok(place) => self.cases(trigger, moment, place, Occasion::First, instance),
                Err(mut case) => {
                    (case.bound, case.instance) = (self.bound_in(instance), instance);
                    self.decide_refused(&case, &Refusal::drop(ReasonCode::NotInside));
                    continue;
                }
            };
            candidates.extend(self.assess_all(trigger, cases));
        }
        self.settle_priority(candidates);
    }

    /// Looks at every case of one trigger, records those that are stopped, and brings together those that pass.
    pub(super) fn assess_all<'a>(
        &mut self,
        trigger: &'a Arc<CompiledTrigger>,
        cases: Vec<Case<'a>>,
    ) -> Vec<Candidate<'a>> {
        let mut passing = Vec::new();
        for case in cases {
            match self.assess(case) {
                Assessed::Pass(candidate) => passing.push(*candidate),
                Assessed::Refused(case, refusal) => self.settle_refused(&case, &refusal),
            }
        }
        self.choose(trigger, passing)
    }

    /// The conditions and guards of one case, in their public order, up to the point where cases compete.
    pub(super) fn assess<'a>(&self, mut case: Case<'a>) -> Assessed<'a> {
        let scene = self.scene(&case);
        let mut late = false;
        let checks = self
            .relevant(&mut case, &scene)
            .and_then(|()| self.may_speak_at_all(&mut case))
            .and_then(|()| self.still_there_if_revised(&mut case))
            .and_then(|()| self.is_fresh(&mut case).map(|is_late| late = is_late))
            .and_then(|()| self.waited_enough(&mut case, &scene))
            .and_then(|()| self.is_timely(&mut case, &scene))
            .and_then(|()| self.send_key(&mut case, &scene))
            .and_then(|key| self.within_frequency(&mut case).map(|()| key))
            .and_then(|key| self.drawn(&mut case, &scene).map(|drawn| (key, drawn)))
            .and_then(|(key, drawn)| self.out_of_the_night(&mut case, &drawn.content).map(|()| (key, drawn)))
            .and_then(|(key, drawn)| {
                let shown = self.rendered(&mut case, &scene, &[], &drawn.content)?;
                Ok((key, drawn, shown))
            });
        match checks {
            Ok((send_key, drawn, shown)) => Assessed::Pass(Box::new(Candidate {
                case,
                send_key,
                also_spends: Vec::new(),
                scene,
                shown,
                drawn,
                late,
                corrects: None,
                with: Vec::new(),
            })),
            Err(refusal) => Assessed::Refused(Box::new(case), refusal),
        }
    }

    /// Is this moment relevant? Facts still active, condition holds.
    fn relevant(&self, case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<(), Refusal> {
        self.facts_hold(case)?;
        self.happened_often_enough(case)?;
        condition_holds(case, scene)
    }

    /// Are the facts it is judged for still active?
    pub(super) fn facts_hold(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        let judged_again = !matches!(case.occasion, Occasion::First);
        for (name, id) in case.bound.clone() {
            let active = self
                .subject
                .fact(&id)
                .is_some_and(|fact| fact.is_active(self.given.now));
            let about_itself = case.moment.kind.outlives(&id);
            if !active && !about_itself && !self.goes_on_without(case, &id) {
                case.note(
                    Step::Facts,
                    false,
                    format!("The {} {} is not active any more", id.kind, id.key),
                    json!({ name: id.key }),
                );
                let code = if judged_again && case.occasion != Occasion::Revised {
                    ReasonCode::Cancelled
                } else {
                    ReasonCode::FactInactive
                };
                return Err(Refusal::drop(code));
            }
        }
        if !case.bound.is_empty() {
            case.note(Step::Facts, true, "Judged for these facts", json!(case.bound));
        }
        Ok(())
    }

    /// Records a decision and remembers the answer with the visit it belongs to.
    pub(super) fn decide(&mut self, case: &Case<'_>, code: ReasonCode, until: Option<Timestamp>) -> Option<usize> {
        let answer = Answer {
            trigger_id: case.trigger.id,
            facts: case.bound.clone(),
            code,
        };
        if let Some(visit) = self
            .subject
            .visits
            .values_mut()
            .find(|visit| visit.entered.id == case.moment.id)
        {
            let known = visit
                .answers
                .iter_mut()
                .find(|known| known.trigger_id == answer.trigger_id && known.facts == answer.facts);
            match known {
                Some(known) if known.code == code && case.occasion == Occasion::Revised => return None,
                Some(known) => known.code = code,
                None => visit.answers.push(answer),
            }
        }
        self.dirty = true;
        self.heed(case, code);
        let decision = Decision {
            id: self.ids.draw(),
            user_id: self.subject.user_id,
            moment_id: case.moment.id,
            trigger_id: case.trigger.id,
            trigger: case.trigger.sentence.name.clone(),
            revision: case.trigger.revision,
            facts: case.bound.clone(),
            code,
            decided_at: self.given.now,
            until,
            message_id: None,
            late: false,
            arm: None,
            trace: case.trace.clone(),
        };
        self.out.decisions.push(decision);
        Some(self.out.decisions.len() - 1)
    }

    pub(super) fn decide_refused(&mut self, case: &Case<'_>, refusal: &Refusal) {
        self.decide(case, refusal.code, refusal.due_at.or(refusal.ends_at));
    }

    /// Several facts of one trigger passed: one each, the lowest, or one for all.
    fn choose<'a>(&mut self, trigger: &'a Arc<CompiledTrigger>, mut passing: Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
        if passing.len() < 2 {
            return passing;
        }
        let bind = trigger
            .sentence
            .for_each
            .iter()
            .find(|(_, bind)| *bind.choose() != Choose::Each);
        let Some((name, bind)) = bind else { return passing };
        match bind.choose() {
            Choose::Each => passing,
            Choose::Lowest(field) => {
                let value = |candidate: &Candidate<'_>| {
                    candidate.scene.get(name).and_then(|fact| fact.get(field)).map(sortable)
                };
                passing.sort_by(|a, b| value(a).cmp(&value(b)).then_with(|| a.case.bound.cmp(&b.case.bound)));
                // A fact without the value sorts first as none: it must not win over one that has it.
                let first = passing
                    .iter()
                    .position(|candidate| value(candidate).is_some())
                    .unwrap_or(0);
                let winner = passing.remove(first);
                for mut other in passing {
                    other.case.note(
                        Step::Priority,
                        false,
                        format!("Another {} comes first", bind.kind()),
                        json!({ "by": field }),
                    );
                    self.decide(&other.case, ReasonCode::Superseded, None);
                }
                vec![winner]
            }
            Choose::Together => self.together(name, passing),
        }
    }
}

/// Does the condition hold for what the case can see?
pub(super) fn condition_holds(case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(condition) = &case.trigger.condition else {
        return Ok(());
    };
    let judgement = condition.judge(scene);
    let values = clauses(&judgement.clauses);
    match judgement.verdict {
        Verdict::Holds => {
            case.note(Step::Condition, true, "The condition holds", values);
            Ok(())
        }
        Verdict::Fails => {
            case.note(Step::Condition, false, failing(&judgement), values);
            Err(Refusal::drop(if asks_where_they_are(&judgement) {
                ReasonCode::NotInside
            } else {
                ReasonCode::ConditionFalse
            }))
        }
        Verdict::Missing(path) => {
            case.note(Step::Condition, false, format!("`{path}` has no value"), values);
            Err(Refusal::drop(ReasonCode::MissingData))
        }
        Verdict::Error(why) => {
            case.note(Step::Condition, false, why, values);
            Err(Refusal::drop(ReasonCode::ConditionError))
        }
    }
}

/// Numbers sort as numbers, texts (and so instants in UTC) as texts.
fn sortable(value: &Value) -> (u8, i64, String) {
    match value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an order of magnitude sorts the same after rounding to milli-units"
        )]
        Value::Number(number) => (0, (number.as_f64().unwrap_or(f64::MAX) * 1000.0) as i64, String::new()),
        Value::String(text) => match text.parse::<chrono::DateTime<chrono::FixedOffset>>() {
            Ok(instant) => (0, instant.timestamp_millis(), String::new()),
            Err(_) => (1, 0, text.clone()),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => (2, 0, value.to_string()),
    }
}

/// Each clause with whether it held, and the values it read.
pub(super) fn clauses(clauses: &[Clause]) -> Value {
    json!(
        clauses
            .iter()
            .map(|clause| json!({ "clause": clause.text, "holds": clause.holds, "values": clause.values }))
            .collect::<Vec<_>>()
    )
}

/// Is the clause that fails one that asks whether the person is in some place? Then that is the answer. A clause that asks
/// for the contrary (`!('VIE' in user.places)`) fails because they are there.
fn asks_where_they_are(judgement: &Judgement) -> bool {
    let clause = judgement.clauses.iter().find(|clause| clause.holds == Some(false));
    clause.is_some_and(|clause| {
        let reads_places = ["user.places", "user.tags"]
            .iter()
            .any(|path| clause.values.contains_key(*path));
        reads_places && !clause.text.trim_start().starts_with('!')
    })
}

fn failing(judgement: &Judgement) -> String {
    let clause = judgement.clauses.iter().find(|clause| clause.holds == Some(false));
    clause.map_or_else(
        || "The condition does not hold".to_owned(),
        |clause| format!("`{}` does not hold", clause.text),
    )
}
