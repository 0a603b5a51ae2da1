//! Compares what came out of a walk with what must come out: every difference as one line for a reader.

use super::outcome::{Expected, Outcome, SeenDecision, SeenJourney, SeenMessage, SeenMoment, SeenRefusal};
use std::fmt::Write;

/// Nothing when all is as expected. Order within one instant is nobody's promise, so lists are compared sorted.
pub fn differences(expected: &Expected, outcome: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(wanted) = &expected.moments {
        compare(
            "moment",
            wanted.iter().map(moment_line),
            outcome.moments.iter().map(moment_line),
            &mut found,
        );
    }
    if let Some(wanted) = &expected.decisions {
        let same = |wanted: &SeenDecision, got: &SeenDecision| {
            let arm_fits = wanted.arm.is_none() || wanted.arm == got.arm;
            arm_fits && decision_line(wanted) == decision_line(got)
        };
        match_up(
            "decision",
            wanted,
            &outcome.decisions,
            same,
            decision_line_with_arm,
            &mut found,
        );
    }
    if let Some(wanted) = &expected.messages {
        match_up("message", wanted, &outcome.messages, fits, message_line, &mut found);
    }
    if let Some(wanted) = &expected.refused {
        compare(
            "refusal",
            wanted.iter().map(refusal_line),
            outcome.refused.iter().map(refusal_line),
            &mut found,
        );
    }
    if let Some(wanted) = &expected.journeys {
        compare(
            "change of a journey",
            wanted.iter().map(journey_line),
            outcome.journeys.iter().map(journey_line),
            &mut found,
        );
    }
    found
}

/// Both lists as lines; those without a partner on the other side are reported.
fn compare(
    what: &str,
    wanted: impl Iterator<Item = String>,
    got: impl Iterator<Item = String>,
    found: &mut Vec<String>,
) {
    let mut left: Vec<String> = got.collect();
    for line in wanted {
        match left.iter().position(|other| *other == line) {
            Some(place) => drop(left.remove(place)),
            None => found.push(format!("missing {what}: {line}")),
        }
    }
    found.extend(left.into_iter().map(|line| format!("unexpected {what}: {line}")));
}

/// The same for what an expectation may tell in part.
fn match_up<T>(
    what: &str,
    wanted: &[T],
    got: &[T],
    same: impl Fn(&T, &T) -> bool,
    line: impl Fn(&T) -> String,
    found: &mut Vec<String>,
) {
    let mut left: Vec<&T> = got.iter().collect();
    for one in wanted {
        match left.iter().position(|other| same(one, other)) {
            Some(place) => drop(left.remove(place)),
            None => found.push(format!("missing {what}: {}", line(one))),
        }
    }
    found.extend(left.into_iter().map(|one| format!("unexpected {what}: {}", line(one))));
}

/// What the expectation leaves out is not compared.
fn fits(wanted: &SeenMessage, got: &SeenMessage) -> bool {
    let optional = |wanted: &Option<String>, got: &Option<String>| wanted.is_none() || wanted == got;
    (wanted.at, &wanted.user, &wanted.device) == (got.at, &got.user, &got.device)
        && (&wanted.title, &wanted.body, wanted.to) == (&got.title, &got.body, got.to)
        && wanted.channel == got.channel
        && optional(&wanted.public_title, &got.public_title)
        && optional(&wanted.public_body, &got.public_body)
        && optional(&wanted.link, &got.link)
        && optional(&wanted.tag, &got.tag)
}

fn moment_line(moment: &SeenMoment) -> String {
    let of = moment.of.as_deref().unwrap_or("-");
    format!("{} {} {} {of}", moment.at.to_rfc3339(), moment.user, moment.kind)
}

fn decision_line(decision: &SeenDecision) -> String {
    let facts: Vec<String> = decision
        .facts
        .iter()
        .map(|(name, key)| format!("{name}={key}"))
        .collect();
    let (at, code) = (decision.at.to_rfc3339(), decision.code.as_str());
    let late = if decision.late { " late" } else { "" };
    format!(
        "{at} {} {} {code}{late} [{}]",
        decision.user,
        decision.trigger,
        facts.join(" ")
    )
}

fn decision_line_with_arm(decision: &SeenDecision) -> String {
    let arm = decision.arm.as_ref().map(|arm| format!(" as {arm}"));
    decision_line(decision) + &arm.unwrap_or_default()
}

fn refusal_line(refusal: &SeenRefusal) -> String {
    format!("{} {} {}", refusal.at.to_rfc3339(), refusal.record, refusal.code)
}

fn journey_line(change: &SeenJourney) -> String {
    let way = match (&change.state, &change.exit) {
        (_, Some(exit)) => format!("exit {exit}"),
        (state, None) => state.clone().unwrap_or_default(),
    };
    format!(
        "{} {} {} {}: {way}",
        change.at.to_rfc3339(),
        change.user,
        change.journey,
        change.key
    )
}

fn message_line(message: &SeenMessage) -> String {
    let mut line = format!(
        "{} {} on {}: {:?} {:?}",
        message.at.to_rfc3339(),
        message.user,
        message.device,
        message.title,
        message.body
    );
    if let Some(channel) = message.channel {
        let _ = write!(line, " by {}", channel.as_str());
    }
    for (name, text) in [
        ("public_title", &message.public_title),
        ("public_body", &message.public_body),
        ("link", &message.link),
        ("tag", &message.tag),
    ] {
        if let Some(text) = text {
            let _ = write!(line, " {name}={text:?}");
        }
    }
    line
}
