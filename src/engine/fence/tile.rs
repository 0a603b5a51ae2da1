//! One tile of the index: its fences, and for each of its 256 cells which of them touch it and which fill it.

use super::entry::Entry;
use super::geodesy::Position;
use super::grid::{CELLS, Square};
use super::index::Shaped;
use super::positions::Positions;
use super::ring::Side;
use super::round::{Local, Scale};
use super::runs::{Run, side_of};
use geo::Coord;

/// A fence as a tile knows it.
#[derive(Clone, Debug)]
pub(super) struct Known<K, S> {
    pub(super) key: K,
    pub(super) shape: S,
}

/// The fences of one tile. What a cell needs lies together, and so do the fences of neighbours: a place far from the last one asked
/// costs a few reads from memory, which is all that it costs.
#[derive(Clone, Debug)]
pub(super) struct Tile<K, S> {
    pub(super) middle: Position,
    pub(super) scale: Scale,
    /// The cells that have fences, by bits, and how many of them come before each word.
    pub(super) filled: [u64; 4],
    pub(super) before: [u16; 4],
    /// Whether some fences are kept in the tile as a whole; seldom, so that most places in no filled cell are done with here.
    pub(super) has_own: bool,
    /// Where in the words each span begins: the tile as a whole, then each filled cell, then an end. After that the entries of the
    /// spans.
    pub(super) words: Box<[u32]>,
    pub(super) fences: Box<[Known<K, S>]>,
    /// The rings of the first fences, whose edges are named in the cells, within reach without a look at the fence.
    pub(super) outlines: Box<[Positions]>,
}

impl<K: Copy, S: Shaped> Tile<K, S> {
    /// Calls `found` for every fence that holds a place in a cell of this tile.
    #[inline]
    pub(super) fn locate<'a>(&'a self, cell: usize, p: Position, found: &mut impl FnMut(&'a Known<K, S>)) {
        let span = self.span_of(cell);
        if span.is_none() && !self.has_own {
            return;
        }
        let place = (self.scale.at(self.middle, p), Square::patch_of(p));
        if self.has_own {
            self.ask(0, p, place, found);
        }
        if let Some(span) = span {
            self.ask(span, p, place, found);
        }
    }

    pub(super) fn span_of(&self, cell: usize) -> Option<usize> {
        let (word, bit) = (cell >> 6, cell & 63);
        let filled = self.filled.get(word).filter(|filled| *filled >> bit & 1 == 1)?;
        let before = usize::from(*self.before.get(word)?);
        Some(1 + before + (filled & ((1 << bit) - 1)).count_ones() as usize)
    }

    /// The words of a span.
    #[inline]
    pub(super) fn words_of(&self, span: usize) -> &[u32] {
        let range = match self.words.get(span..span + 2) {
            Some([from, to]) => *from as usize..*to as usize,
            _ => 0..0,
        };
        self.words.get(range).unwrap_or_default()
    }

    #[inline]
    fn ask<'a>(
        &'a self,
        span: usize,
        p: Position,
        (local, patch): (Local, u32),
        found: &mut impl FnMut(&'a Known<K, S>),
    ) {
        let mut words = self.words_of(span);
        while let Some((entry, rest)) = Entry::read(words) {
            words = rest;
            let holds = match entry {
                Entry::Fills(_) => Some(true),
                Entry::Touches(_) => None,
                Entry::Round(_, round) => round.holds(local),
                Entry::Crosses(slot, patches, run) => {
                    let known = patches.holds(patch);
                    Some(known.unwrap_or_else(|| self.crosses(slot, run, rest, p)))
                }
                // Taken with the one that crosses.
                Entry::Also(..) => continue,
            };
            if holds != Some(false)
                && let Some(known) = self.fences.get(entry.slot() as usize)
                && (holds == Some(true) || known.shape.shape().contains(p))
            {
                found(known);
            }
        }
    }

    /// Calls `found` for every fence that touches a cell, or the tile as a whole when that is asked for; for some more than once.
    pub(super) fn each(&self, cell: Option<usize>, found: impl FnMut(&Known<K, S>)) {
        let span = cell.map_or(Some(0), |cell| self.span_of(cell));
        let words = span.map(|span| self.words_of(span)).unwrap_or_default();
        Entry::all(words)
            .filter_map(|entry| self.fences.get(entry.slot() as usize))
            .for_each(found);
    }

    /// Whether the outline in a slot holds a place, by the runs of its cell: one, and those that follow it.
    fn crosses(&self, slot: u32, run: Run, more: &[u32], p: Position) -> bool {
        let at = Coord { x: p.lng, y: p.lat };
        let runs = std::iter::once(run).chain(Entry::also(more));
        let coords = self.outlines.get(slot as usize);
        coords.is_some_and(|coords| side_of(coords.read(), runs, at) != Side::Outside)
    }

    /// The cells that have fences.
    pub(super) fn cells(&self) -> impl Iterator<Item = usize> {
        (0..CELLS).filter(|cell| self.span_of(*cell).is_some())
    }
}
