//! A trigger whose conditions are parsed and whose parts are checked: what the engine judges with.

use super::expression::{Expression, ExpressionError, FieldType, Fields, Scope, Wanted};
use super::sentence::{Choose, PlaceSelector, Trigger, When};
use crate::base::id::TriggerId;
use crate::base::limits;
use crate::base::time::Span;
use crate::engine::fence::Geofence;
use crate::engine::moment::Place;
use serde::Serialize;
use utoipa::ToSchema;

/// Something wrong with a trigger: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct TriggerError {
    /// Stable, snake_case.
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
}

const NAMES_RESERVED: [&str; 7] = ["now", "user", "device", "place", "event", "moment", "change"];
const BINDS_MAX: usize = 3;
const ALTERNATIVES_MAX: usize = 16;

impl CompiledTrigger {
    /// Parses and checks every part; all errors at once, so that a form can show each at its field.
    pub fn compile(id: TriggerId, revision: i64, sentence: Trigger) -> Result<Self, Vec<TriggerError>> {
        let mut errors = Vec::new();
        check_shape(&sentence, &mut errors);
        let scope = scope_of(&sentence);
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
    pub fn dwell_spans(&self, fence: &Geofence) -> impl Iterator<Item = Span> + '_ {
        let spans: Vec<Span> = self
            .alternatives()
            .iter()
            .filter_map(|when| match when {
                When::Dwelled { stayed, place } if place.selects(&fence.tag, &fence.external_id, fence.id) => {
                    Some(*stayed)
                }
                When::Dwelled { .. }
                | When::Entered(_)
                | When::Exited(_)
                | When::Event(_)
                | When::Fact(_)
                | When::Any(_) => None,
            })
            .collect();
        spans.into_iter()
    }

    /// Does it send only while the person is in the place?
    pub fn only_inside(&self) -> bool {
        self.sentence.wait.as_ref().is_some_and(|wait| wait.while_.is_some())
    }
}

