//! What the signals of a sentence must be like: counts, calendars, times, answers, and whose moment it is.

use super::compiled::alternatives;
use super::sentence::Trigger;
use super::when::{AnsweredWhen, EventWhen, ScheduleWhen, TimeWhen, When};
use super::wording::Fail;
use crate::base::limits;
use crate::base::time::Span;
use crate::engine::moment::How;

/// One alternative of `when`, which stands at the pointer `at`.
pub(super) fn check_signal(when: &When, at: &str, fail: &mut Fail<'_>) {
    match when {
        When::Event(event) => check_count(event, at, fail),
        When::Time(TimeWhen { fact, .. }) if fact.is_empty() => fail(
            "time_fact_missing",
            format!("{at}/time/fact"),
            "the time of which fact?",
            Some("give a name that `for_each` binds"),
        ),
        When::Schedule(schedule) => check_schedule(schedule, at, fail),
        When::Answered(answered) => check_answered(answered, at, fail),
        When::Entered(_)
        | When::Exited(_)
        | When::Dwelled { .. }
        | When::Fact(_)
        | When::Time(_)
        | When::Begins
        | When::Any(_) => {}
    }
}

fn check_count(event: &EventWhen, at: &str, fail: &mut Fail<'_>) {
    let most = limits::COUNTED_TIMES_MAX;
    if event.times.is_some_and(|times| !(2..=most).contains(&times)) {
        let hint = Some("leave `times` out to listen to every one");
        let detail = "an event is counted 2 to 100 times";
        fail("times_out_of_bounds", format!("{at}/event/times"), detail, hint);
    }
    if event.times.is_some() && event.within.is_none() {
        let hint = Some("add `within`, such as P7D");
        let detail = "within what time must it happen so often?";
        fail("times_without_within", format!("{at}/event"), detail, hint);
    }
    let longest = Span::hours(24 * limits::COUNTED_DAYS_MAX);
    if event
        .within
        .is_some_and(|within| within.as_seconds() < 1 || within > longest)
    {
        let detail = "events are counted within 1 second to 92 days";
        fail("span_out_of_bounds", format!("{at}/event/within"), detail, None);
    }
    for (name, is_there) in [("within", event.within.is_some()), ("same", event.same.is_some())] {
        if is_there && event.times.is_none() {
            let detail = format!("`{name}` says nothing without `times`");
            let hint = Some("add `times`, such as 2, or leave it out");
            fail("times_missing", format!("{at}/event/{name}"), &detail, hint);
        }
    }
    if event.same.as_ref().is_some_and(String::is_empty) {
        let detail = "the same value of which property?";
        fail("same_property_missing", format!("{at}/event/same"), detail, None);
    }
}

fn check_schedule(schedule: &ScheduleWhen, at: &str, fail: &mut Fail<'_>) {
    if schedule.dates.iter().any(|date| !(1..=31).contains(date)) || schedule.dates.len() > 31 {
        let detail = "days of the month are 1 to 31";
        fail("dates_out_of_bounds", format!("{at}/schedule/dates"), detail, None);
    }
    if schedule.days.len() > 7 {
        let detail = "a week has seven days";
        fail("days_out_of_bounds", format!("{at}/schedule/days"), detail, None);
    }
    if schedule
        .inside
        .as_ref()
        .is_some_and(super::when::PlaceSelector::is_empty)
    {
        let hint = Some("give `tag`, `external_id` or `id`");
        fail("selector_empty", format!("{at}/schedule/inside"), "which place?", hint);
    }
}

fn check_answered(answered: &AnsweredWhen, at: &str, fail: &mut Fail<'_>) {
    if answered.content.is_empty() {
        let hint = Some("give the name of a content");
        fail(
            "answered_content_missing",
            format!("{at}/answered/content"),
            "which message?",
            hint,
        );
    }
    if answered.action.is_some() && answered.how != How::Action {
        let detail = "only a tap on an action names one";
        let hint = Some("use \"how\": \"action\", or leave `action` out");
        fail("answered_action_unused", format!("{at}/answered/action"), detail, hint);
    }
}

/// Somebody else's moment: one that has happened to them, told through a fact that names both.
pub(super) fn check_whose(sentence: &Trigger, fail: &mut Fail<'_>) {
    if sentence.whose.is_none() {
        return;
    }
    if sentence.for_each.is_empty() {
        let detail = "which fact names both people?";
        let hint = Some("bind it, such as \"for_each\": { \"order\": \"order\" }");
        fail("whose_without_fact", "/for_each".into(), detail, hint);
    }
    let can_be_told = alternatives(&sentence.when).iter().all(|when| match when {
        When::Entered(_) | When::Exited(_) | When::Dwelled { .. } => true,
        // The count and the place are those of the person who moves; their moment does not carry them.
        When::Event(event) => event.times.is_none() && event.inside.is_none(),
        When::Fact(_) | When::Time(_) | When::Schedule(_) | When::Answered(_) | When::Begins | When::Any(_) => false,
    });
    if !can_be_told {
        let detail = "another person's moment can be that they entered, exited or dwelled, or a plain event";
        let hint = Some("listen to `entered`, `exited`, `dwelled`, or `event` without `inside` and `times`");
        fail("whose_cannot_be_told", "/when".into(), detail, hint);
    }
    if sentence.wait.as_ref().is_some_and(|wait| wait.while_.is_some()) {
        let detail = "the place is another person's: whether they are still there is not known here";
        fail(
            "whose_cannot_be_told",
            "/wait/while".into(),
            detail,
            Some("leave `while` out"),
        );
    }
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
