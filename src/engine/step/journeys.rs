//! Journeys: where a person is in them, what takes them on, and when they end (DESIGN.md 5.15).

use super::InstanceOrder;
use super::judge::{Case, Occasion};
use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::id::InstanceId;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Mode;
use crate::engine::decision::ReasonCode;
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::journey::{CompiledJourney, CompiledState, Listening, Way};
use crate::engine::moment::{Moment, MomentKind};
use crate::engine::subject::{Instance, Wait};
use crate::engine::trigger::CompiledTrigger;
use crate::engine::trigger::expression::Verdict;
use std::sync::Arc;
use thin_vec::ThinVec;

/// What journeys have done in one step.
#[derive(Default)]
pub(super) struct Gone {
    /// The instance of each move.
    moves: Vec<InstanceId>,
    /// Where instances go because something was said: the instance, the state that said it, and the one it goes to.
    said: Vec<(InstanceId, String, String)>,
}

/// The instances as a moment found them: each with how often it had moved.
pub(super) type Standing = Vec<(InstanceId, usize)>;

impl<'s> Stepper<'s> {
    pub(super) fn instance(&self, id: Option<InstanceId>) -> Option<&Instance> {
        let id = id?;
        self.subject.seldom.journeys.iter().find(|instance| instance.id == id)
    }

    /// The open instance in whose state this trigger speaks of these facts.
    pub(super) fn instance_that_holds(&self, trigger: &CompiledTrigger, facts: &Bound) -> Option<InstanceId> {
        let held_by = trigger.journey.as_ref()?;
        let mut journeys = self.subject.seldom.journeys.iter();
        let found = journeys.find(|one| {
            let in_state = one.journey_id == held_by.id && one.state == held_by.state;
            in_state && one.facts.iter().all(|(name, fact)| facts.get(name) == Some(fact))
        });
        found.map(|instance| instance.id)
    }

    /// The facts that an instance follows; none without one.
    pub(super) fn bound_in(&self, id: Option<InstanceId>) -> Bound {
        self.instance(id)
            .map(|instance| instance.facts.clone())
            .unwrap_or_default()
    }

