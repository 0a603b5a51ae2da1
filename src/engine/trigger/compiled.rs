//! A trigger whose conditions are parsed and whose parts are checked: what the engine judges with.

use super::expression::{Expression, ExpressionError, FieldType, Fields, Scope, Wanted};
use super::sentence::{AtLimit, Bind, Trigger};
use super::typed::with_fact;
use super::when::{PlaceSelector, TimeWhen, When};
use super::wording::check_shape;
use crate::base::id::{JourneyId, TriggerId};
use crate::base::time::{Span, Timestamp};
use crate::engine::fact::FactType;
use crate::engine::fence::Geofence;
use crate::engine::moment::Place;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// Something wrong with a trigger: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct TriggerError {
    /// Stable, `snake_case`.
    pub code: String,
    /// JSON pointer into the trigger.
    pub pointer: String,
    pub detail: String,
    /// With an error inside a condition: the character it stands at.
    pub position: Option<usize>,
    pub hint: Option<String>,
}

/// One revision of a trigger, ready to judge.
#[derive(Debug, Clone)]
pub struct CompiledTrigger {
    pub id: TriggerId,
    pub revision: i64,
    /// Paused by a person: it answers `paused` and sends nothing.
    pub paused: bool,
    pub sentence: Trigger,
    pub condition: Option<Expression>,
    pub until: Option<Expression>,
    pub once_per: Option<Expression>,
    pub window_from: Option<Expression>,
    pub window_to: Option<Expression>,
    /// The instants of its `time` alternatives, by their place among the alternatives.
    pub times: BTreeMap<usize, Expression>,
    pub whose: Option<Expression>,
    pub unit: Option<Expression>,
    /// The state of a journey that holds it; it listens only to who is in that state.
    pub journey: Option<InJourney>,
    /// When this trigger first went live: a time that came before is none of its business. None listens to all.
    pub live_since: Option<Timestamp>,
}

/// The state of a journey that holds a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InJourney {
    pub id: JourneyId,
    pub name: String,
    pub state: String,
    /// The names the journey binds, with the types of their facts: its triggers find them bound.
    pub facts: BTreeMap<String, String>,
}

/// What a sentence stands in: it widens or sharpens what its texts may name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The types of facts that the project describes.
    pub fact_types: Option<&'a HashMap<String, Arc<FactType>>>,
    pub journey: Option<&'a InJourney>,
}

impl CompiledTrigger {
    /// Parses and checks every part; all errors at once, so that a form can show each at its field.
    pub fn compile(id: TriggerId, revision: i64, sentence: Trigger) -> Result<Self, Vec<TriggerError>> {
        Self::compile_in(id, revision, sentence, Around::default())
    }

    /// The same, for a sentence in its surroundings.
    pub fn compile_in(
        id: TriggerId,
        revision: i64,
        sentence: Trigger,
        around: Around<'_>,
    ) -> Result<Self, Vec<TriggerError>> {
        let mut errors = Vec::new();
        check_shape(&sentence, around, &mut errors);
        let scope = scope_of(&sentence, around);
        let mut parse = |pointer: &str, text: Option<&String>, wanted: Wanted| {
            let text = text?;
            match Expression::compile(text, &scope, wanted) {
                Ok(expression) => Some(expression),
                Err(error) => {
                    errors.push(expression_error(pointer, &error));
                    None
                }
            }
        };
        let window = sentence.guards.window.as_ref();
        let condition = parse("/if", sentence.condition.as_ref(), Wanted::Truth);
        let until = parse(
            "/wait/until",
            sentence.wait.as_ref().and_then(|wait| wait.until.as_ref()),
            Wanted::Truth,
        );
        let once_per = parse("/once_per", sentence.once_per.as_ref(), Wanted::Text);
        let window_from = parse(
            "/guards/window/from",
            window.and_then(|window| window.from.as_ref()),
            Wanted::Instant,
        );
        let window_to = parse(
            "/guards/window/to",
            window.and_then(|window| window.to.as_ref()),
            Wanted::Instant,
        );
        let unit = parse("/guards/unit", sentence.guards.unit.as_ref(), Wanted::Text);
        let whose = compile_whose(&sentence, around, &mut errors);
        let times = compile_times(&sentence, around, &mut errors);
        if errors.is_empty() {
            Ok(Self {
                id,
                revision,
                paused: false,
                sentence,
                condition,
                until,
                once_per,
                window_from,
                window_to,
                times,
                whose,
                unit,
                journey: around.journey.cloned(),
                live_since: None,
            })
        } else {
            Err(errors)
        }
    }

