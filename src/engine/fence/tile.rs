//! One tile of the index: its fences, and for each of its 256 cells which of them touch it and which fill it.

use super::entry::Entry;
use super::geodesy::Position;
use super::grid::CELLS;
use super::ring::{Crossings, Side};
use super::round::Scale;
use super::shape::Shape;
use geo::Coord;
use std::sync::Arc;

/// A fence as a tile knows it.
#[derive(Clone, Debug)]
pub(super) struct Known<K> {
    pub(super) key: K,
    pub(super) shape: Arc<Shape>,
}

/// A ring whose edges are named in the cells, within reach without a look at its fence.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) coords: Arc<[Coord<f64>]>,
    pub(super) slot: u32,
}

/// The fences of one tile. What a cell needs lies together, and so do the fences of neighbours: a place far from the last one asked
/// costs a few reads from memory, which is all that it costs.
#[derive(Clone, Debug)]
pub(super) struct Tile<K> {
    pub(super) middle: Position,
    pub(super) scale: Scale,
    /// The cells that have fences, by bits, and how many of them come before each word.
    pub(super) filled: [u64; 4],
    pub(super) before: [u16; 4],
    /// Where in the words each span begins: the tile as a whole, then each filled cell, then an end.
    pub(super) starts: Box<[u32]>,
    /// The entries of the spans, one after the other.
    pub(super) words: Box<[u32]>,
    pub(super) outlines: Box<[Outline]>,
    pub(super) fences: Box<[Known<K>]>,
}

impl<K: Copy> Tile<K> {
    /// Calls `found` for every fence that holds a place in a cell of this tile.
    #[inline]
    pub(super) fn locate(&self, cell: usize, p: Position, found: &mut impl FnMut(&Known<K>)) {
        self.ask(0, p, found);
        if let Some(span) = self.span_of(cell) {
            self.ask(span, p, found);
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
        let range = match self.starts.get(span..span + 2) {
            Some([from, to]) => *from as usize..*to as usize,
            _ => 0..0,
        };
        self.words.get(range).unwrap_or_default()
    }

    #[inline]
    fn ask(&self, span: usize, p: Position, found: &mut impl FnMut(&Known<K>)) {
        let mut words = self.words_of(span);
        let local = self.scale.at(self.middle, p);
        while let Some((entry, rest)) = Entry::read(words) {
            words = rest;
            let (slot, holds) = match entry {
                Entry::Fills(slot) => (slot, Some(true)),
                Entry::Touches(slot) => (slot, None),
                Entry::Round(slot, round) => (slot, round.holds(local)),
                Entry::Crosses(number, run) => {
                    let Some(outline) = self.outlines.get(number as usize) else {
                        continue;
                    };
                    let mut crossings = Crossings::of(Coord { x: p.lng, y: p.lat });
                    let mut on_edge = run.pass(&outline.coords, &mut crossings);
                    while let Some((Entry::Crosses(next, run), rest)) = Entry::read(words)
                        && next == number
                    {
                        words = rest;
                        on_edge |= run.pass(&outline.coords, &mut crossings);
                    }
                    (outline.slot, Some(on_edge || crossings.side() == Side::Inside))
                }
            };
            if holds != Some(false)
                && let Some(known) = self.fences.get(slot as usize)
                && (holds == Some(true) || known.shape.contains(p))
            {
                found(known);
            }
        }
    }

    /// The slot of the fence that an entry is about.
    pub(super) fn slot_of(&self, entry: Entry) -> Option<u32> {
        match entry {
            Entry::Fills(slot) | Entry::Touches(slot) | Entry::Round(slot, _) => Some(slot),
            Entry::Crosses(number, _) => self.outlines.get(number as usize).map(|outline| outline.slot),
        }
    }

    /// Calls `found` for every fence that touches a cell, or the tile as a whole when that is asked for; for some more than once.
    pub(super) fn each(&self, cell: Option<usize>, found: impl FnMut(&Known<K>)) {
        let span = cell.map_or(Some(0), |cell| self.span_of(cell));
        let words = span.map(|span| self.words_of(span)).unwrap_or_default();
        Entry::all(words)
            .filter_map(|entry| self.fences.get(self.slot_of(entry)? as usize))
            .for_each(found);
    }

    /// The cells that have fences.
    pub(super) fn cells(&self) -> impl Iterator<Item = usize> {
        (0..CELLS).filter(|cell| self.span_of(*cell).is_some())
    }
}
