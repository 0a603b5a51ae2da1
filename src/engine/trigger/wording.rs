//! What a sentence must be like before its texts are read: bounds, names, and parts that need one another.

use super::bounds::{check_guards, check_voice};
use super::compiled::{Around, TriggerError, alternatives};
use super::rungs::check_ladder;
use super::sentence::{Choose, Trigger};
use super::signals::{check_signal, check_whose};
use super::when::{PlaceSelector, When};
use crate::base::limits;
use crate::base::time::Span;

const NAMES_RESERVED: [&str; 9] = [
    "now", "user", "device", "place", "event", "moment", "change", "answer", "journey",
];
const BINDS_MAX: usize = 3;
const ALTERNATIVES_MAX: usize = 16;

pub(super) fn check_shape(sentence: &Trigger, around: Around<'_>, errors: &mut Vec<TriggerError>) {
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
        if let Some((code, below, detail, hint)) = when_problem(when) {
            fail(code, format!("{at}{below}"), detail, Some(hint));
        }
        check_signal(when, &at, &mut fail);
    }
    check_whose(sentence, &mut fail);
    check_binds(sentence, &mut fail);
    check_journey(sentence, around, &mut fail);
    check_wait(sentence, &mut fail);
    check_voice(sentence, &mut fail);
    check_ladder(sentence, &mut fail);
    check_guards(sentence, &mut fail);
}

pub(super) type Fail<'a> = dyn FnMut(&str, String, &str, Option<&str>) + 'a;

fn check_binds(sentence: &Trigger, fail: &mut Fail<'_>) {
    if sentence.for_each.len() > BINDS_MAX {
        fail(
            "too_many_bindings",
            "/for_each".into(),
            "at most 3 names can be bound",
            None,
        );
    }
    for (name, bind) in &sentence.for_each {
        // RFC 6901: `~` and `/` inside a member name are escaped.
        let at = format!("/for_each/{}", name.replace('~', "~0").replace('/', "~1"));
        let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain || NAMES_RESERVED.contains(&name.as_str()) || name.len() > 64 {
            let hint = "use lower-case letters, digits and _, and none of now, user, device, place, event, moment, change, answer, journey";
            fail(
                "binding_name_invalid",
                at.clone(),
                "not a name a condition can use",
                Some(hint),
            );
        }
        if bind.kind().is_empty() {
            fail(
                "fact_type_missing",
                at.clone(),
                "which type of fact?",
                Some("give its `type`"),
            );
        }
        if matches!(bind.choose(), Choose::Lowest(field) if field.is_empty()) {
            fail(
                "choose_field_missing",
                format!("{at}/choose/lowest"),
                "name the property to compare",
                None,
            );
        }
    }
}

/// What only a state of a journey can hold.
fn check_journey(sentence: &Trigger, around: Around<'_>, fail: &mut Fail<'_>) {
    if around.journey.is_some() {
        return;
    }
    if alternatives(&sentence.when)
        .iter()
        .any(|when| matches!(when, When::Begins))
    {
        fail(
            "not_in_a_journey",
            "/when".into(),
            "`begins` listens to the beginning of a journey's state",
            Some("put the trigger into a state of a journey"),
        );
    }
    if sentence.then.goto.is_some() {
        fail(
            "not_in_a_journey",
            "/then/goto".into(),
            "only a trigger in a state of a journey can go to another state",
            Some("leave `goto` out, or put the trigger into a journey"),
        );
    }
}

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

/// Code, pointer below the alternative, what is wrong, and what to do.
fn when_problem(when: &When) -> Option<(&'static str, &'static str, &'static str, &'static str)> {
    let selector_hint = "give `tag`, `external_id` or `id`";
    let which = |below| Some(("selector_empty", below, "which place?", selector_hint));
    match when {
        When::Entered(place) | When::Exited(place) | When::Dwelled { place, .. } if place.is_empty() => which(""),
        When::Dwelled { stayed, .. } if stayed.as_seconds() < 1 => {
            Some(("span_out_of_bounds", "", "how long?", "at least PT1S"))
        }
        When::Event(event) if event.name.is_empty() => {
            Some(("event_name_missing", "", "which event?", "give its `name`"))
        }
        When::Event(event) if event.inside.as_ref().is_some_and(PlaceSelector::is_empty) => which("/event/inside"),
        When::Fact(fact) if fact.kind.is_empty() => {
            Some(("fact_type_missing", "", "which type of fact?", "give its `type`"))
        }
        When::Any(_) => Some((
            "any_nested",
            "",
            "`any` cannot hold another `any`",
            "list the alternatives side by side",
        )),
        When::Entered(_)
        | When::Exited(_)
        | When::Dwelled { .. }
        | When::Event(_)
        | When::Fact(_)
        | When::Time(_)
        | When::Schedule(_)
        | When::Answered(_)
        | When::Begins => None,
    }
}