    /// The alternatives of its `when`.
    pub fn alternatives(&self) -> &[When] {
        alternatives(&self.sentence.when)
    }

    /// How long people must stay in this fence for this trigger to care.
    pub fn dwell_spans(&self, fence: &Geofence) -> impl Iterator<Item = Span> {
        self.alternatives().iter().filter_map(|when| match when {
            When::Dwelled { stayed, place } if place.selects(fence.tag(), fence.external_id(), fence.id) => {
                Some(*stayed)
            }
            When::Dwelled { .. }
            | When::Entered(_)
            | When::Exited(_)
            | When::Event(_)
            | When::Fact(_)
            | When::Time(_)
            | When::Schedule(_)
            | When::Answered(_)
            | When::Begins
            | When::Any(_) => None,
        })
    }

    /// Its `time` alternatives: the name that is bound, the type of its facts, the text, and the text ready to evaluate.
    pub fn timed(&self) -> impl Iterator<Item = (&str, &str, &str, &Expression)> {
        self.times.iter().filter_map(|(index, instant)| {
            let When::Time(TimeWhen { fact, at }) = self.alternatives().get(*index)? else {
                return None;
            };
            Some((fact.as_str(), self.type_of(fact)?, at.as_str(), instant))
        })
    }

    /// The type of the facts that a name stands for.
    pub fn type_of(&self, name: &str) -> Option<&str> {
        let of_journey = || self.journey.as_ref().and_then(|journey| journey.facts.get(name));
        let bound = self.sentence.for_each.get(name).map(Bind::kind);
        bound.or_else(|| of_journey().map(String::as_str))
    }

    /// Does it wait for an instant at which nobody may send anything? Then people are woken when it goes live.
    pub fn needs_waking(&self) -> bool {
        self.alternatives()
            .iter()
            .any(|when| matches!(when, When::Time(_) | When::Schedule(_) | When::Dwelled { .. }))
    }

    /// Does it say what is known when its wait comes to the limit?
    pub fn sends_at_limit(&self) -> bool {
        let wait = self.sentence.wait.as_ref();
        wait.is_some_and(|wait| wait.at_limit == AtLimit::Send)
    }

    /// Does it send only while the person is in the place?
    pub fn only_inside(&self) -> bool {
        self.sentence.wait.as_ref().is_some_and(|wait| wait.while_.is_some())
    }
}

pub(super) fn alternatives(when: &When) -> &[When] {
    match when {
        When::Any(several) => several,
        When::Entered(_)
        | When::Exited(_)
        | When::Dwelled { .. }
        | When::Event(_)
        | When::Fact(_)
        | When::Time(_)
        | When::Schedule(_)
        | When::Answered(_)
        | When::Begins => std::slice::from_ref(when),
    }
}

impl PlaceSelector {
    pub fn selects(&self, tag: &str, external_id: &str, id: crate::base::id::FenceId) -> bool {
        self.tag.as_deref().is_none_or(|wanted| wanted == tag)
            && self.external_id.as_deref().is_none_or(|wanted| wanted == external_id)
            && self.id.is_none_or(|wanted| wanted == id)
    }

