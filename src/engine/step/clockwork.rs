//! The clock: instants that facts name and local times of day come as moments, each once, and say when to wake for the next.

use super::scene::{place_zone, user_zone};
use super::stepper::{Stepper, VISIT_KEPT_AFTER};
use crate::base::limits;
use crate::base::time::{Timestamp, truncated};
use crate::engine::catalogue::Catalogue;
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::moment::{Evidence, MomentKind, Place};
use crate::engine::subject::{Reached, Subject, Visit};
use crate::engine::trigger::{Audience, CompiledTrigger, ScheduleWhen, When};
use chrono::{Datelike, TimeDelta};
use serde_json::Map;
use std::collections::BTreeSet;

/// A time of a fact: when, of which fact, by which text.
type FactTime = (Timestamp, FactRef, String);

/// The shortest time there is: both databases keep microseconds.
const INSTANT: TimeDelta = TimeDelta::microseconds(1);

impl Stepper<'_> {
    /// Notices what the clock has brought up to now.
    pub(super) fn look_at_the_clock(&mut self) {
        if !self.subject.facts.is_empty() {
            self.reach_times();
        }
        if self.given.catalogue.may_ask_for_the_hour() {
            self.keep_schedules();
        }
    }

    fn reach_times(&mut self) {
        let now = self.given.now;
        let pending = times_to_come(&self.subject, self.given.catalogue);
        for (at, fact, time) in pending.into_iter().filter(|(at, ..)| *at <= now) {
            let reached = &mut self.subject.seldom.reached;
            match reached
                .iter_mut()
                .find(|known| known.fact == fact && known.time == time)
            {
                Some(known) => known.at = at,
                None => reached.push(Reached {
                    fact: fact.clone(),
                    time: time.clone(),
                    at,
                }),
            }
            let moment = self.moment(None, at, MomentKind::Reached { fact, time }, Evidence::default());
            self.notice(moment);
        }
    }

    fn keep_schedules(&mut self) {
        let (catalogue, now) = (self.given.catalogue, self.given.now);
        let Some(since) = self.subject.stepped_at.map(Timestamp::from) else {
            return;
        };
        let mut came: Vec<(Timestamp, MomentKind)> = Vec::new();
        for (trigger, schedule) in schedules(&self.subject, catalogue) {
            let since = since.max(just_before(trigger.live_since));
            let found = match &schedule.inside {
                None => {
                    let zone = user_zone(&self.subject, catalogue);
                    schedule.last_between(since, now, zone).map(|at| (at, None))
                }
                Some(_) => last_inside(&self.subject, catalogue, schedule, since, now),
            };
            let Some((at, place)) = found else { continue };
            let kind = MomentKind::Scheduled {
                time: schedule.time(),
                trigger_id: trigger.id,
                place,
            };
            if !came.iter().any(|(_, known)| *known == kind) {
                came.push((at, kind));
            }
        }
        for (at, kind) in came {
            let moment = self.moment(None, at, kind, Evidence::default());
            self.notice(moment);
        }
    }

    /// What is known of times that came goes with the fact that named them.
    pub(super) fn forget_times_of_gone_facts(&mut self) {
        let subject = &mut *self.subject;
        if subject.seldom.reached.is_empty() {
            return;
        }
        let facts = &subject.facts;
        let reached = &mut subject.seldom.reached;
        reached.retain(|reached| facts.iter().any(|fact| fact.id == reached.fact));
    }
}

/// The next instant the clock is to be looked at.
pub(super) fn wakes_at(subject: &Subject, catalogue: &Catalogue, now: Timestamp) -> Option<Timestamp> {
    if subject.facts.is_empty() && !catalogue.may_ask_for_the_hour() {
        return None;
    }
    let times = times_to_come(subject, catalogue).into_iter().map(|(at, ..)| at);
    let schedules = schedules(subject, catalogue).filter_map(|(trigger, schedule)| {
        let after = now.max(just_before(trigger.live_since));
        match &schedule.inside {
            None => schedule.next_after(after, user_zone(subject, catalogue)),
            Some(_) => next_inside(subject, catalogue, schedule, after),
        }
    });
    times.filter(|at| *at > now).chain(schedules).min()
}

