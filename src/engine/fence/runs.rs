//! The edges of a ring that reach into one cell, in runs: all that a place in the cell needs to be compared with.
//!
//! A ray to the east from a place in the cell crosses the edges of the runs, and others beyond the cell. Of those others none touches
//! the cell, so how many the ray crosses is even or odd for all places of a latitude alike, and turns only where a run ends east of
//! the cell: there the ring goes on without it. So one bit for the cell and the ends of its runs stand for the rest of the ring, and
//! the answer is that of the whole ring, to the bit.

use super::positions::Row;
use super::ring::{Crossings, Side};
use geo::Coord;

/// Edges that follow one another, by the positions they end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Run {
    from: u16,
    /// How many edges, below three marks.
    count: u16,
}

const COUNT: u16 = 0x1FFF;
/// North of everything, a ray from the cell crosses the rest of the ring an odd number of times.
const ODD: u16 = 0x8000;
/// The run begins, or ends, east of the cell.
const FIRST_EAST: u16 = 0x4000;
const LAST_EAST: u16 = 0x2000;

impl Run {
    /// Both numbers in one.
    pub(super) fn word(self) -> u32 {
        u32::from(self.from) << 16 | u32::from(self.count)
    }

    #[expect(clippy::cast_possible_truncation, reason = "each half is a number")]
    pub(super) const fn from_word(word: u32) -> Self {
        Self {
            from: (word >> 16) as u16,
            count: word as u16,
        }
    }

    /// Counts what a ray from a place crosses of these edges, and of what they stand for; true when the place lies on one of them.
    #[inline]
    pub(super) fn pass(self, coords: Row<'_>, crossings: &mut Crossings) -> bool {
        let from = usize::from(self.from);
        let first = coords.before(from).unwrap_or_default();
        let mut a = first;
        for b in (from..from + usize::from(self.count & COUNT)).map_while(|end| coords.get(end)) {
            if crossings.pass(a, b) {
                return true;
            }
            a = b;
        }
        let north = |at: Coord<f64>| crossings.is_north(at);
        let odd = self.is(ODD) ^ (self.is(FIRST_EAST) && north(first)) ^ (self.is(LAST_EAST) && north(a));
        crossings.turn(odd);
        false
    }

    fn is(self, mark: u16) -> bool {
        self.count & mark != 0
    }
}

/// The runs of some edges, in ascending order; `inside` says whether the middle of the cell is. None when the middle lies on an edge.
pub(super) fn runs_of(coords: Row<'_>, edges: &[u16], middle: Coord<f64>, inside: bool) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::with_capacity(4);
    for &edge in edges {
        match runs.last_mut() {
            Some(run) if u32::from(run.from) + u32::from(run.count) == u32::from(edge) && run.count < COUNT => {
                run.count += 1;
            }
            Some(_) | None => runs.push(Run { from: edge, count: 1 }),
        }
    }
    let is_east = |at: Option<Coord<f64>>| at.is_some_and(|at| at.x > middle.x);
    for run in &mut runs {
        let (from, end) = (usize::from(run.from), usize::from(run.from) + usize::from(run.count));
        if is_east(coords.before(from)) {
            run.count |= FIRST_EAST;
        }
        if is_east(coords.before(end)) {
            run.count |= LAST_EAST;
        }
    }
    let side = side_of(coords, runs.iter().copied(), middle);
    if side != Side::Edge && (side == Side::Inside) != inside {
        runs.first_mut()?.count |= ODD;
    }
    (side != Side::Edge).then_some(runs)
}

/// Where a place of the cell lies in relation to the ring.
#[inline]
pub(super) fn side_of(coords: Row<'_>, mut runs: impl Iterator<Item = Run>, at: Coord<f64>) -> Side {
    let mut crossings = Crossings::of(at);
    if runs.any(|run| run.pass(coords, &mut crossings)) {
        return Side::Edge;
    }
    crossings.side()
}
