//! One shard of the index: its tiles, and the fences so large that they are kept here.

use super::geodesy::Position;
use super::grid::Address;
use super::index::Shaped;
use super::tile::{Known, Tile};
use std::sync::Arc;

/// A fence that touches the shard, and whether it fills it.
#[derive(Clone, Debug)]
pub(super) struct Large<K, S> {
    pub(super) known: Known<K, S>,
    pub(super) full: bool,
}

/// The fences of one shard.
#[derive(Clone, Debug)]
pub(super) struct Shard<K, S> {
    /// The tiles that there are: a word for each row, and how many come before it.
    filled: [u64; 64],
    before: [u16; 64],
    tiles: Vec<Arc<Tile<K, S>>>,
    pub(super) large: Vec<Large<K, S>>,
}

impl<K, S> Default for Shard<K, S> {
    fn default() -> Self {
        Self {
            filled: [0; 64],
            before: [0; 64],
            tiles: Vec::new(),
            large: Vec::new(),
        }
    }
}

impl<K: Copy, S: Shaped> Shard<K, S> {
    pub(super) fn is_empty(&self) -> bool {
        self.tiles.is_empty() && self.large.is_empty()
    }

    /// Calls `found` for every fence that holds a place in this shard.
    #[inline]
    pub(super) fn locate<'a>(&'a self, at: Address, p: Position, found: &mut impl FnMut(&'a Known<K, S>)) {
        for large in &self.large {
            if large.full || large.known.shape.shape().contains(p) {
                found(&large.known);
            }
        }
        if let Some(tile) = self.tile(at.tile) {
            tile.locate(at.cell, p, found);
        }
    }

    pub(super) fn tile(&self, tile: usize) -> Option<&Arc<Tile<K, S>>> {
        let (row, column) = (tile >> 6, tile & 63);
        let filled = self.filled.get(row).filter(|filled| *filled >> column & 1 == 1)?;
        let before = usize::from(*self.before.get(row)?);
        self.tiles
            .get(before + (filled & ((1 << column) - 1)).count_ones() as usize)
    }

    /// The numbers of the tiles that there are, with their tiles.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (usize, &Arc<Tile<K, S>>)> {
        let numbers = self.filled.iter().enumerate().flat_map(|(row, filled)| {
            (0..64)
                .filter(move |column| filled >> column & 1 == 1)
                .map(move |column| row << 6 | column)
        });
        numbers.zip(&self.tiles)
    }

    /// Puts tiles in place of what was there; None takes a tile out.
    pub(super) fn put(&mut self, mut news: Vec<(usize, Option<Tile<K, S>>)>) {
        news.sort_unstable_by_key(|(tile, _)| *tile);
        let mut old = std::mem::take(&mut self.tiles).into_iter();
        let mut news = news.into_iter().peekable();
        let mut tiles = Vec::with_capacity(old.len() + news.len());
        for (row, filled) in (0..64).zip(&mut self.filled) {
            for column in 0..64 {
                let before = if *filled >> column & 1 == 1 { old.next() } else { None };
                let tile = match news.next_if(|(tile, _)| *tile == (row << 6 | column)) {
                    Some((_, tile)) => tile.map(Arc::new),
                    None => before,
                };
                *filled = *filled & !(1 << column) | u64::from(tile.is_some()) << column;
                tiles.extend(tile);
            }
        }
        self.tiles = tiles;
        let mut sum: u16 = 0;
        for (before, filled) in self.before.iter_mut().zip(&self.filled) {
            *before = sum;
            sum += u16::try_from(filled.count_ones()).unwrap_or_default();
        }
    }
}
