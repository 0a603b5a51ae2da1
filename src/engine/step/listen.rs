//! Which triggers listen to a moment, and for which combinations of facts.

use super::guards::Refusal;
use super::judge::{Case, Occasion};
use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::id::InstanceId;
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::fact::FactRef;
use crate::engine::moment::{Moment, MomentKind, Place};
use crate::engine::trigger::{CompiledTrigger, EventWhen, FactWhen, PlaceSelector, When};
use serde_json::json;
use std::sync::Arc;

/// The most combinations of facts one trigger is judged for at one moment.
pub(super) const COMBINATIONS_MAX: usize = 100;

impl Stepper<'_> {
    /// Does this trigger listen to this moment, and which place is it about?
    pub(super) fn listens<'a>(
        &self,
        trigger: &'a Arc<CompiledTrigger>,
        moment: &'a Moment,
    ) -> Option<Result<Option<Place>, Box<Case<'a>>>> {
        trigger
            .alternatives()
            .iter()
            .find_map(|when| match (when, &moment.kind) {
                (When::Entered(wanted), MomentKind::Entered { place })
                | (When::Exited(wanted), MomentKind::Exited { place }) => {
                    wanted.selects_place(place).then(|| Ok(Some(place.clone())))
                }
                (When::Dwelled { stayed, place: wanted }, MomentKind::Dwelled { place, stayed: noticed }) => {
                    (stayed == noticed && wanted.selects_place(place)).then(|| Ok(Some(place.clone())))
                }
                (
                    When::Event(EventWhen {
                        name: wanted, inside, ..
                    }),
                    MomentKind::Event { name, .. },
                ) if wanted == name => Some(self.place_of_event(inside.as_ref(), trigger, moment)),
                (
                    When::Fact(wanted),
                    MomentKind::Fact {
                        fact, becomes, fields, ..
                    },
                ) => {
                    let FactWhen {
                        kind,
                        becomes: when,
                        field,
                    } = wanted;
                    let field_matches = field.as_ref().is_none_or(|field| fields.contains(field));
                    (*kind == fact.kind && when == becomes && field_matches).then_some(Ok(None))
                }
                (When::Time(wanted), MomentKind::Reached { fact, time }) => {
                    let is_ours = trigger.live_since.is_none_or(|since| since <= moment.occurred_at);
                    let is_named = wanted.at == *time && trigger.type_of(&wanted.fact) == Some(fact.kind.as_str());
                    (is_ours && is_named).then_some(Ok(None))
                }
                (When::Schedule(wanted), MomentKind::Scheduled { trigger_id, .. }) if trigger.id == *trigger_id => {
                    wanted
                        .is_kept_by(&moment.kind)
                        .then(|| Ok(moment.kind.place().cloned()))
                }
                (When::Answered(wanted), kind @ MomentKind::Answered { .. }) => {
                    wanted.is_given_by(kind).then_some(Ok(None))
                }
                (When::Begins, MomentKind::Begun { .. }) => Some(Ok(None)),
                (
                    When::Entered(_)
                    | When::Exited(_)
                    | When::Dwelled { .. }
                    | When::Event(_)
                    | When::Fact(_)
                    | When::Time(_)
                    | When::Schedule(_)
                    | When::Answered(_)
                    | When::Begins
                    | When::Any(_),
                    _,
                ) => None,
            })
    }

    fn place_of_event<'a>(
        &self,
        wanted: Option<&PlaceSelector>,
        trigger: &'a Arc<CompiledTrigger>,
        moment: &'a Moment,
    ) -> Result<Option<Place>, Box<Case<'a>>> {
        let Some(wanted) = wanted else { return Ok(None) };
        if let Some(visit) = self
            .subject
            .places_inside()
            .find(|visit| wanted.selects_place(&visit.place))
        {
            return Ok(Some(visit.place.clone()));
        }
        let mut case = Case {
            trigger,
            moment,
            place: None,
            bound: Bound::new(),
            instance: None,
            occasion: Occasion::First,
            trace: Vec::new(),
        };
        case.note(
            Step::Inside,
            false,
            "The person is in no such place",
            json!({ "wanted": wanted }),
        );
        Err(Box::new(case))
    }

    /// The combinations of facts this trigger is judged for; none is a decision of its own. For a trigger of a journey the facts
    /// of the instance are bound in each.
    pub(super) fn cases<'a>(
        &mut self,
        trigger: &'a Arc<CompiledTrigger>,
        moment: &'a Moment,
        place: Option<Place>,
        occasion: Occasion,
        instance: Option<InstanceId>,
    ) -> Vec<Case<'a>> {
        let bound = self.bound_in(instance);
        let mut combinations = vec![bound.clone()];
        for (name, bind) in &trigger.sentence.for_each {
            let (active, known) = self.facts_to_bind(bind.kind(), &moment.kind);
            if active.is_empty() {
                let mut case = Case {
                    trigger,
                    moment,
                    place,
                    bound,
                    instance,
                    occasion,
                    trace: Vec::new(),
                };
                let kind = bind.kind();
                let (code, says) = if known.is_empty() {
                    (ReasonCode::NoFact, format!("There is no {kind} about this person"))
                } else {
                    let says = format!("No {kind} about this person is active now");
                    (ReasonCode::FactInactive, says)
                };
                if let [only] = known.as_slice() {
                    case.bound.insert(name.clone(), only.clone());
                }
                case.note(
                    Step::Facts,
                    false,
                    says,
                    json!({ "type": bind.kind(), "known": known.len() }),
                );
                self.decide_refused(&case, &Refusal::drop(code));
                return Vec::new();
            }
            combinations = combinations
                .iter()
                .flat_map(|bound| {
                    active.iter().map(|fact| {
                        let mut bound = bound.clone();
                        bound.insert(name.clone(), fact.clone());
                        bound
                    })
                })
                .take(COMBINATIONS_MAX)
                .collect();
        }
        let case = |bound| Case {
            trigger,
            moment,
            place: place.clone(),
            bound,
            instance,
            occasion,
            trace: Vec::new(),
        };
        combinations.into_iter().map(case).collect()
    }

    /// Active facts of a type, and all known ones. A moment about a fact of this type is about that one alone.
    pub(super) fn facts_to_bind(&self, kind: &str, about: &MomentKind) -> (Vec<FactRef>, Vec<FactRef>) {
        let only = about.about(kind);
        let known = self
            .subject
            .facts
            .iter()
            .filter(|fact| fact.id.kind == kind && (only.is_empty() || only.contains(&&fact.id)));
        let (mut active, mut all) = (Vec::new(), Vec::new());
        for fact in known {
            all.push(fact.id.clone());
            if fact.is_active(self.given.now) || about.outlives(&fact.id) {
                active.push(fact.id.clone());
            }
        }
        active.sort();
        (active, all)
    }
}
