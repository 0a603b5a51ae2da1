//! The live triggers of a project, and which of them hear what: found once, not anew for each moment.

use super::{CompiledTrigger, PlaceSelector, When};
use crate::base::id::{FenceId, TriggerId};
use crate::engine::moment::{MomentKind, Place};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

/// Live triggers in the order they are judged. Reads as the list it is; whoever changes it makes what is known of it be found anew.
#[derive(Debug, Default)]
pub struct LiveTriggers {
    list: Vec<Arc<CompiledTrigger>>,
    /// Boxed: a catalogue is moved about, and this is bigger than all else in it.
    heard: OnceLock<Box<Heard>>,
}

/// Positions in the list, each list of them in order.
#[derive(Debug, Default)]
struct Heard {
    entered: ByPlace,
    exited: ByPlace,
    dwelled: ByPlace,
    /// By the name of the event.
    events: HashMap<String, Vec<usize>>,
    /// By the type of the fact.
    facts: HashMap<String, Vec<usize>>,
    /// By the text that names the time.
    times: HashMap<String, Vec<usize>>,
    schedules: HashMap<TriggerId, Vec<usize>>,
    answers: Vec<usize>,
    begun: Vec<usize>,
    timed: Vec<usize>,
    scheduled: Vec<usize>,
    staying: Vec<usize>,
    counting: Vec<usize>,
    /// Those that are about somebody else's moments.
    of_others: Vec<usize>,
}

/// By the narrowest thing that a selector names.
#[derive(Debug, Default)]
struct ByPlace {
    by_id: HashMap<FenceId, Vec<usize>>,
    by_external_id: HashMap<String, Vec<usize>>,
    by_tag: HashMap<String, Vec<usize>>,
    any: Vec<usize>,
}

impl ByPlace {
    fn add(&mut self, selector: &PlaceSelector, at: usize) {
        let list = match (&selector.id, &selector.external_id, &selector.tag) {
            (Some(id), _, _) => self.by_id.entry(*id).or_default(),
            (None, Some(external_id), _) => self.by_external_id.entry(external_id.clone()).or_default(),
            (None, None, Some(tag)) => self.by_tag.entry(tag.clone()).or_default(),
            (None, None, None) => &mut self.any,
        };
        list.push(at);
    }

    fn at(&self, place: &Place) -> Vec<usize> {
        let of = [
            self.by_id.get(&place.id),
            self.by_external_id.get(&place.external_id),
            self.by_tag.get(&place.tag),
            Some(&self.any),
        ];
        let mut found: Vec<usize> = of.into_iter().flatten().flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Heard {
    fn of(list: &[Arc<CompiledTrigger>]) -> Self {
        let mut heard = Self::default();
        for (at, trigger) in list.iter().enumerate() {
            for when in trigger.alternatives() {
                heard.add(trigger, when, at);
            }
            if trigger.whose.is_some() {
                heard.of_others.push(at);
            }
            if trigger.timed().next().is_some() {
                heard.timed.push(at);
            }
        }
        for list in [&mut heard.scheduled, &mut heard.staying, &mut heard.counting] {
            list.dedup();
        }
        heard
    }

    fn add(&mut self, trigger: &CompiledTrigger, when: &When, at: usize) {
        match when {
            When::Entered(place) => self.entered.add(place, at),
            When::Exited(place) => self.exited.add(place, at),
            When::Dwelled { place, .. } => {
                self.dwelled.add(place, at);
                self.staying.push(at);
            }
            When::Event(event) => {
                self.events.entry(event.name.clone()).or_default().push(at);
                if event.times.is_some() {
                    self.counting.push(at);
                }
            }
            When::Fact(fact) => self.facts.entry(fact.kind.clone()).or_default().push(at),
            When::Time(time) => self.times.entry(time.at.clone()).or_default().push(at),
            When::Schedule(_) => {
                self.schedules.entry(trigger.id).or_default().push(at);
                self.scheduled.push(at);
            }
            When::Answered(_) => self.answers.push(at),
            When::Begins => self.begun.push(at),
            // It stands outermost only, and its alternatives come one by one.
            When::Any(_) => {}
        }
    }

    fn hearing(&self, kind: &MomentKind) -> Vec<usize> {
        let list = match kind {
            MomentKind::Entered { place } => return self.entered.at(place),
            MomentKind::Exited { place } => return self.exited.at(place),
            MomentKind::Dwelled { place, .. } => return self.dwelled.at(place),
            MomentKind::Event { name, .. } => self.events.get(name),
            MomentKind::Fact { fact, .. } => self.facts.get(&fact.kind),
            MomentKind::Reached { time, .. } => self.times.get(time),
            MomentKind::Scheduled { trigger_id, .. } => self.schedules.get(trigger_id),
            MomentKind::Answered { .. } => Some(&self.answers),
            MomentKind::Begun { .. } => Some(&self.begun),
        };
        let mut list = list.cloned().unwrap_or_default();
        list.dedup();
        list
    }
}

impl LiveTriggers {
    fn heard(&self) -> &Heard {
        self.heard.get_or_init(|| Box::new(Heard::of(&self.list)))
    }

    fn those<'a>(&'a self, at: &'a [usize]) -> impl Iterator<Item = &'a Arc<CompiledTrigger>> {
        at.iter().filter_map(|at| self.list.get(*at))
    }

    /// The triggers that may listen to such a moment, in order: no other one does.
    pub fn hearing(&self, kind: &MomentKind) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        let found = self.heard().hearing(kind).into_iter();
        found.filter_map(|at| self.list.get(at))
    }

    /// Those that a time of a fact calls.
    pub fn timed(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.those(&self.heard().timed)
    }

    /// Those that a local time of day calls.
    pub fn scheduled(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.those(&self.heard().scheduled)
    }

    /// Those that ask how long somebody stays.
    pub fn staying(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.those(&self.heard().staying)
    }

    /// Those that count events.
    pub fn counting(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.those(&self.heard().counting)
    }

    /// Those that are about somebody else's moments.
    pub fn of_others(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.those(&self.heard().of_others)
    }
}

impl Clone for LiveTriggers {
    fn clone(&self) -> Self {
        self.list.clone().into()
    }
}

impl From<Vec<Arc<CompiledTrigger>>> for LiveTriggers {
    fn from(list: Vec<Arc<CompiledTrigger>>) -> Self {
        Self {
            list,
            heard: OnceLock::new(),
        }
    }
}

impl FromIterator<Arc<CompiledTrigger>> for LiveTriggers {
    fn from_iter<T: IntoIterator<Item = Arc<CompiledTrigger>>>(triggers: T) -> Self {
        triggers.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a LiveTriggers {
    type Item = &'a Arc<CompiledTrigger>;
    type IntoIter = std::slice::Iter<'a, Arc<CompiledTrigger>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a mut LiveTriggers {
    type Item = &'a mut Arc<CompiledTrigger>;
    type IntoIter = std::slice::IterMut<'a, Arc<CompiledTrigger>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl Deref for LiveTriggers {
    type Target = Vec<Arc<CompiledTrigger>>;

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

impl DerefMut for LiveTriggers {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.heard = OnceLock::new();
        &mut self.list
    }
}