fn alternatives(when: &When) -> &[When] {
    match when {
        When::Any(several) => several,
        one => std::slice::from_ref(one),
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

    fn is_empty(&self) -> bool {
        self.tag.is_none() && self.external_id.is_none() && self.id.is_none()
    }
}

/// What the texts of this sentence may name.
fn scope_of(sentence: &Trigger) -> Scope {
    use FieldType::{Bool, Dynamic, Instant, List, Text};
    let kinds = alternatives(&sentence.when);
    let has_place = kinds.iter().any(|when| match when {
        When::Entered(_) | When::Exited(_) | When::Dwelled { .. } => true,
        When::Event(event) => event.inside.is_some(),
        When::Fact(_) | When::Any(_) => false,
    });
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
            Fields::Closed(&[("platform", Text), ("locale", Text), ("time_zone", Text)]),
        )
        .with(
            "moment",
            Fields::Closed(&[
                ("id", Text),
                ("kind", Text),
                ("occurred_at", Instant),
                ("date", Text),
                ("time", Text),
                ("waited", Bool),
            ]),
        );
    if has_place {
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
        scope = scope.with("change", Fields::Closed(&[("becomes", Text), ("fields", List)]));
    }
    for name in sentence.for_each.keys() {
        scope = scope.with(name, Fields::Open);
    }
    scope
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

fn check_shape(sentence: &Trigger, errors: &mut Vec<TriggerError>) {
    let mut fail = |code: &str, pointer: String, detail: &str, hint: Option<&str>| {
        let (detail, hint) = (detail.to_owned(), hint.map(str::to_owned));
        errors.push(TriggerError {
            code: code.to_owned(),
            pointer,
            detail,
            position: None,
            hint,
        });
    };
    let name_length = sentence.name.chars().count();
    if name_length == 0 || name_length > limits::NAME_CHARS_MAX || sentence.name.contains(['\0', '/']) {
        fail(
            "name_out_of_bounds",
            "/name".into(),
            "a name has 1 to 128 characters and no slash",
            None,
        );
    }
    let kinds = alternatives(&sentence.when);
    if kinds.is_empty() || kinds.len() > ALTERNATIVES_MAX {
        fail(
            "when_out_of_bounds",
            "/when/any".into(),
            "`any` holds 1 to 16 alternatives",
            None,
        );
    }
    for (index, when) in kinds.iter().enumerate() {
        let at = if matches!(sentence.when, When::Any(_)) {
            format!("/when/any/{index}")
        } else {
            "/when".into()
        };
        if let Some((code, detail, hint)) = when_problem(when) {
            fail(code, at, detail, Some(hint));
        }
    }
    if sentence.for_each.len() > BINDS_MAX {
        fail(
            "too_many_bindings",
            "/for_each".into(),
            "at most 3 names can be bound",
            None,
        );
    }
    for (name, bind) in &sentence.for_each {
        let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain || NAMES_RESERVED.contains(&name.as_str()) || name.len() > 64 {
            let hint =
                "use lower-case letters, digits and _, and none of now, user, device, place, event, moment, change";
            fail(
                "binding_name_invalid",
                format!("/for_each/{name}"),
                "not a name a condition can use",
                Some(hint),
            );
        }
        if matches!(bind.choose(), Choose::Lowest(field) if field.is_empty()) {
            fail(
                "choose_field_missing",
                format!("/for_each/{name}/choose/lowest"),
                "name the property to compare",
                None,
            );
        }
    }
    check_wait(sentence, &mut fail);
    check_guards(sentence, &mut fail);
}

type Fail<'a> = dyn FnMut(&str, String, &str, Option<&str>) + 'a;

fn check_wait(sentence: &Trigger, fail: &mut Fail<'_>) {
    let Some(wait) = &sentence.wait else { return };
    let limit = Span::hours(24 * limits::WAIT_DAYS_MAX);
    if wait.until.is_some() && wait.at_most.is_none() {
        fail(
            "wait_without_limit",
            "/wait".into(),
            "a wait needs a limit",
            Some("add `at_most`, such as PT10H"),
        );
    }
    for (name, span) in [("at_most", wait.at_most), ("for", wait.delay)] {
        if span.is_some_and(|span| span > limit || span.as_seconds() < 1) {
            fail(
                "span_out_of_bounds",
                format!("/wait/{name}"),
                "a wait lasts from 1 second to 31 days",
                None,
            );
        }
    }
}

fn check_guards(sentence: &Trigger, fail: &mut Fail<'_>) {
    let guards = &sentence.guards;
    if guards.holdout.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        fail(
            "holdout_out_of_bounds",
            "/guards/holdout".into(),
            "a holdout is a share between 0 and 1",
            None,
        );
    }
    if guards.caps.len() > 8 || guards.schedule.len() > 21 {
        fail(
            "too_many_guards",
            "/guards".into(),
            "at most 8 caps and 21 schedule entries",
            None,
        );
    }
    for (index, cap) in guards.caps.iter().enumerate() {
        // The ledger of a user holds a bounded number of sends: a cap beyond it could never be kept.
        if cap.max == 0 || cap.max as usize > limits::SENDS_PER_USER_MAX || cap.per.as_seconds() < 1 {
            fail(
                "cap_out_of_bounds",
                format!("/guards/caps/{index}"),
                "a cap allows 1 to 300 messages per window",
                None,
            );
        }
    }
}

fn when_problem(when: &When) -> Option<(&'static str, &'static str, &'static str)> {
    let selector_hint = "give `tag`, `external_id` or `id`";
    match when {
        When::Entered(place) | When::Exited(place) if place.is_empty() => {
            Some(("selector_empty", "which place?", selector_hint))
        }
        When::Dwelled { place, .. } if place.is_empty() => Some(("selector_empty", "which place?", selector_hint)),
        When::Dwelled { stayed, .. } if stayed.as_seconds() < 1 => {
            Some(("span_out_of_bounds", "how long?", "at least PT1S"))
        }
        When::Event(event) if event.name.is_empty() => Some(("event_name_missing", "which event?", "give its `name`")),
        When::Fact(fact) if fact.kind.is_empty() => {
            Some(("fact_type_missing", "which type of fact?", "give its `type`"))
        }
        When::Any(_) => Some((
            "any_nested",
            "`any` cannot hold another `any`",
            "list the alternatives side by side",
        )),
        When::Entered(_) | When::Exited(_) | When::Dwelled { .. } | When::Event(_) | When::Fact(_) => None,
    }
}

#[cfg(test)]
#[path = "compiled_tests.rs"]
mod tests;
