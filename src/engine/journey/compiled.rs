//! A journey whose parts are checked and whose texts are parsed: what the engine follows.

use super::sentence::{Journey, State, Versions};
use super::ways::{self, Way};
use crate::base::id::{JourneyId, TriggerId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::fact::FactType;
use crate::engine::trigger::{
    Around, Bind, Class, CompiledTrigger, Guards, InJourney, Then, Trigger, TriggerError, When,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// One version of a journey, ready to be followed.
#[derive(Debug, Clone)]
pub struct CompiledJourney {
    pub id: JourneyId,
    pub version: i64,
    /// Paused by a person: its triggers answer `paused`; it goes on otherwise.
    pub paused: bool,
    pub sentence: Journey,
    /// Its `once_per` is the key of an instance.
    pub start: Listening,
    pub states: BTreeMap<String, CompiledState>,
}

/// What listens to moments without saying anything: a start or a move, in the shape of a trigger that has only
/// `when`, `for_each` and `if`, so that it hears and sees exactly what a trigger would.
pub type Listening = Arc<CompiledTrigger>;

/// One state, ready to be lived in.
#[derive(Debug, Clone)]
pub struct CompiledState {
    pub sentence: State,
    pub triggers: Vec<Arc<CompiledTrigger>>,
    pub moves: Vec<(Listening, Way)>,
    pub limit: Way,
}

impl CompiledState {
    /// When a stay that began at `since` comes to its limit.
    pub fn ends_at(&self, since: Timestamp) -> Timestamp {
        since + self.sentence.at_most.span.delta()
    }
}

impl CompiledJourney {
    /// Parses and checks every part; all errors at once. Pointers lead into the journey, such as `/states/viewed/triggers/0/if`.
    pub fn compile(
        id: JourneyId,
        version: i64,
        sentence: Journey,
        fact_types: Option<&HashMap<String, Arc<FactType>>>,
    ) -> Result<Self, Vec<TriggerError>> {
        let mut errors = Vec::new();
        ways::check(&sentence, &mut errors);
        check_triggers(&sentence, &mut errors);
        let mut parts = Parts {
            id,
            version,
            name: &sentence.name,
            facts: &sentence.facts,
            fact_types,
            errors,
        };
        let start = parts.start(&sentence);
        let mut states = BTreeMap::new();
        for (name, state) in &sentence.states {
            if let Some(compiled) = parts.state(name, state) {
                states.insert(name.clone(), compiled);
            }
        }
        let errors = parts.errors;
        match start {
            Some(start) if errors.is_empty() => Ok(Self {
                id,
                version,
                paused: false,
                start,
                states,
                sentence,
            }),
            _ => Err(errors),
        }
    }

    /// Everything of it that listens: its triggers, its moves and its start.
    pub fn listeners(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        let states = self.states.values();
        let moves = states.flat_map(|state| &state.moves).map(|(listening, _)| listening);
        self.triggers().chain(moves).chain(std::iter::once(&self.start))
    }

    pub fn triggers(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.states.values().flat_map(|state| &state.triggers)
    }

    /// Do open instances of other versions go on in this one?
    pub fn takes_over(&self) -> bool {
        self.sentence.versions == Versions::Move
    }

    /// Its triggers answer `paused`, or speak again.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        for trigger in self.states.values_mut().flat_map(|state| &mut state.triggers) {
            Arc::make_mut(trigger).paused = paused;
        }
    }

    /// A time that came before it was published is none of its business.
    pub fn set_live_since(&mut self, at: Option<Timestamp>) {
        let states = self.states.values_mut();
        let inner = states.flat_map(|state| {
            let moves = state.moves.iter_mut().map(|(listening, _)| listening);
            state.triggers.iter_mut().chain(moves)
        });
        for listener in inner.chain(std::iter::once(&mut self.start)) {
            Arc::make_mut(listener).live_since = at;
        }
    }
}

/// The id of a part of a journey, by its name: the same in every version, so that what it has said stays said.
fn part_id(journey: JourneyId, name: &str) -> TriggerId {
    Uuid::new_v5(&journey.uuid(), name.as_bytes()).into()
}

/// What the parts of a journey are compiled with.
struct Parts<'a> {
    id: JourneyId,
    version: i64,
    name: &'a str,
    facts: &'a BTreeMap<String, String>,
    fact_types: Option<&'a HashMap<String, Arc<FactType>>>,
    errors: Vec<TriggerError>,
}

