//! The search for saturation: rates that hold and rates that break, until the two are close.

/// Above this share of the highest rate that held, the lowest that broke is close enough.
const CLOSE: f64 = 1.08;
/// The rate grows by this factor until something breaks.
const GROWTH: f64 = 1.5;
/// Rates tried at most.
pub const TRIES_MAX: usize = 16;

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    held: Option<f64>,
    broke: Option<f64>,
    first: f64,
}

/// What one step showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    pub rate: f64,
    pub seconds: f64,
    pub p99_ms: f64,
    /// Requests due and unanswered at the end.
    pub backlog: u64,
    pub errors: u64,
    /// Answers "come back later".
    pub later: u64,
}

impl Tried {
    /// Did the server keep up? Answers within `p99_ms_max`, nobody sent away, and less waiting than a tenth of a second brings.
    pub fn held(&self, p99_ms_max: f64) -> bool {
        let bearable = (self.rate * 0.1).max(8.0);
        self.errors == 0 && self.later == 0 && self.p99_ms <= p99_ms_max && (self.backlog as f64) <= bearable
    }
}

impl Search {
    /// Begins at this rate.
    pub fn from(first: f64) -> Self {
        Self {
            held: None,
            broke: None,
            first,
        }
    }

    pub fn learn(&mut self, rate: f64, held: bool) {
        let known = if held { &mut self.held } else { &mut self.broke };
        let better = |before: f64| if held { before.max(rate) } else { before.min(rate) };
        *known = Some(known.map_or(rate, better));
    }

    /// The next rate to try; none when saturation is known well enough.
    pub fn next(&self) -> Option<f64> {
        match (self.held, self.broke) {
            (None, None) => Some(self.first),
            (Some(held), None) => Some(held * GROWTH),
            (None, Some(broke)) => (broke > 1.0).then(|| broke / GROWTH / GROWTH),
            (Some(held), Some(broke)) => (broke / held > CLOSE).then(|| (held * broke).sqrt()),
        }
    }

    /// The highest rate that held.
    pub fn found(&self) -> Option<f64> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(first: f64, capacity: f64) -> (f64, usize) {
        let mut search = Search::from(first);
        let mut tries = 0;
        while let Some(rate) = search.next() {
            tries += 1;
            assert!(tries <= TRIES_MAX);
            search.learn(rate, rate <= capacity);
        }
        (search.found().unwrap_or(0.0), tries)
    }

    #[test]
    fn saturation_is_found_from_above_and_from_below() {
        for (first, capacity) in [(5_000.0, 1_200.0), (5_000.0, 5_100.0), (500.0, 42_000.0)] {
            let (found, tries) = search(first, capacity);
            assert!(
                found <= capacity && found > capacity / (CLOSE * 1.01),
                "{found} of {capacity} in {tries} tries"
            );
        }
    }

    #[test]
    fn a_step_that_answers_late_or_lets_requests_pile_up_has_not_held() {
        let good = Tried {
            rate: 1_000.0,
            seconds: 5.0,
            p99_ms: 20.0,
            backlog: 10,
            errors: 0,
            later: 0,
        };
        assert!(good.held(100.0));
        assert!(!Tried { p99_ms: 101.0, ..good }.held(100.0));
        assert!(!Tried { backlog: 101, ..good }.held(100.0));
        assert!(!Tried { errors: 1, ..good }.held(100.0));
        assert!(!Tried { later: 1, ..good }.held(100.0));
    }
}
