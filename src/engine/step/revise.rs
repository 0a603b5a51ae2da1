//! Facts: what changed, whom it concerns, and which open questions it answers (DESIGN.md 5.7).

use super::judge::Occasion;
use super::stepper::Stepper;
use crate::base::id::MessageId;
use crate::base::time::Timestamp;
use crate::engine::decision::ReasonCode;
use crate::engine::fact::{Becomes, Fact, FactRef, Lifecycle, changed_fields};
use crate::engine::moment::{Evidence, Moment, MomentKind};
use crate::engine::subject::Visit;
use serde_json::{Map, Value};

/// Which properties a new version changes, and what they were: a moment is kept for long, so that what is sensitive in
/// either version stays out.
fn news(before: &Fact, after: &Fact) -> (Vec<String>, Map<String, Value>) {
    let fields = changed_fields(&before.properties, &after.properties);
    let told = fields
        .iter()
        .filter(|field| !before.sensitive.contains(field) && !after.sensitive.contains(field));
    let was = told.filter_map(|field| before.properties.get(field).map(|value| (field.clone(), value.clone())));
    let was = was.collect();
    (fields, was)
}

impl Stepper<'_> {
    pub(super) fn apply_fact(&mut self, fact: &Fact) {
        let stored = self.subject.facts.iter().position(|known| known.id == fact.id);
        let before = stored.map(|index| self.subject.facts[index].clone());
        if before.as_ref().is_some_and(|before| before.seq >= fact.seq) {
            return;
        }
        match stored {
            Some(index) => self.subject.facts[index] = fact.clone(),
            None => self.subject.facts.push(fact.clone()),
        }
        self.dirty = true;
        let becomes = match &before {
            None => Becomes::Created,
            Some(before) if before.lifecycle == Lifecycle::Active && fact.lifecycle != Lifecycle::Active => {
                Becomes::Ended
            }
            Some(_) => Becomes::Changed,
        };
        let (fields, before) = before.map(|before| news(&before, fact)).unwrap_or_default();
        let kind = MomentKind::Fact {
            fact: fact.id.clone(),
            becomes,
            fields,
            before,
        };
        let moment = self.moment(None, fact.changed_at, kind, Evidence::default());
        self.notice(moment);
        // Once: what is said about its end must not be called back by a further word on it.
        if becomes != Becomes::Changed && fact.lifecycle != Lifecycle::Active {
            self.call_back(&fact.id);
        }
        self.fact_turned(&fact.id);
    }

    pub(super) fn apply_fact_gone(&mut self, id: &FactRef) {
        let known = self.subject.facts.len();
        self.subject.facts.retain(|fact| fact.id != *id);
        if self.subject.facts.len() < known {
            self.dirty = true;
            self.call_back(id);
            self.judge_waits_on(Some(id));
            // Should it be about this user again, that is a new question: what was answered before is no answer to it.
            for visit in self.subject.visits.values_mut() {
                visit
                    .answers
                    .retain(|answer| answer.facts.values().all(|bound| bound != id));
            }
        }
    }

    /// Messages about a fact that is over and that have not gone out yet must not go any more.
    fn call_back(&mut self, id: &FactRef) {
        let about = self.subject.sent.iter().filter(|sent| sent.facts.contains(id));
        let messages: Vec<MessageId> = about.map(|sent| sent.message_id).collect();
        for sent in self.subject.sent.iter_mut().filter(|sent| sent.facts.contains(id)) {
            sent.drop_ways_ahead();
        }
        self.out.cancelled.extend(messages);
    }

    /// Facts that time alone brought into force or ended since the last step.
    pub(super) fn notice_facts_that_turned(&mut self) {
        if self.subject.facts.is_empty() {
            return;
        }
        let Some(since) = self.subject.stepped_at.map(Timestamp::from) else {
            return;
        };
        let now = self.given.now;
        let turned: Vec<FactRef> = self
            .subject
            .facts
            .iter()
            .filter(|fact| fact.turns_at(since).is_some_and(|at| at <= now))
            .map(|fact| fact.id.clone())
            .collect();
        for id in turned {
            self.fact_turned(&id);
        }
    }

    /// Everything that depends on this fact is judged again: waits first, then visits that are still open questions.
    fn fact_turned(&mut self, id: &FactRef) {
        self.judge_waits_on(Some(id));
        // A fact that is over opens no question about a visit that was answered before.
        if self.subject.fact(id).is_none_or(|fact| !fact.is_active(self.given.now)) {
            return;
        }
        let visits: Vec<Visit> = self
            .subject
            .visits
            .values()
            .filter(|visit| !visit.silent)
            .cloned()
            .collect();
        for visit in visits {
            // A fresh moment of this very step is judged in its own turn.
            if self.fresh.iter().all(|moment| moment.id != visit.entered.id) {
                self.revise_visit(&visit, id);
            }
        }
    }

    pub(super) fn revise_visit(&mut self, visit: &Visit, fact: &FactRef) {
        let triggers = &self.given.catalogue.triggers;
        let free = triggers.hearing(&visit.entered.kind).map(|trigger| (trigger, None));
        let in_journeys = self.triggers_in_journeys(&visit.entered).into_iter();
        // A state listens to what was noticed since it began.
        let in_journeys = in_journeys.filter(|(_, id)| {
            self.instance(*id)
                .is_some_and(|instance| instance.since <= visit.entered.noticed_at)
        });
        let listening: Vec<_> = free.chain(in_journeys).collect();
        for (trigger, instance) in listening {
            let binds = trigger.sentence.for_each.values().any(|bind| bind.kind() == fact.kind);
            let binds = binds || self.bound_in(instance).values().any(|bound| bound == fact);
            let asked = visit.answers.iter().any(|answer| {
                let open = matches!(answer.code, ReasonCode::NoFact | ReasonCode::FactInactive);
                answer.trigger_id == trigger.id && open
            });
            if !binds || trigger.whose.is_some() || (visit.left_at.is_some() && !asked) {
                continue;
            }
            let moment: &Moment = &visit.entered;
            let Some(Ok(place)) = self.listens(trigger, moment) else {
                continue;
            };
            let mut cases = self.cases(trigger, moment, place, Occasion::Revised, instance);
            cases.retain(|case| {
                let settled = visit.answers.iter().any(|answer| {
                    answer.trigger_id == trigger.id && answer.facts == case.bound && !answer.code.may_be_revised()
                });
                let waiting = self.subject.waits.iter().any(|wait| case.is_of(wait));
                case.bound.values().any(|bound| bound == fact) && !settled && !waiting
            });
            let candidates = self.assess_all(trigger, cases);
            self.settle_priority(candidates);
        }
    }
}