    pub fn selects_place(&self, place: &Place) -> bool {
        self.selects(&place.tag, &place.external_id, place.id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tag.is_none() && self.external_id.is_none() && self.id.is_none()
    }
}

/// Is such a moment about a place?
pub(in crate::engine) fn has_place(when: &When) -> bool {
    match when {
        When::Entered(_) | When::Exited(_) | When::Dwelled { .. } => true,
        When::Event(event) => event.inside.is_some(),
        When::Schedule(schedule) => schedule.inside.is_some(),
        When::Fact(_) | When::Time(_) | When::Answered(_) | When::Begins | When::Any(_) => false,
    }
}

/// What the texts of this sentence may name.
fn scope_of(sentence: &Trigger, around: Around<'_>) -> Scope {
    use FieldType::{Bool, Double, Dynamic, Instant, List, Text};
    let kinds = alternatives(&sentence.when);
    let mut scope = Scope::new()
        .with("now", Fields::Scalar(Instant))
        .with(
            "user",
            Fields::ClosedPlus(&[
                ("ref", Text),
                ("locale", Text),
                ("time_zone", Text),
                ("places", List),
                ("tags", List),
            ]),
        )
        .with(
            "device",
            Fields::Closed(&[
                ("platform", Text),
                ("locale", Text),
                ("time_zone", Text),
                ("speed_mps", Double),
            ]),
        )
        .with(
            "moment",
            Fields::Closed(&[
                ("id", Text),
                ("kind", Text),
                ("occurred_at", Instant),
                ("date", Text),
                ("month", Text),
                ("time", Text),
                ("waited", Bool),
            ]),
        );
    if kinds.iter().any(has_place) {
        let fields = Fields::Closed(&[
            ("id", Text),
            ("external_id", Text),
            ("tag", Text),
            ("name", Text),
            ("metadata", Dynamic),
        ]);
        scope = scope.with("place", fields);
    }
    if kinds.iter().any(|when| matches!(when, When::Event(_))) {
        scope = scope.with("event", Fields::Closed(&[("name", Text), ("properties", Dynamic)]));
    }
    if kinds.iter().any(|when| matches!(when, When::Fact(_))) {
        scope = scope.with(
            "change",
            Fields::Closed(&[("becomes", Text), ("fields", List), ("before", Dynamic)]),
        );
    }
    if kinds.iter().any(|when| matches!(when, When::Answered(_))) {
        let fields = [("content", Text), ("how", Text), ("action", Text), ("text", Text)];
        scope = scope.with("answer", Fields::Closed(&fields));
    }
    scope = with_journey(scope, around);
    for (name, bind) in &sentence.for_each {
        scope = with_fact(scope, name, bind.kind(), around);
    }
    scope
}

/// The scope with the journey that holds the sentence, and the facts that it binds.
fn with_journey(scope: Scope, around: Around<'_>) -> Scope {
    use FieldType::{Instant, Text};
    let Some(journey) = around.journey else { return scope };
    let fields = [
        ("key", Text),
        ("state", Text),
        ("since", Instant),
        ("started_at", Instant),
    ];
    let scope = scope.with("journey", Fields::Closed(&fields));
    let facts = journey.facts.iter();
    facts.fold(scope, |scope, (name, kind)| with_fact(scope, name, kind, around))
}

/// `whose` sees the facts alone: it is asked of the one who moves and of the one who reads, and must say the same of both.
fn compile_whose(sentence: &Trigger, around: Around<'_>, errors: &mut Vec<TriggerError>) -> Option<Expression> {
    let text = sentence.whose.as_ref()?;
    let binds = sentence.for_each.iter();
    let scope = binds.fold(Scope::new(), |scope, (name, bind)| {
        with_fact(scope, name, bind.kind(), around)
    });
    Expression::compile(text, &scope, Wanted::Text)
        .map_err(|error| errors.push(expression_error("/whose", &error)))
        .ok()
}

/// The texts of the `time` alternatives: each sees its fact alone, so that only that fact moves it.
fn compile_times(
    sentence: &Trigger,
    around: Around<'_>,
    errors: &mut Vec<TriggerError>,
) -> BTreeMap<usize, Expression> {
    let mut times = BTreeMap::new();
    for (index, when) in alternatives(&sentence.when).iter().enumerate() {
        let When::Time(time) = when else { continue };
        let below = if matches!(sentence.when, When::Any(_)) {
            format!("/when/any/{index}/time")
        } else {
            "/when/time".to_owned()
        };
        let bound = sentence.for_each.get(&time.fact).map(Bind::kind);
        let by_journey = || around.journey.and_then(|journey| journey.facts.get(&time.fact));
        let Some(kind) = bound.or_else(|| by_journey().map(String::as_str)) else {
            errors.push(TriggerError {
                code: "time_fact_unbound".to_owned(),
                pointer: format!("{below}/fact"),
                detail: format!("`{}` is no name that `for_each` binds", time.fact),
                position: None,
                hint: Some(format!("add it: \"for_each\": {{ \"{0}\": \"{0}\" }}", time.fact)),
            });
            continue;
        };
        let scope = with_fact(Scope::new(), &time.fact, kind, around);
        match Expression::compile(&time.at, &scope, Wanted::Instant) {
            Ok(expression) => {
                times.insert(index, expression);
            }
            Err(error) => errors.push(expression_error(&format!("{below}/at"), &error)),
        }
    }
    times
}

fn expression_error(pointer: &str, error: &ExpressionError) -> TriggerError {
    TriggerError {
        code: error.code.as_str().to_owned(),
        pointer: pointer.to_owned(),
        detail: error.detail.clone(),
        position: Some(error.position),
        hint: error.hint.clone(),
    }
}

#[cfg(test)]
#[path = "compiled_tests.rs"]
mod tests;