impl Parts<'_> {
    fn start(&mut self, journey: &Journey) -> Option<Listening> {
        let mut listening = listening(&journey.start.when, journey.start.condition.as_ref());
        let binds = journey.facts.iter();
        listening.for_each = binds
            .map(|(name, kind)| (name.clone(), Bind::Each(kind.clone())))
            .collect();
        listening.once_per = Some(journey.key.clone());
        // A trigger's pointers lead to where the journey says the same thing.
        let pointer = |inner: &str| match inner.split_once("/for_each") {
            Some((_, rest)) => format!("/facts{rest}"),
            None if inner == "/once_per" => "/key".to_owned(),
            None => format!("/start{inner}"),
        };
        self.compile("/start", listening, None, pointer)
    }

    fn state(&mut self, name: &str, state: &State) -> Option<CompiledState> {
        let at = format!("/states/{}", ways::escaped(name));
        let around = InJourney {
            id: self.id,
            name: self.name.to_owned(),
            state: name.to_owned(),
            facts: self.facts.clone(),
        };
        let mut triggers = Vec::new();
        for (index, trigger) in state.triggers.iter().enumerate() {
            let pointer = |inner: &str| format!("{at}/triggers/{index}{inner}");
            triggers.extend(self.compile(&trigger.name, trigger.clone(), Some(&around), pointer));
        }
        let mut moves = Vec::new();
        for (index, way) in state.moves.iter().enumerate() {
            let pointer = |inner: &str| format!("{at}/moves/{index}{inner}");
            let listening = listening(&way.when, way.condition.as_ref());
            let compiled = self.compile(&format!("{name}/{index}"), listening, Some(&around), pointer);
            moves.extend(compiled.zip(Way::of(way.goto.as_ref(), way.exit.as_ref())));
        }
        let limit = Way::of(state.at_most.goto.as_ref(), state.at_most.exit.as_ref())?;
        Some(CompiledState {
            sentence: state.clone(),
            triggers,
            moves,
            limit,
        })
    }

    /// One part as a trigger: called `journey/part` wherever it is spoken of.
    fn compile(
        &mut self,
        name: &str,
        sentence: Trigger,
        journey: Option<&InJourney>,
        pointer: impl Fn(&str) -> String,
    ) -> Option<Arc<CompiledTrigger>> {
        let around = Around {
            fact_types: self.fact_types,
            journey,
        };
        match CompiledTrigger::compile_in(part_id(self.id, name), self.version, sentence, around) {
            Ok(mut trigger) => {
                trigger.sentence.name = format!("{}/{}", self.name, name.trim_start_matches('/'));
                Some(Arc::new(trigger))
            }
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| TriggerError {
                    pointer: pointer(&error.pointer),
                    ..error
                }));
                None
            }
        }
    }
}

/// A trigger that says nothing.
fn listening(when: &When, condition: Option<&String>) -> Trigger {
    Trigger {
        name: "listening".to_owned(),
        class: Class::Service,
        tags: Vec::new(),
        when: when.clone(),
        whose: None,
        for_each: BTreeMap::new(),
        condition: condition.cloned(),
        wait: None,
        once_per: None,
        max_age: None,
        then: Then {
            content: String::new(),
            replaces: None,
            arms: Vec::new(),
            to: crate::engine::trigger::Audience::default(),
            fallback: Vec::new(),
            goto: None,
        },
        guards: Guards::default(),
    }
}

/// The names of its triggers: they say which is which through all versions.
fn check_triggers(journey: &Journey, errors: &mut Vec<TriggerError>) {
    let mut names = HashSet::new();
    for (state_name, state) in &journey.states {
        let at = format!("/states/{}", ways::escaped(state_name));
        if state.triggers.len() > limits::TRIGGERS_PER_STATE_MAX {
            let detail = "a state holds at most 16 triggers";
            errors.push(ways::error("too_many_triggers", format!("{at}/triggers"), detail, None));
        }
        for (index, trigger) in state.triggers.iter().enumerate() {
            if !names.insert(trigger.name.as_str()) {
                let hint = "give each trigger of the journey a name of its own";
                errors.push(ways::error(
                    "trigger_name_taken",
                    format!("{at}/triggers/{index}/name"),
                    &format!("another trigger of this journey is called `{}`", trigger.name),
                    Some(hint),
                ));
            }
        }
    }
}

#[cfg(test)]
#[path = "compiled_tests.rs"]
mod tests;
