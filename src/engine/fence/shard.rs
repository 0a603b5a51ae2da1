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

/// A row of tiles: those that there are, by bits, and how many come in the rows before.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    filled: u64,
    before: usize,
}

/// The fences of one shard.
#[derive(Clone, Debug)]
pub(super) struct Shard<K, S> {
    /// The tiles that there are, row by row.
    rows: [Row; 64],
    tiles: Vec<Arc<Tile<K, S>>>,
    pub(super) large: Vec<Large<K, S>>,
}

impl<K, S> Default for Shard<K, S> {
    fn default() -> Self {
        Self {
            rows: [Row::default(); 64],
            tiles: Vec::new(),
            large: Vec::new(),
        }
    }
}

impl<K: Copy, S: Shaped> Shard<K, S> {
    pub(super) fn is_empty(&self) -> bool {
        self.tiles.is_empty() && self.large.is_empty()
    }

    /// Whether some fences are kept in larger squares than cells.
    pub(super) fn is_coarse(&self) -> bool {
        !self.large.is_empty() || self.tiles.iter().any(|tile| tile.has_own)
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
        let Row { filled, before } = self.rows.get(row).filter(|row| row.filled >> column & 1 == 1)?;
        self.tiles
            .get(before + (filled & ((1 << column) - 1)).count_ones() as usize)
    }

    /// The numbers of the tiles that there are, with their tiles.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (usize, &Arc<Tile<K, S>>)> {
        let numbers = self.rows.iter().enumerate().flat_map(|(row, Row { filled, .. })| {
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
        for (row, Row { filled, before }) in (0..64).zip(&mut self.rows) {
            *before = tiles.len();
            for column in 0..64 {
                let known = if *filled >> column & 1 == 1 { old.next() } else { None };
                let tile = match news.next_if(|(tile, _)| *tile == (row << 6 | column)) {
                    Some((_, tile)) => tile.map(Arc::new),
                    None => known,
                };
                *filled = *filled & !(1 << column) | u64::from(tile.is_some()) << column;
                tiles.extend(tile);
            }
        }
        self.tiles = tiles;
    }
}

impl<K, S> Shard<K, S> {
    pub(super) fn every_tile(&self) -> impl Iterator<Item = &Tile<K, S>> {
        self.tiles.iter().map(Arc::as_ref)
    }
}
