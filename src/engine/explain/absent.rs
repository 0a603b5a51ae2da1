//! When nothing was decided: what is stored says why.

use super::{Check, CheckState, Checked, Explanation, Source, words};
use crate::base::time::Timestamp;
use crate::engine::moment::Moment;
use crate::engine::trigger::{Trigger, When};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// What is stored around a time at which nothing was decided.
#[derive(Debug, Clone)]
pub struct Absent<'a> {
    /// Is there a user of this name?
    pub is_known: bool,
    /// When each of the devices was last heard of; none for one that never reported.
    pub devices: &'a [Option<Timestamp>],
    /// The sentence that was live then; none when no revision was.
    pub live: Option<&'a Trigger>,
    /// It does not speak now, because a person paused it or the project.
    pub is_paused: bool,
    /// Moments of the user around that time, newest first.
    pub moments: &'a [Moment],
    pub at: Timestamp,
    pub zone: Tz,
}

/// Explains why there is no decision.
pub fn absent(absent: &Absent<'_>) -> Explanation {
    let steps = vec![user(absent), device(absent), trigger(absent), moment(absent)];
    let at = words::clock(absent.at, absent.zone);
    let first = steps.iter().find(|step| step.state == CheckState::Failed);
    let why = first.map_or_else(
        || "everything was there, but nothing was decided by then".to_owned(),
        |step| step.says.clone(),
    );
    Explanation {
        verdict: format!("Nothing was decided up to {at}: {why}."),
        code: None,
        decision_id: None,
        moment_id: None,
        at: absent.at,
        steps,
        history: Vec::new(),
        nearest_change: None,
        gone: Vec::new(),
    }
}

fn told(step: Check, is_there: bool, yes: String, no: String, values: Value) -> Checked {
    let (state, says) = if is_there {
        (CheckState::Passed, yes)
    } else {
        (CheckState::Failed, no)
    };
    Checked {
        step,
        state,
        says,
        values,
        source: Source::Stored,
    }
}

fn user(absent: &Absent<'_>) -> Checked {
    let (yes, no) = ("there is such a person", "there is no such person");
    told(Check::User, absent.is_known, yes.into(), no.into(), Value::Null)
}

fn device(absent: &Absent<'_>) -> Checked {
    let newest = absent.devices.iter().flatten().max();
    let no = if absent.devices.is_empty() {
        "no device belongs to this person"
    } else {
        "no device of this person has ever reported"
    };
    let yes = newest.map(|seen| format!("a device was last heard of at {}", words::clock(*seen, absent.zone)));
    let values = json!({ "devices": absent.devices.len(), "last_seen_at": newest });
    told(
        Check::Device,
        newest.is_some(),
        yes.unwrap_or_default(),
        no.into(),
        values,
    )
}

fn trigger(absent: &Absent<'_>) -> Checked {
    let yes = if absent.is_paused {
        "the trigger was live; it is paused now"
    } else {
        "the trigger was live"
    };
    let no = "the trigger was not live then";
    told(
        Check::Trigger,
        absent.live.is_some(),
        yes.into(),
        no.into(),
        Value::Null,
    )
}

fn moment(absent: &Absent<'_>) -> Checked {
    let kinds: Vec<&str> = match absent.live.map(|trigger| &trigger.when) {
        Some(When::Any(several)) => several.iter().map(kind).collect(),
        Some(one) => vec![kind(one)],
        None => Vec::new(),
    };
    let mut of_kind = absent.moments.iter();
    let found = of_kind.find(|moment| kinds.is_empty() || kinds.contains(&moment.kind.name()));
    let yes = found.map(|found| {
        let at = words::clock(found.occurred_at, absent.zone);
        format!("there was `{}` of `{}` at {at}", found.kind.name(), found.kind.of())
    });
    let no = match kinds.as_slice() {
        [] => "there was no moment of this person around that time".to_owned(),
        kinds => format!(
            "there was no `{}` of this person around that time",
            kinds.join("` or `")
        ),
    };
    let values = json!({ "kinds": kinds, "moments": absent.moments.len() });
    told(Check::Moment, found.is_some(), yes.unwrap_or_default(), no, values)
}

/// The kind of moment an alternative listens to.
fn kind(when: &When) -> &'static str {
    match when {
        When::Entered(_) => "entered",
        When::Exited(_) => "exited",
        When::Dwelled { .. } => "dwelled",
        When::Event(_) => "event",
        When::Fact(_) => "fact",
        When::Time(_) => "reached",
        When::Schedule(_) => "scheduled",
        When::Answered(_) => "answered",
        When::Begins => "begun",
        When::Any(_) => "any",
    }
}
