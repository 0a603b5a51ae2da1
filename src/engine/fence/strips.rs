//! The edges of a long ring by latitude, so that a place is compared only with those beside it.

use super::ring::{Crossings, Side};
use geo::Coord;

/// Rings with fewer edges are looked through faster than they are looked up.
const EDGES_MIN: usize = 24;
/// Edges to a strip, about.
const EDGES_PER_STRIP: usize = 2;
/// Most entries per edge: a ring that runs to and fro over its whole height gets fewer, higher strips.
const ENTRIES_PER_EDGE_MAX: usize = 4;

/// Strips of equal height, each with the edges that reach into it.
///
/// The strip of a latitude is found by a subtraction, a multiplication and a cut, none of which can put a lower latitude into a
/// higher strip. So an edge is in every strip that a place at one of its latitudes is counted into, and asking one strip is,
/// to the bit, asking the whole ring.
#[derive(Clone, Debug)]
pub(super) struct Strips {
    south: f64,
    per_degree: f64,
    /// Where each strip begins in `edges`; one more than there are strips.
    starts: Box<[u32]>,
    /// Edges by the position they end in.
    edges: Box<[u16]>,
}

impl Strips {
    /// None for a ring that is better looked through.
    pub(super) fn of(coords: &[Coord<f64>], south: f64, north: f64) -> Option<Box<Self>> {
        let height = north - south;
        if coords.len() < EDGES_MIN || u16::try_from(coords.len()).is_err() || height < 1e-7 {
            return None;
        }
        let mut count = coords.len() / EDGES_PER_STRIP;
        loop {
            let mut strips = Self {
                south,
                per_degree: count as f64 / height,
                starts: vec![0; count + 1].into(),
                edges: Box::default(),
            };
            let entries = strips.count(coords);
            if entries <= coords.len() * ENTRIES_PER_EDGE_MAX {
                strips.sort_in(coords, entries);
                return Some(Box::new(strips));
            }
            if count < 4 {
                return None;
            }
            count /= 2;
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cut below zero is the lowest strip, and one above all is brought to the highest"
    )]
    fn strip(&self, lat: f64) -> usize {
        (((lat - self.south) * self.per_degree) as usize).min(self.starts.len() - 2)
    }

    fn span(&self, a: Coord<f64>, b: Coord<f64>) -> std::ops::RangeInclusive<usize> {
        self.strip(a.y.min(b.y))..=self.strip(a.y.max(b.y))
    }

    /// Leaves in each start but the first how many edges the strip before it has.
    fn count(&mut self, coords: &[Coord<f64>]) -> usize {
        let mut entries = 0;
        for (a, b) in edges(coords) {
            for strip in self.span(a, b) {
                entries += 1;
                if let Some(count) = self.starts.get_mut(strip + 1) {
                    *count += 1;
                }
            }
        }
        entries
    }

    fn sort_in(&mut self, coords: &[Coord<f64>], entries: usize) {
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        let mut next = self.starts.clone();
        let mut sorted = vec![0_u16; entries];
        for ((a, b), number) in edges(coords).zip(0_u16..) {
            for strip in self.span(a, b) {
                if let Some(at) = next.get_mut(strip) {
                    if let Some(entry) = sorted.get_mut(*at as usize) {
                        *entry = number;
                    }
                    *at += 1;
                }
            }
        }
        self.edges = sorted.into();
    }

    /// What [`super::ring::side_of`] says of the ring the strips were made of; the latitude must lie between its lowest and highest.
    pub(super) fn side_of(&self, coords: &[Coord<f64>], at: Coord<f64>) -> Side {
        let mut crossings = Crossings::of(at);
        for (a, b) in self.edges_between(coords, at.y, at.y) {
            if crossings.pass(a, b) {
                return Side::Edge;
            }
        }
        crossings.side()
    }

    /// The edges in the strips from one latitude to another, some of them more than once.
    pub(super) fn edges_between<'a>(
        &'a self,
        coords: &'a [Coord<f64>],
        south: f64,
        north: f64,
    ) -> impl Iterator<Item = (Coord<f64>, Coord<f64>)> + 'a {
        let (first, last) = (self.strip(south), self.strip(north));
        let range = match (self.starts.get(first), self.starts.get(last + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        };
        let ends = self.edges.get(range).unwrap_or_default().iter();
        ends.filter_map(|end| {
            let end = usize::from(*end);
            let before = if end == 0 { coords.len() } else { end } - 1;
            Some((*coords.get(before)?, *coords.get(end)?))
        })
    }
}

/// The edges in the order of the positions they end in.
fn edges(coords: &[Coord<f64>]) -> impl Iterator<Item = (Coord<f64>, Coord<f64>)> + '_ {
    let before = coords.iter().cycle().skip(coords.len().saturating_sub(1));
    before.copied().zip(coords.iter().copied())
}

#[cfg(test)]
#[path = "strips_tests.rs"]
mod tests;