    fn journey_of(&self, instance: &Instance) -> Option<&'s Arc<CompiledJourney>> {
        self.given.catalogue.journey(instance.journey_id, instance.version)
    }

    fn state_of(&self, instance: &Instance) -> Option<&'s CompiledState> {
        self.journey_of(instance)?.states.get(&instance.state)
    }

    /// The triggers of the states that the person is in, as far as this moment is theirs.
    pub(super) fn triggers_in_journeys(&self, moment: &Moment) -> Vec<(&'s Arc<CompiledTrigger>, Option<InstanceId>)> {
        let concerned = self.subject.seldom.journeys.iter().filter(|one| concerns(one, moment));
        concerned
            .flat_map(|one| {
                let state = self.state_of(one);
                state
                    .into_iter()
                    .flat_map(|state| &state.triggers)
                    .map(|trigger| (trigger, Some(one.id)))
            })
            .collect()
    }

    /// Where instances stand before a moment is judged.
    pub(super) fn standing(&self) -> Standing {
        let journeys = self.subject.seldom.journeys.iter();
        journeys.map(|one| (one.id, self.moved(one.id))).collect()
    }

    fn moved(&self, id: InstanceId) -> usize {
        self.gone.moves.iter().filter(|moved| **moved == id).count()
    }

    /// A moment takes each instance on at most once: by what was said at it, else by the first move that fits. Then it may
    /// begin new ones. Nothing is said here, so no consent is asked.
    pub(super) fn go_on_in_journeys(&mut self, moment: &Moment, standing: &Standing) {
        let flagged = moment.evidence.simulated || moment.evidence.implausible;
        if moment.of.is_some() || (flagged && self.given.catalogue.mode == Mode::Live) {
            return;
        }
        for (id, times) in standing {
            let Some(instance) = self.instance(Some(*id)).filter(|one| concerns(one, moment)) else {
                continue;
            };
            let state = self.state_of(instance).filter(|_| self.moved(*id) == *times);
            let moves = state.into_iter().flat_map(|state| &state.moves);
            let bound = instance.facts.clone();
            let mut fitting = moves.filter(|(listening, _)| self.hears(listening, moment, &bound, Some(*id)).is_some());
            if let Some((_, way)) = fitting.next() {
                self.go(*id, way);
            }
        }
        self.begin_journeys(moment);
    }

    /// What the listening sees when it listens to this moment and its condition holds.
    pub(super) fn hears(
        &self,
        listening: &'s Listening,
        moment: &Moment,
        bound: &Bound,
        instance: Option<InstanceId>,
    ) -> Option<serde_json::Map<String, serde_json::Value>> {
        let place = self.listens(listening, moment)?.ok()?;
        let mut case = Case {
            trigger: listening,
            moment,
            place,
            bound: bound.clone(),
            instance,
            occasion: Occasion::First,
            trace: Vec::new(),
        };
        self.happened_often_enough(&mut case).ok()?;
        let scene = self.scene(&case);
        let condition = listening.condition.as_ref();
        let holds = condition.is_none_or(|condition| condition.judge(&scene).verdict == Verdict::Holds);
        holds.then_some(scene)
    }

    pub(super) fn notice_beginning(&mut self, journey: &CompiledJourney, instance: &Instance) {
        let kind = MomentKind::Begun {
            journey: journey.sentence.name.clone(),
            key: instance.key.clone(),
            state: instance.state.clone(),
            instance_id: instance.id,
        };
        let moment = self.moment(None, self.given.now, kind, crate::engine::moment::Evidence::default());
        self.notice(moment);
    }

    pub(super) fn tell_change(&mut self, instance: Instance, from: Option<(String, Timestamp)>, exit: Option<&str>) {
        self.dirty = true;
        let (from, from_since) = from.unzip();
        self.out.instances.push(super::InstanceChange {
            instance,
            from,
            from_since,
            exit: exit.map(str::to_owned),
            at: self.given.now,
        });
    }

    /// Takes an instance along a way. What it waited for in the state it leaves is over.
    fn go(&mut self, id: InstanceId, way: &Way) {
        let Some(index) = self.subject.seldom.journeys.iter().position(|one| one.id == id) else {
            return;
        };
        let mut instance = self.subject.seldom.journeys[index].clone();
        let Some(journey) = self.journey_of(&instance) else {
            return self.end(index, "cancelled");
        };
        self.gone.moves.push(id);
        let in_a_circle = self.moved(id) > limits::MOVES_PER_STEP_MAX;
        match way {
            Way::To(_) if in_a_circle => self.end(index, "circling"),
            Way::Out(reason) => self.end(index, reason),
            Way::To(state) => {
                let Some(next) = journey.states.get(state) else { return };
                let now = self.given.now;
                let from = (std::mem::replace(&mut instance.state, state.clone()), instance.since);
                instance.since = now;
                instance.passed += 1;
                instance.ends_at = next.ends_at(now);
                self.subject.seldom.journeys[index] = instance.clone();
                self.end_waits_of(id, &from.0);
                self.notice_beginning(journey, &instance);
                self.tell_change(instance, Some(from), None);
            }
        }
    }

    /// Ends the instance at this place of the list.
    fn end(&mut self, index: usize, reason: &str) {
        let mut instance = self.subject.seldom.journeys.remove(index);
        instance.passed += 1;
        self.end_waits_of(instance.id, &instance.state);
        let from = (instance.state.clone(), instance.since);
        self.tell_change(instance, Some(from), Some(reason));
    }

    fn end_all(&mut self, reason: &str, over: impl Fn(&Self, &Instance) -> bool) {
        let mut index = 0;
        while let Some(instance) = self.subject.seldom.journeys.get(index) {
            if over(self, instance) {
                self.end(index, reason);
            } else {
                index += 1;
            }
        }
    }

    fn end_waits_of(&mut self, id: InstanceId, left: &str) {
        let (over, open): (ThinVec<Wait>, ThinVec<Wait>) = std::mem::take(&mut self.subject.waits)
            .into_iter()
            .partition(|wait| wait.instance_id == Some(id));
        self.subject.waits = open;
        for wait in over {
            self.end_wait(
                &wait,
                ReasonCode::Cancelled,
                &format!("The journey left the state `{left}`"),
            );
        }
    }

    /// Is the state that opened this wait still the one the person is in? A wait of no journey needs none.
    pub(super) fn state_lasts(&self, wait: &Wait, trigger: &CompiledTrigger) -> bool {
        let Some(id) = wait.instance_id else { return true };
        let holder = trigger.journey.as_ref().map(|journey| journey.state.as_str());
        self.instance(Some(id))
            .is_some_and(|instance| Some(instance.state.as_str()) == holder)
    }

    /// Remembers that something was said that takes its instance to another state.
    pub(super) fn heed(&mut self, case: &Case<'_>, code: ReasonCode) {
        let said = matches!(code, ReasonCode::Sent | ReasonCode::Holdout);
        let goto = case.trigger.sentence.then.goto.as_ref().filter(|_| said);
        if let (Some(id), Some(goto), Some(journey)) = (case.instance, goto, &case.trigger.journey) {
            self.gone.said.push((id, journey.state.clone(), goto.clone()));
        }
    }

    /// Goes where what was just said leads; the first word counts.
    pub(super) fn go_where_it_was_said(&mut self) {
        for (id, from, to) in std::mem::take(&mut self.gone.said) {
            let still = self.instance(Some(id)).is_some_and(|instance| instance.state == from);
            if still && from != to {
                self.go(id, &Way::To(to));
            }
        }
    }

    /// What became of its journeys since the last step: new versions, and states at their limit.
    pub(super) fn follow_journeys(&mut self) {
        if self.subject.seldom.journeys.is_empty() {
            return;
        }
        for instance in self.subject.seldom.journeys.clone() {
            self.follow_version(&instance);
        }
        let now = self.given.now;
        let mut due = self.subject.seldom.journeys.clone();
        due.retain(|instance| instance.ends_at <= now);
        due.sort_by_key(|instance| (instance.ends_at, instance.id));
        for instance in due {
            self.judge_waits_before_the_limit(&instance);
            let lasts = self.instance(Some(instance.id)) == Some(&instance);
            if let Some(state) = self.state_of(&instance).filter(|_| lasts) {
                self.go(instance.id, &state.limit);
            }
        }
    }

    /// What fell due before the state came to its limit still has its say, however late this step is.
    fn judge_waits_before_the_limit(&mut self, instance: &Instance) {
        let is_due = |wait: &Wait| {
            let due = wait.due_at.is_some_and(|due| due <= instance.ends_at);
            wait.instance_id == Some(instance.id) && due
        };
        let (due, open): (ThinVec<Wait>, ThinVec<Wait>) =
            std::mem::take(&mut self.subject.waits).into_iter().partition(is_due);
        self.subject.waits = open;
        for wait in due {
            self.judge_wait(&wait, Occasion::Due);
        }
    }

    /// A new version takes open instances over when it says so; one whose version is gone ends.
    fn follow_version(&mut self, instance: &Instance) {
        let Some(index) = self
            .subject
            .seldom
            .journeys
            .iter()
            .position(|one| one.id == instance.id)
        else {
            return;
        };
        let live = self.given.catalogue.live_journey(instance.journey_id);
        let successor = live.filter(|live| live.version != instance.version && live.takes_over());
        match successor.map(|live| (live, live.states.get(&instance.state))) {
            Some((live, Some(state))) => {
                let mut moved = instance.clone();
                moved.version = live.version;
                moved.ends_at = state.ends_at(moved.since);
                moved
                    .facts
                    .retain(|name, fact| live.sentence.facts.get(name) == Some(&fact.kind));
                self.subject.seldom.journeys[index] = moved.clone();
                let from = (moved.state.clone(), moved.since);
                self.tell_change(moved, Some(from), None);
            }
            Some((_, None)) => self.end(index, "moved_away"),
            None if self.journey_of(instance).is_none() => self.end(index, "cancelled"),
            None => {}
        }
    }

    pub(super) fn apply_order(&mut self, id: InstanceId, order: &InstanceOrder) {
        match order {
            InstanceOrder::Move { state } => self.go(id, &Way::To(state.clone())),
            InstanceOrder::Cancel => self.end_all("cancelled", |_, instance| instance.id == id),
        }
    }

    /// An instance does not outlive its facts, unless a move listened to their end.
    pub(super) fn end_with_their_facts(&mut self) {
        self.end_all("fact_ended", |stepper, instance| {
            instance.facts.values().any(|id| stepper.ended_during(instance, id))
        });
    }

    fn ended_during(&self, instance: &Instance, id: &FactRef) -> bool {
        match self.subject.fact(id) {
            Some(fact) => over_at(fact).is_some_and(|at| at <= self.given.now && at > instance.since),
            None => true,
        }
    }

    /// A state that began when this fact was over already speaks of it all the same.
    pub(super) fn goes_on_without(&self, case: &Case<'_>, id: &FactRef) -> bool {
        self.instance(case.instance)
            .filter(|instance| instance.facts.values().any(|bound| bound == id))
            .is_some_and(|instance| {
                let over = self.subject.fact(id).and_then(over_at);
                over.is_some_and(|at| at <= instance.since)
            })
    }
}

/// When a fact ended, or will.
fn over_at(fact: &Fact) -> Option<Timestamp> {
    if fact.lifecycle == Lifecycle::Active {
        fact.valid_to
    } else {
        Some(fact.changed_at)
    }
}

/// Is this moment about what the instance follows? One about another fact of the same type is not, nor the beginning of a
/// state that is not, or not any more, its own.
fn concerns(instance: &Instance, moment: &Moment) -> bool {
    if let MomentKind::Begun { instance_id, state, .. } = &moment.kind {
        return *instance_id == instance.id && *state == instance.state;
    }
    instance.facts.values().all(|followed| {
        let about = moment.kind.about(&followed.kind);
        let of_ours = |fact: &&FactRef| instance.facts.values().any(|ours| ours == *fact);
        about.is_empty() || about.iter().any(of_ours)
    })
}