/// The times of facts that have not come yet, or that their fact has moved since; earliest first.
///
/// A text that has no value for a fact names no time of it, and a trigger cares for none before it went live.
fn times_to_come(subject: &Subject, catalogue: &Catalogue) -> BTreeSet<FactTime> {
    let mut times = BTreeSet::new();
    if subject.facts.is_empty() || subject.seldom.reached.len() >= limits::REACHED_PER_USER_MAX {
        return times;
    }
    let listeners = catalogue.triggers.timed().chain(catalogue.listeners_in_journeys());
    for trigger in listeners.filter(|trigger| hears(subject, trigger)) {
        for (name, kind, text, instant) in trigger.timed() {
            let about = |fact: &&Fact| fact.id.kind == kind && fact.lifecycle == Lifecycle::Active;
            for fact in subject.facts.iter().filter(about) {
                let alone = Map::from_iter([(name.to_owned(), fact.scene())]);
                let Ok(at) = instant.evaluate_instant(&alone).map(truncated) else {
                    continue;
                };
                // What the databases cannot order is no time to wake at.
                let is_sane = (1..=9999).contains(&at.year());
                let concerns = trigger.live_since.is_none_or(|since| at >= since);
                let is_over = subject
                    .seldom
                    .reached
                    .iter()
                    .any(|known| known.at == at && known.fact == fact.id && known.time == text);
                if is_sane && concerns && !is_over {
                    times.insert((at, fact.id.clone(), text.to_owned()));
                }
            }
        }
    }
    times
}

/// A trigger in a state of a journey hears only who is in that state.
fn hears(subject: &Subject, trigger: &CompiledTrigger) -> bool {
    trigger.journey.as_ref().is_none_or(|of| {
        let mut journeys = subject.seldom.journeys.iter();
        journeys.any(|instance| instance.journey_id == of.id && instance.state == of.state)
    })
}

/// The schedules that concern this person. Who has no device can read nothing at any time of day, and is left to sleep;
/// who has one but no consent is not, so that the silence is on record.
fn schedules<'a>(
    subject: &'a Subject,
    catalogue: &'a Catalogue,
) -> impl Iterator<Item = (&'a CompiledTrigger, &'a ScheduleWhen)> {
    let listeners = catalogue.triggers.scheduled().chain(catalogue.listeners_in_journeys());
    let triggers = listeners.filter(|trigger| {
        let is_reader = !subject.devices.is_empty() || trigger.sentence.then.to == Audience::Business;
        is_reader && hears(subject, trigger)
    });
    triggers.flat_map(|trigger| {
        trigger.alternatives().iter().filter_map(|when| match when {
            When::Schedule(schedule) => Some((&**trigger, schedule)),
            When::Entered(_)
            | When::Exited(_)
            | When::Dwelled { .. }
            | When::Event(_)
            | When::Fact(_)
            | When::Time(_)
            | When::Answered(_)
            | When::Begins
            | When::Any(_) => None,
        })
    })
}

/// The latest time of day that came while the person was in such a place, by the clock on its wall.
fn last_inside(
    subject: &Subject,
    catalogue: &Catalogue,
    schedule: &ScheduleWhen,
    since: Timestamp,
    now: Timestamp,
) -> Option<(Timestamp, Option<Place>)> {
    let mut last: Option<(Timestamp, &Visit)> = None;
    for visit in visits(subject, schedule) {
        let zone = place_zone(subject, catalogue, Some(&visit.place));
        let since = since.max(visit.entered.occurred_at - INSTANT);
        let until = visit.left_at.map_or(now, |left| now.min(left - INSTANT));
        let came = schedule.last_between(since, until, zone);
        if let Some(at) = came.filter(|at| is_evident(visit, *at) && last.is_none_or(|(last, _)| last < *at)) {
            last = Some((at, visit));
        }
    }
    last.map(|(at, visit)| (at, Some(visit.place.clone())))
}

fn next_inside(
    subject: &Subject,
    catalogue: &Catalogue,
    schedule: &ScheduleWhen,
    after: Timestamp,
) -> Option<Timestamp> {
    let lasting = visits(subject, schedule).filter(|visit| visit.left_at.is_none());
    let next = lasting.filter_map(|visit| {
        let zone = place_zone(subject, catalogue, Some(&visit.place));
        schedule.next_after(after, zone).filter(|at| is_evident(visit, *at))
    });
    next.min()
}

fn visits<'a>(subject: &'a Subject, schedule: &'a ScheduleWhen) -> impl Iterator<Item = &'a Visit> {
    let wanted = schedule.inside.as_ref();
    let visits = subject.visits.values();
    visits.filter(move |visit| wanted.is_some_and(|wanted| wanted.selects_place(&visit.place)))
}

/// A phone that fell silent long ago does not keep its owner in a place for ever.
fn is_evident(visit: &Visit, at: Timestamp) -> bool {
    at - visit.evidence_at <= VISIT_KEPT_AFTER
}

/// What comes at the very instant is listened to already.
fn just_before(since: Option<Timestamp>) -> Timestamp {
    since.map_or(Timestamp::UNIX_EPOCH, |since| since - INSTANT)
}
