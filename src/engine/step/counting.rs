//! Counting: events that matter only when they happen often enough within a time.

use super::guards::Refusal;
use super::judge::Case;
use super::stepper::Stepper;
use crate::base::limits;
use crate::base::time::{Span, Timestamp};
use crate::engine::catalogue::Catalogue;
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::moment::MomentKind;
use crate::engine::subject::Counted;
use crate::engine::trigger::{EventWhen, When};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Stepper<'_> {
    /// Remembers an event that some trigger counts, with the properties that some trigger compares.
    pub(super) fn count(&mut self, name: &str, properties: &Map<String, Value>, at: Timestamp) {
        let mut is_counted = false;
        let mut same = BTreeMap::new();
        for event in counts(self.given.catalogue).filter(|event| event.name == name) {
            is_counted = true;
            if let Some((property, value)) = event.same.as_ref().and_then(|name| comparable(name, properties)) {
                same.insert(property.to_owned(), value.clone());
            }
        }
        if !is_counted {
            return;
        }
        let counted = &mut self.subject.seldom.counted;
        let place = counted.partition_point(|known| known.at <= at);
        let name = name.to_owned();
        counted.insert(place, Counted { name, at, same });
    }

    /// Has the event of this case happened as often as its trigger asks? It was counted when it was noticed; what is looked at
    /// again later has happened all the same.
    pub(super) fn happened_often_enough(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        let MomentKind::Event { name, properties } = &case.moment.kind else {
            return Ok(());
        };
        if case.occasion.ends_a_wait() {
            return Ok(());
        }
        let mut refused = None;
        for when in case.trigger.alternatives() {
            let When::Event(event) = when else { continue };
            let (Some(times), Some(within)) = (event.times, event.within) else {
                if event.name == *name {
                    return Ok(());
                }
                continue;
            };
            if event.name != *name {
                continue;
            }
            let same = event.same.as_deref();
            let compared = same.map(|property| (property, comparable(property, properties).map(|(_, value)| value)));
            if let Some((property, None)) = compared {
                let says = format!("The event has no `{property}` to compare");
                refused.get_or_insert((ReasonCode::MissingData, says, Value::Null));
                continue;
            }
            let compared = compared.and_then(|(property, value)| Some((property, value?)));
            let count = self.happened(event, compared, case.moment.occurred_at, within);
            let with = compared.map(|(property, value)| json!({ property: value }));
            let values = json!({ "happened": count, "times": times, "within": within, "same": with });
            let says = format!("Happened {count} of {times} times in {within}");
            if count >= times as usize {
                case.note(Step::Condition, true, says, values);
                return Ok(());
            }
            refused.get_or_insert((ReasonCode::ConditionFalse, says, values));
        }
        let Some((code, says, values)) = refused else {
            return Ok(());
        };
        case.note(Step::Condition, false, says, values);
        Err(Refusal::drop(code))
    }

    /// How often such an event happened up to `until`, that one included.
    fn happened(&self, event: &EventWhen, same: Option<(&str, &Value)>, until: Timestamp, within: Span) -> usize {
        let since = until - within.delta();
        let such = self.subject.seldom.counted.iter().filter(|known| {
            let is_same = same.is_none_or(|(property, value)| known.same.get(property) == Some(value));
            known.name == event.name && known.at > since && known.at <= until && is_same
        });
        such.count()
    }

    /// Keeps events as long as some trigger still counts them.
    pub(super) fn forget_what_no_longer_counts(&mut self) {
        if self.subject.seldom.counted.is_empty() {
            return;
        }
        let mut longest: BTreeMap<&str, Span> = BTreeMap::new();
        for event in counts(self.given.catalogue) {
            let kept = longest.entry(&event.name).or_insert(Span::seconds(0));
            *kept = (*kept).max(event.within.unwrap_or(Span::seconds(0)));
        }
        let now = self.given.now;
        let counted = &mut self.subject.seldom.counted;
        counted.retain(|known| {
            let within = longest.get(known.name.as_str());
            within.is_some_and(|within| known.at + within.delta() > now)
        });
        let surplus = counted.len().saturating_sub(limits::COUNTED_PER_USER_MAX);
        counted.drain(..surplus);
    }
}

/// The events that live triggers count.
fn counts(catalogue: &Catalogue) -> impl Iterator<Item = &EventWhen> {
    let listeners = catalogue.triggers.counting().chain(catalogue.listeners_in_journeys());
    let alternatives = listeners.flat_map(|trigger| trigger.alternatives());
    alternatives.filter_map(|when| match when {
        When::Event(event) if event.times.is_some() => Some(event),
        When::Event(_)
        | When::Entered(_)
        | When::Exited(_)
        | When::Dwelled { .. }
        | When::Fact(_)
        | When::Time(_)
        | When::Schedule(_)
        | When::Answered(_)
        | When::Begins
        | When::Any(_) => None,
    })
}

/// A property that can be compared: it is there, and no longer than an id is.
fn comparable<'n, 'v>(name: &'n str, properties: &'v Map<String, Value>) -> Option<(&'n str, &'v Value)> {
    let value = properties.get(name).filter(|value| !value.is_null())?;
    let is_short = value.to_string().len() <= limits::COUNTED_VALUE_BYTES_MAX;
    is_short.then_some((name, value))
}
