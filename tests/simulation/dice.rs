//! Chance from a seed, and how much trouble a seed has drawn for its world.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// The same seed, the same draws.
pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub fn below(&mut self, sides: usize) -> usize {
        (self.0.next_u64() % sides as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    /// True so many times in a thousand.
    pub fn in_1000(&mut self, share: usize) -> bool {
        share > 0 && self.below(1_000) < share
    }

    pub fn seconds(&mut self, from: usize, to: usize) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds((from + self.below(to - from)) as i64)
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.below(1_000_001) as f64 / 1e6
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.0.next_u64(), self.0.next_u64())
    }

    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = self.below(last + 1);
            things.swap(last, other);
        }
    }
}

/// In a thousand. Drawn once per seed, so that worlds differ: some are calm, some burn in one place, some everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Crashes at the edge of a transaction.
    pub crash: usize,
    /// Answers of the house that never reach the client.
    pub answer_lost: usize,
    /// Sends that fail for now, for good, by a dead address, or whose answer is lost although they were shown.
    pub retry: usize,
    pub rejected: usize,
    pub lost_after_shown: usize,
    /// Senders that freeze for longer than their lease.
    pub frozen: usize,
    /// Phones that are offline for a while.
    pub offline: usize,
    /// Records that are sent again although they were answered.
    pub repeated: usize,
    /// Lanes that have no room for what somebody else's step tells.
    pub full_lane: usize,
    /// People and operators who change their minds.
    pub restless: usize,
}

impl Rates {
    pub fn draw(dice: &mut Dice) -> Self {
        Self {
            crash: dice.pick(&[0, 2, 10, 30]),
            answer_lost: dice.pick(&[0, 20, 200]),
            retry: dice.pick(&[0, 50, 500]),
            rejected: dice.pick(&[0, 20, 100]),
            lost_after_shown: dice.pick(&[0, 50, 400]),
            frozen: dice.pick(&[0, 50, 200]),
            offline: dice.pick(&[0, 50, 200]),
            repeated: dice.pick(&[0, 100, 500]),
            full_lane: dice.pick(&[0, 50, 300]),
            restless: dice.pick(&[20, 100, 250]),
        }
    }

    /// Nothing goes wrong any more.
    pub const CALM: Self = Self {
        crash: 0,
        answer_lost: 0,
        retry: 0,
        rejected: 0,
        lost_after_shown: 0,
        frozen: 0,
        offline: 0,
        repeated: 0,
        full_lane: 0,
        restless: 0,
    };
}
