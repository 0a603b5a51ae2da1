//! One simulated world from one seed: its clock, its agenda, its house, and the loop that lets everything happen in order.

use super::database::Database;
use super::dice::{Dice, Rates};
use super::house::House;
use super::ledger::Ledger;
use super::outbox::Screens;
use super::world::{Act, World};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use usher::base::time::Timestamp;
use usher::engine::catalogue::Catalogue;

/// A fault that is planted to see whether the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    NoSendKeyIndex,
    AnswersBeforeTheCommit,
    HalfACommit,
    ForgetsTheInbox,
    ForgetsWakes,
    CountsRepeats,
    SendsUnasked,
    KeepsDeadAddresses,
    NewTagPerAttempt,
    CoversNewer,
}

/// Why something did not go on.
#[derive(Debug)]
pub enum Stop {
    /// The process died; what was not committed is lost.
    Crash,
    /// An invariant does not hold.
    Breach(String),
}

/// What a seed came to.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub digest: u64,
    pub steps: usize,
    pub crashes: usize,
    pub decisions: usize,
    pub pushes: usize,
    pub codes: std::collections::BTreeSet<usher::engine::decision::ReasonCode>,
}

pub struct Fleet {
    pub now: Timestamp,
    pub dice: Dice,
    pub rates: Rates,
    pub fault: Fault,
    pub database: Database,
    pub house: House,
    pub screens: Screens,
    pub world: World,
    pub ledger: Ledger,
    pub steps: usize,
    /// What people, businesses and operators will do.
    agenda: BTreeMap<(Timestamp, u64), Act>,
    planned: u64,
    /// While the house is down: when it starts again.
    down_until: Option<Timestamp>,
    crashes: usize,
    told: Option<VecDeque<String>>,
}

/// Lines of the log that a breach is told with.
const LOG_LINES: usize = 60;
const LOOPS_MAX: usize = 200_000;

impl Fleet {
    /// Lives one seed to its end; the log is kept only when it is wanted, for it takes longer than the rest.
    pub fn live(
        catalogue: &Arc<Catalogue>,
        seed: u64,
        fault: Fault,
        tell: bool,
    ) -> Result<Outcome, (String, Vec<String>)> {
        let mut dice = Dice::new(seed);
        let rates = Rates::draw(&mut dice);
        let mut fleet = Self {
            now: super::START.parse().unwrap(),
            rates,
            fault,
            database: Database::new(Arc::clone(catalogue)),
            house: House::start(Arc::clone(catalogue)),
            screens: Screens::default(),
            world: World::default(),
            ledger: Ledger::default(),
            steps: 0,
            agenda: BTreeMap::new(),
            planned: 0,
            down_until: None,
            crashes: 0,
            told: tell.then(VecDeque::new),
            dice,
        };
        fleet.settle_people();
        let lived = fleet.day().and_then(|()| fleet.afterwards());
        match lived {
            Ok(()) => Ok(Outcome {
                digest: fleet.ledger.digest,
                steps: fleet.steps,
                crashes: fleet.crashes,
                decisions: fleet.database.decisions.len(),
                pushes: fleet.ledger.pushes,
                codes: fleet.ledger.codes,
            }),
            Err(Stop::Breach(what)) => Err((what, fleet.told.unwrap_or_default().into())),
            Err(Stop::Crash) => Err(("a crash that nobody took care of".to_owned(), Vec::new())),
        }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let Some(told) = &mut self.told else { return };
        if told.len() == LOG_LINES {
            told.pop_front();
        }
        told.push_back(format!("{} {}", self.now.format("%d %H:%M:%S%.3f"), line()));
    }

    pub fn plan(&mut self, at: Timestamp, act: Act) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), act);
    }

    /// Everything that happens until the agenda ends.
    fn day(&mut self) -> Result<(), Stop> {
        for _ in 0..LOOPS_MAX {
            let Some((&(at, _), _)) = self.agenda.first_key_value() else {
                return Ok(());
            };
            self.pass(at)?;
        }
        Err(Stop::Breach("the day does not end".to_owned()))
    }

    /// The earlier of the next act, at `at`, and what the house does by itself.
    fn pass(&mut self, at: Timestamp) -> Result<(), Stop> {
        if let Some(up_at) = self.down_until.filter(|up_at| *up_at <= at) {
            self.now = self.now.max(up_at);
            self.down_until = None;
            self.ledger.audit(&self.database)?;
            let started = self.restart();
            return self.after(started);
        }
        let due = self.next_due().filter(|_| self.down_until.is_none());
        if let Some(due) = due.filter(|due| *due <= at) {
            self.now = self.now.max(due);
            let worked = self.tick().and_then(|()| self.dispatch());
            return self.after(worked);
        }
        self.now = self.now.max(at);
        let Some((_, act)) = self.agenda.pop_first() else {
            return Ok(());
        };
        if self.down_until.is_some() && act.needs_the_house() {
            // Nobody answers: the client tries again later.
            let later = self.now + self.dice.seconds(5, 60);
            self.plan(later, act);
            return Ok(());
        }
        let again = act.clone();
        let acted = self.act(act);
        if matches!(acted, Err(Stop::Crash)) {
            let later = self.now + self.dice.seconds(5, 60);
            self.plan(later, again);
        }
        self.after(acted)
    }

    fn after(&mut self, done: Result<(), Stop>) -> Result<(), Stop> {
        match done {
            Err(Stop::Crash) => {
                self.crashes += 1;
                self.house = House::start(Arc::clone(&self.database.catalogue));
                self.down_until = Some(self.now + self.dice.seconds(0, 120));
            }
            Err(breach @ Stop::Breach(_)) => return Err(breach),
            Ok(()) => self.look_at_screens(),
        }
        self.ledger.sample(&self.database, self.now)
    }

    /// Nothing goes wrong any more and everybody finishes; then days pass.
    fn afterwards(&mut self) -> Result<(), Stop> {
        self.rates = Rates::CALM;
        self.finish_everything();
        self.day()?;
        let end = self.now + chrono::TimeDelta::days(3);
        for _ in 0..LOOPS_MAX {
            let due = self.down_until.or_else(|| self.next_due());
            let Some(due) = due.filter(|due| *due <= end) else {
                self.now = end;
                self.ledger.sample(&self.database, self.now)?;
                return self.ledger.end(&self.database, &self.screens);
            };
            self.pass(due)?;
        }
        Err(Stop::Breach("the house does not come to rest".to_owned()))
    }
}
