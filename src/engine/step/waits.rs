//! Waits: moments kept open until a fact or a time allows a send; every one ends with a recorded reason (DESIGN.md 5.8).

use super::guards::Refusal;
use super::judge::{Assessed, Case, Occasion};
use super::stepper::Stepper;
use crate::base::limits;
use crate::engine::decision::{Decision, ReasonCode, Step, TraceStep};
use crate::engine::fact::FactRef;
use crate::engine::subject::Wait;
use serde_json::json;
use thin_vec::ThinVec;

impl Stepper<'_> {
    /// A case that does not go on now: it is kept open if waiting can help, and recorded either way.
    pub(super) fn settle_refused(&mut self, case: &Case<'_>, refusal: &Refusal) {
        if !refusal.code.is_waiting() {
            return self.decide_refused(case, refusal);
        }
        let now = self.given.now;
        let ends_at = refusal.ends_at.or(refusal.due_at).unwrap_or(now);
        if refusal.due_at.is_none() && ends_at <= now {
            self.decide(case, ReasonCode::Expired, None);
            return;
        }
        self.close_waits(case, "A newer moment took over");
        if self.subject.waits.len() >= limits::WAITS_PER_USER_MAX {
            self.decide(case, ReasonCode::Cap, None);
            return;
        }
        let (id, asks) = (self.ids.draw(), Self::asks(case, refusal));
        let wait = Wait {
            id,
            trigger_id: case.trigger.id,
            revision: case.trigger.revision,
            moment: case.moment.clone(),
            facts: case.bound.clone(),
            reason: refusal.code,
            due_at: refusal.due_at,
            held_by_time: refusal.held_by_time,
            ends_at,
            asked_at: asks.then_some(now),
            instance_id: case.instance,
        };
        self.subject.waits.push(wait);
        let decided = self.decide(case, refusal.code, refusal.due_at.or(refusal.ends_at));
        if let Some(decision) = decided.and_then(|at| self.out.decisions.get(at)).filter(|_| asks) {
            self.ask_for_fix(case, id, decision.id);
        }
    }

    /// Ends every open wait of the same trigger for the same facts.
    pub(super) fn close_waits(&mut self, case: &Case<'_>, says: &str) {
        let (closed, open) = std::mem::take(&mut self.subject.waits)
            .into_iter()
            .partition(|wait| case.is_of(wait));
        self.subject.waits = open;
        for wait in closed {
            self.end_wait(&wait, ReasonCode::Superseded, says);
        }
    }

    /// Time: waits that fell due, or whose question the phone answered, are judged again; those at their limit end.
    pub(super) fn look_at_waits(&mut self) {
        if self.subject.waits.is_empty() {
            return;
        }
        let now = self.given.now;
        let (due, open): (ThinVec<Wait>, ThinVec<Wait>) =
            std::mem::take(&mut self.subject.waits).into_iter().partition(|wait| {
                let due = wait.due_at.is_some_and(|due| due <= now);
                due || wait.ends_at <= now || self.was_answered(wait)
            });
        self.subject.waits = open;
        for wait in due {
            if wait.asked_at.is_some() {
                self.judge_wait(&wait, Occasion::Asked);
            } else if wait.due_at.is_some_and(|due| due <= now) || self.speaks_at_its_limit(&wait) {
                self.judge_wait(&wait, Occasion::Due);
            } else {
                self.end_wait(&wait, ReasonCode::Expired, "What it waited for did not come in time");
            }
        }
    }

    /// Does its trigger say what is known by then?
    fn speaks_at_its_limit(&self, wait: &Wait) -> bool {
        let trigger = self.given.catalogue.revision(wait.trigger_id, wait.revision);
        wait.reason == ReasonCode::WaitingFact && trigger.is_some_and(|trigger| trigger.sends_at_limit())
    }

    /// A fact changed (or, with none named, the person did): the waits it may help are judged again.
    pub(super) fn judge_waits_on(&mut self, fact: Option<&FactRef>) {
        let concerned = |wait: &Wait| match fact {
            Some(id) => wait.facts.values().any(|bound| bound == id),
            None => true,
        };
        let gone = fact.is_some_and(|id| self.subject.fact(id).is_none_or(|fact| !fact.is_active(self.given.now)));
        let (again, open): (ThinVec<Wait>, ThinVec<Wait>) = std::mem::take(&mut self.subject.waits)
            .into_iter()
            .partition(|wait| concerned(wait) && (gone || !wait.held_by_time));
        self.subject.waits = open;
        for wait in again {
            self.judge_wait(&wait, Occasion::FactChanged);
        }
    }

    pub(super) fn judge_wait(&mut self, wait: &Wait, occasion: Occasion) {
        let Some(trigger) = self.given.catalogue.revision(wait.trigger_id, wait.revision) else {
            return self.end_wait(wait, ReasonCode::Cancelled, "Its trigger is gone");
        };
        if !self.state_lasts(wait, trigger) {
            return self.end_wait(
                wait,
                ReasonCode::Cancelled,
                "The journey left the state that holds its trigger",
            );
        }
        let place = match self.listens(trigger, &wait.moment) {
            Some(Ok(place)) => place,
            Some(Err(mut case)) => {
                case.bound.clone_from(&wait.facts);
                case.instance = wait.instance_id;
                return self.decide_refused(&case, &Refusal::drop(ReasonCode::NotInside));
            }
            None => wait.moment.kind.place().cloned(),
        };
        let case = Case {
            trigger,
            moment: &wait.moment,
            place,
            bound: wait.facts.clone(),
            instance: wait.instance_id,
            occasion,
            trace: Vec::new(),
        };
        match self.assess(case) {
            Assessed::Pass(candidate) => self.settle_priority(vec![*candidate]),
            Assessed::Refused(case, refusal) if self.goes_on(wait, &case, &refusal) => {
                // The same answer as before is not recorded again; the limit stays where the wait began.
                let ends_at = wait.ends_at.max(refusal.due_at.unwrap_or(wait.ends_at));
                let held_by_time = refusal.held_by_time;
                self.subject.waits.push(Wait {
                    due_at: refusal.due_at,
                    ends_at,
                    held_by_time,
                    ..wait.clone()
                });
            }
            Assessed::Refused(case, refusal) => self.settle_refused(&case, &refusal),
        }
    }

    /// Does the wait simply go on, for the same reason and to the same time?
    fn goes_on(&self, wait: &Wait, _case: &Case<'_>, refusal: &Refusal) -> bool {
        let later = refusal.due_at.or(refusal.ends_at).is_some_and(|at| at > self.given.now);
        refusal.code == wait.reason && refusal.due_at == wait.due_at && later
    }

    /// Records the end of a wait that is not judged any more.
    pub(super) fn end_wait(&mut self, wait: &Wait, code: ReasonCode, says: &str) {
        self.dirty = true;
        let name = self
            .given
            .catalogue
            .revision(wait.trigger_id, wait.revision)
            .map(|trigger| trigger.sentence.name.clone());
        let values = json!({ "waited_for": wait.reason, "since": wait.moment.occurred_at, "limit": wait.ends_at });
        let decision = Decision {
            id: self.ids.draw(),
            user_id: self.subject.user_id,
            moment_id: wait.moment.id,
            trigger_id: wait.trigger_id,
            trigger: name.unwrap_or_default(),
            revision: wait.revision,
            facts: wait.facts.clone(),
            code,
            decided_at: self.given.now,
            until: None,
            message_id: None,
            late: false,
            arm: None,
            trace: vec![TraceStep {
                step: Step::Wait,
                passed: false,
                says: says.to_owned(),
                values,
            }],
        };
        self.out.decisions.push(decision);
    }

    /// Ends the waits that hold a place: the person no longer lets us know it.
    pub(super) fn end_waits_about_places(&mut self) {
        let (placed, open): (ThinVec<Wait>, ThinVec<Wait>) = std::mem::take(&mut self.subject.waits)
            .into_iter()
            .partition(|wait| wait.moment.kind.place().is_some());
        self.subject.waits = open;
        for wait in placed {
            self.end_wait(&wait, ReasonCode::OptedOut, "The person withdrew consent to location");
        }
    }
}
