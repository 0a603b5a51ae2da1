//! What an index weighs, by what it is for.

use super::index::FenceIndex;
use super::positions::Positions;
use super::shard::{Large, Shard};
use super::tile::{Known, Tile};

/// Bytes of an index, without what an allocator adds, and without the shapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Squares of the grid: shards, tiles, and where the entries of each cell begin.
    pub squares: usize,
    /// What each cell says of each fence that touches it.
    pub postings: usize,
    /// Keys, and the ways to the shapes and to their outlines.
    pub keys: usize,
    pub tiles: usize,
    pub cells: usize,
}

/// What an `Arc` counts with.
const COUNTS: usize = 2 * size_of::<usize>();

impl<K, S> FenceIndex<K, S> {
    pub fn weight(&self) -> Weight {
        let mut weight = Weight {
            squares: size_of_val(&*self.shards) + self.sieve.bytes(),
            ..Weight::default()
        };
        for shard in self.shards.iter().flatten() {
            weight.squares += size_of::<Shard<K, S>>() + COUNTS;
            weight.keys += shard.large.len() * size_of::<Large<K, S>>();
            for tile in shard.every_tile() {
                let cells: u32 = tile.filled.iter().map(|word| word.count_ones()).sum();
                let words = cells as usize + 2;
                weight.tiles += 1;
                weight.cells += cells as usize;
                weight.squares += size_of::<Tile<K, S>>() + COUNTS + size_of::<usize>() + words * size_of::<u32>();
                weight.postings += tile.words.len().saturating_sub(words) * size_of::<u32>();
                weight.keys += tile.fences.len() * size_of::<Known<K, S>>();
                weight.keys += tile.outlines.len() * size_of::<Positions>();
            }
        }
        weight
    }
}
