//! Backtests: a draft judged over what is stored, by the production step. What would have become of it, and why not more.

mod log;
mod report;
mod stage;

pub use log::Person;
pub use report::{Attrition, Report, WouldSend};
pub use stage::Stage;

use super::catalogue::Catalogue;
use super::decision::ReasonCode;
use super::fact::FactRef;
use super::step::{Given, Input, step};
use super::subject::Subject;
use crate::base::id::MomentId;
use crate::base::limits;
use crate::base::time::Timestamp;
use log::{Entry, Known, entries};
use report::Counted;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// All ids of a backtest are drawn from one seed: the same store gives the same report.
const SEED: Uuid = Uuid::from_u128(0x7573_6865_7220_6261_636b_0000_0000_0001);

/// The decisions about one moment, by the facts it was judged for: the last one counts.
type Cases = BTreeMap<MomentId, BTreeMap<BTreeMap<String, FactRef>, ReasonCode>>;

/// A backtest under way: people are replayed one after another, and only what is counted stays.
#[derive(Debug)]
pub struct Backtest {
    stage: Stage,
    from: Timestamp,
    to: Timestamp,
    /// Send keys taken so far, in the whole project.
    taken: BTreeSet<String>,
    stepped: u64,
    counted: Counted,
}

/// One person while they are replayed.
struct Life {
    subject: Subject,
    known: Known,
    cases: Cases,
    messages: u64,
    wakes_at: Option<Timestamp>,
    timers: usize,
}

impl Backtest {
    /// Counts what the draft of the stage would have decided from `from` up to but not including `to`.
    pub fn new(stage: Stage, from: Timestamp, to: Timestamp) -> Self {
        Self {
            stage,
            from,
            to,
            taken: BTreeSet::new(),
            stepped: 0,
            counted: Counted::default(),
        }
    }

    /// Replays one person from their first known day to the end.
    ///
    /// What lies before `from` only sets the state: nothing is judged. A send key that two people share is taken by who is
    /// replayed first.
    pub fn replay(&mut self, person: Person) {
        let mut subject = Subject::new(person.user_id);
        subject.profile = person.profile.clone().into();
        let (log, known) = entries(person, self.to);
        let mut life = Life {
            subject,
            known,
            cases: Cases::new(),
            messages: 0,
            wakes_at: None,
            timers: 0,
        };
        let mut begun = false;
        for Entry { at, input } in log {
            if at >= self.from && !begun {
                begun = true;
                self.step(&mut life, self.from, &Input::Tick);
            }
            // A timer at the instant of an input is looked at in the step of that input, as it is when live.
            self.pass_time(&mut life, |due| due < at);
            self.step(&mut life, at, &input);
        }
        if !begun {
            self.step(&mut life, self.from, &Input::Tick);
        }
        let to = self.to;
        self.pass_time(&mut life, |due| due < to);
        self.counted.add(&life.known, life.cases, life.messages);
    }

    /// What was counted.
    pub fn report(self) -> Report {
        self.counted.report(self.from, self.to)
    }

    /// What became of every stored moment: outside of tests only counts and examples are kept.
    #[cfg(test)]
    pub(crate) fn outcomes(&self) -> &BTreeMap<MomentId, Vec<ReasonCode>> {
        &self.counted.outcomes
    }

    fn pass_time(&mut self, life: &mut Life, is_due: impl Fn(Timestamp) -> bool) {
        while let Some(due) = life.wakes_at.filter(|due| is_due(*due)) {
            life.timers += 1;
            if life.timers > limits::TIMERS_PER_REPLAY_MAX {
                return;
            }
            let now = life.subject.stepped_at.map_or(due, |last| due.max(last.timestamp()));
            self.step(life, now, &Input::Tick);
            // A timer that stays where it was waits for an input.
            if life.wakes_at.is_some_and(|next| next <= now) {
                life.wakes_at = None;
            }
        }
    }

    fn step(&mut self, life: &mut Life, at: Timestamp, input: &Input) {
        self.stepped += 1;
        let judged = at >= self.from;
        let catalogue: &Catalogue = if judged {
            &self.stage.judging
        } else {
            &self.stage.silent
        };
        let given = Given {
            catalogue,
            spent: &self.taken,
            now: at,
            seed: Uuid::new_v5(&SEED, &self.stepped.to_be_bytes()),
        };
        let user_id = life.subject.user_id;
        let subject = std::mem::replace(&mut life.subject, Subject::new(user_id));
        let effects = step(subject, input, given);
        life.wakes_at = effects.wake_at.filter(|_| judged);
        for moment in &effects.moments {
            life.known.meet(moment);
        }
        for decision in &effects.decisions {
            if decision.trigger_id != self.stage.trigger_id || decision.revision != self.stage.revision {
                continue;
            }
            let cases = life.cases.entry(decision.moment_id).or_default();
            if !decision.facts.is_empty() {
                // "No fact" was the answer to a question that is asked for a fact now.
                cases.remove(&BTreeMap::new());
            }
            cases.insert(decision.facts.clone(), decision.code);
        }
        let own = effects
            .messages
            .iter()
            .filter(|message| message.trigger_id == self.stage.trigger_id);
        life.messages += own.count() as u64;
        self.taken
            .extend(effects.messages.into_iter().map(|message| message.send_key));
        life.subject = *effects.subject;
    }
}

#[cfg(test)]
#[path = "backtest_tests.rs"]
mod tests;
