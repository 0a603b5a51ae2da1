//! The ways of a journey: between its states and out of it, and whether they lead everywhere and somewhere.

use super::sentence::{Journey, State};
use crate::base::limits;
use crate::engine::trigger::{TriggerError, When};
use std::collections::BTreeSet;

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To this state.
    To(String),
    /// Out of the journey, for this reason.
    Out(String),
}

impl Way {
    /// Exactly one of the two; otherwise there is no way.
    pub(super) fn of(goto: Option<&String>, exit: Option<&String>) -> Option<Self> {
        match (goto, exit) {
            (Some(state), None) => Some(Self::To(state.clone())),
            (None, Some(reason)) => Some(Self::Out(reason.clone())),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

/// RFC 6901: `~` and `/` inside a member name are escaped.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

pub(super) fn error(code: &str, pointer: impl Into<String>, detail: &str, hint: Option<&str>) -> TriggerError {
    TriggerError {
        code: code.to_owned(),
        pointer: pointer.into(),
        detail: detail.to_owned(),
        position: None,
        hint: hint.map(str::to_owned),
    }
}

/// Names, bounds, and where every way leads.
pub(super) fn check(journey: &Journey, errors: &mut Vec<TriggerError>) {
    if !is_name(&journey.name, limits::NAME_CHARS_MAX) {
        let detail = "a name has 1 to 128 characters and no slash";
        errors.push(error("name_out_of_bounds", "/name", detail, None));
    }
    if journey.states.is_empty() || journey.states.len() > limits::STATES_PER_JOURNEY_MAX {
        let detail = "a journey has 1 to 32 states";
        errors.push(error("states_out_of_bounds", "/states", detail, None));
    }
    let begins = "`begins` listens to the beginning of a state, and no state has begun yet";
    for pointer in begins_in(&journey.start.when) {
        let hint = "listen to what brings people into the journey, such as `fact` or `event`";
        errors.push(error(
            "not_in_a_state",
            format!("/start/when{pointer}"),
            begins,
            Some(hint),
        ));
    }
    check_goto(journey, &journey.start.goto, "/start/goto", errors);
    for (name, state) in &journey.states {
        let at = format!("/states/{}", escaped(name));
        if !is_name(name, limits::STATE_NAME_CHARS_MAX) {
            let detail = "a state has a name of 1 to 64 characters without a slash";
            errors.push(error("name_out_of_bounds", at.clone(), detail, None));
        }
        if state.moves.len() > limits::MOVES_PER_STATE_MAX {
            let detail = "a state has at most 16 moves";
            errors.push(error("too_many_moves", format!("{at}/moves"), detail, None));
        }
        let days = state.at_most.span.as_seconds();
        if !(1..=limits::STATE_DAYS_MAX * 86_400).contains(&days) {
            let detail = "a state lasts from 1 second to 1,096 days";
            errors.push(error("span_out_of_bounds", format!("{at}/at_most/for"), detail, None));
        }
        let limit = (state.at_most.goto.as_ref(), state.at_most.exit.as_ref());
        check_way(journey, limit, &format!("{at}/at_most"), errors);
        for (index, way) in state.moves.iter().enumerate() {
            let at = format!("{at}/moves/{index}");
            check_way(journey, (way.goto.as_ref(), way.exit.as_ref()), &at, errors);
        }
        for (index, trigger) in state.triggers.iter().enumerate() {
            if let Some(goto) = &trigger.then.goto {
                check_goto(journey, goto, &format!("{at}/triggers/{index}/then/goto"), errors);
            }
        }
    }
    if errors.is_empty() {
        check_reach(journey, errors);
    }
}

fn is_name(name: &str, most: usize) -> bool {
    let length = name.chars().count();
    (1..=most).contains(&length) && !name.contains(['\0', '/'])
}

/// Where among its alternatives a `when` listens to the beginning of a state.
fn begins_in(when: &When) -> Vec<String> {
    match when {
        When::Begins => vec![String::new()],
        When::Any(several) => {
            let places = several.iter().enumerate();
            let begins = places.filter(|(_, when)| matches!(when, When::Begins));
            begins.map(|(index, _)| format!("/any/{index}")).collect()
        }
        When::Entered(_)
        | When::Exited(_)
        | When::Dwelled { .. }
        | When::Event(_)
        | When::Fact(_)
        | When::Time(_)
        | When::Schedule(_)
        | When::Answered(_) => Vec::new(),
    }
}

fn check_way(
    journey: &Journey,
    (goto, exit): (Option<&String>, Option<&String>),
    at: &str,
    errors: &mut Vec<TriggerError>,
) {
    match (goto, exit) {
        (Some(goto), None) => check_goto(journey, goto, &format!("{at}/goto"), errors),
        (None, Some(exit)) => {
            if !is_name(exit, limits::STATE_NAME_CHARS_MAX) {
                let detail = "a reason has 1 to 64 characters and no slash";
                errors.push(error("name_out_of_bounds", format!("{at}/exit"), detail, None));
            }
        }
        (Some(_), Some(_)) | (None, None) => {
            let hint = "give a state in `goto`, or a reason in `exit`";
            let detail = "it leads to exactly one of a state and the end";
            errors.push(error("way_unclear", at, detail, Some(hint)));
        }
    }
}

fn check_goto(journey: &Journey, goto: &str, at: &str, errors: &mut Vec<TriggerError>) {
    if !journey.states.contains_key(goto) {
        let known: Vec<&str> = journey.states.keys().map(String::as_str).collect();
        let hint = format!("the states are {}", known.join(", "));
        let detail = format!("there is no state `{goto}`");
        errors.push(error("state_unknown", at, &detail, Some(&hint)));
    }
}

/// Every state can be come to, and from every one there is a way out.
fn check_reach(journey: &Journey, errors: &mut Vec<TriggerError>) {
    let mut reached = BTreeSet::from([journey.start.goto.as_str()]);
    grow(&mut reached, |reached| {
        let from = reached.iter().filter_map(|name| journey.states.get(*name));
        from.flat_map(State::gotos).collect()
    });
    let mut leads_out: BTreeSet<&str> = journey
        .states
        .iter()
        .filter(|(_, state)| state.exits())
        .map(|(name, _)| name.as_str())
        .collect();
    grow(&mut leads_out, |leads_out| {
        let states = journey.states.iter();
        let next = states.filter(|(_, state)| state.gotos().any(|goto| leads_out.contains(goto)));
        next.map(|(name, _)| name.as_str()).collect()
    });
    for name in journey.states.keys() {
        let at = format!("/states/{}", escaped(name));
        if !reached.contains(name.as_str()) {
            let hint = "let `start`, a move, a limit or a trigger go to it, or leave it out";
            errors.push(error("state_unreachable", at, "no way leads to this state", Some(hint)));
        } else if !leads_out.contains(name.as_str()) {
            let hint = "let a move or a limit on the way `exit`";
            errors.push(error(
                "no_way_out",
                at,
                "from this state the journey never ends",
                Some(hint),
            ));
        }
    }
}

/// Adds what follows from the set until nothing more does.
fn grow<'a>(set: &mut BTreeSet<&'a str>, follows: impl Fn(&BTreeSet<&'a str>) -> Vec<&'a str>) {
    loop {
        let known = set.len();
        let more = follows(set);
        set.extend(more);
        if set.len() == known {
            return;
        }
    }
}
