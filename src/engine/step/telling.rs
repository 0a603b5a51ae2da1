//! Telling: a moment of one person that concerns another one, because a fact names both and a trigger asks `whose` it is.

use super::Forwarded;
use super::judge::{Case, Occasion};
use super::listen::COMBINATIONS_MAX;
use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::id::UserId;
use crate::engine::fact::Fact;
use crate::engine::moment::{Moment, MomentKind};
use crate::engine::trigger::CompiledTrigger;
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};

impl Stepper<'_> {
    /// Says who else is to hear of this moment: those who share a fact with this person by which some trigger waits for it.
    pub(super) fn tell_others(&mut self, moment: &Moment) {
        let can_be_told = match moment.kind {
            MomentKind::Entered { .. }
            | MomentKind::Exited { .. }
            | MomentKind::Dwelled { .. }
            | MomentKind::Event { .. } => moment.of.is_none(),
            MomentKind::Fact { .. }
            | MomentKind::Reached { .. }
            | MomentKind::Scheduled { .. }
            | MomentKind::Answered { .. }
            | MomentKind::Begun { .. } => false,
        };
        let Some(me) = self.subject.profile.user_ref.clone().filter(|_| can_be_told) else {
            return;
        };
        let now = self.given.now;
        let mut told: BTreeSet<UserId> = BTreeSet::new();
        let catalogue = self.given.catalogue;
        let in_journeys = catalogue.listeners_in_journeys().filter(|one| one.whose.is_some());
        for trigger in catalogue.triggers.of_others().chain(in_journeys) {
            if !matches!(self.listens(trigger, moment), Some(Ok(_))) {
                continue;
            }
            let active = self.subject.facts.iter().filter(|fact| fact.is_active(now));
            for bound in combinations_of(trigger, active, &me) {
                told.extend(bound.values().flat_map(|fact| &fact.subjects));
            }
        }
        told.remove(&self.subject.user_id);
        for to in told {
            let moment = Moment {
                of: Some(me.clone()),
                ..moment.clone()
            };
            self.out.forwarded.push(Forwarded { to, moment });
        }
    }

    /// Judges a moment of somebody else: only for triggers that ask `whose`, and for the facts by which it is that person's.
    pub(super) fn judge_told(&mut self, moment: &Moment, of: &str) {
        let catalogue = self.given.catalogue;
        let mut candidates = Vec::new();
        let free = catalogue.triggers.hearing(&moment.kind).map(|trigger| (trigger, None));
        let listening: Vec<_> = free.chain(self.triggers_in_journeys(moment)).collect();
        for (trigger, instance) in listening.into_iter().filter(|(trigger, _)| trigger.whose.is_some()) {
            let followed = self.bound_in(instance);
            let Some(Ok(place)) = self.listens(trigger, moment) else {
                continue;
            };
            let mut bounds = self.bounds_shared_with(trigger, of);
            for bound in &mut bounds {
                bound.extend(followed.clone());
            }
            let cases = bounds.into_iter().map(|bound| Case {
                instance,
                trigger,
                moment,
                place: place.clone(),
                bound,
                occasion: Occasion::First,
                trace: Vec::new(),
            });
            let cases = cases.collect();
            candidates.extend(self.assess_all(trigger, cases));
        }
        self.settle_priority(candidates);
    }

    /// The combinations of active facts that say it is that person; where none is active any more, the one that changed last,
    /// so that the silence has a reason.
    fn bounds_shared_with(&self, trigger: &CompiledTrigger, of: &str) -> Vec<Bound> {
        let now = self.given.now;
        let names = |found: &BTreeMap<&str, &Fact>| {
            let named = found.iter().map(|(name, fact)| ((*name).to_owned(), fact.id.clone()));
            named.collect::<Bound>()
        };
        let facts = self.subject.facts.iter();
        let active = combinations_of(trigger, facts.clone().filter(|fact| fact.is_active(now)), of);
        if !active.is_empty() {
            return active.iter().map(names).collect();
        }
        let known = combinations_of(trigger, facts, of);
        let changed = |found: &&BTreeMap<&str, &Fact>| found.values().map(|fact| fact.changed_at).max();
        known.iter().max_by_key(changed).map(names).into_iter().collect()
    }
}

/// The combinations of these facts that the trigger binds and that say the moment is that person's.
fn combinations_of<'t, 'f>(
    trigger: &'t CompiledTrigger,
    facts: impl Iterator<Item = &'f Fact> + Clone,
    of: &str,
) -> Vec<BTreeMap<&'t str, &'f Fact>> {
    let Some(whose) = &trigger.whose else {
        return Vec::new();
    };
    let mut found: Vec<BTreeMap<&str, &Fact>> = vec![BTreeMap::new()];
    for (name, bind) in &trigger.sentence.for_each {
        let of_type = facts.clone().filter(|fact| fact.id.kind == bind.kind());
        let longer = found.iter().flat_map(|bound| {
            of_type.clone().map(|fact| {
                let mut bound = bound.clone();
                bound.insert(name, fact);
                bound
            })
        });
        // Every one of them is looked at once: what does not say it is that person costs no more than that.
        found = longer.take(COMBINATIONS_MAX * COMBINATIONS_MAX).collect();
    }
    found.retain(|bound| {
        let scene: Map<_, _> = bound
            .iter()
            .map(|(name, fact)| ((*name).to_owned(), fact.scene()))
            .collect();
        whose.evaluate_text(&scene).is_ok_and(|name| name == of)
    });
    found.truncate(COMBINATIONS_MAX);
    found
}
