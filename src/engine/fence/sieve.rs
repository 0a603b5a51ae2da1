//! Which cells of the grid certainly have no fence: told by one bit, without a look at the shard and the tile.
//!
//! Most fixes are near nothing. The way through the index takes each of them two or three branches that no processor foresees and
//! as many reads, one after the other; here it takes one of each, and nearly always the same branch.

use super::grid::Square;
use std::sync::Arc;

/// How many bits each cell has, at least, when the sieve is made: one place of sixteen is then asked for nothing.
const BITS_PER_CELL: usize = 16;
/// Words of the smallest sieve.
const WORDS_MIN: usize = 64;

/// A bit for many cells, set when one of them has fences. Bits of cells that have lost theirs stay until the sieve is made anew,
/// which costs time and finds the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Sieve {
    /// A power of two of them; none before the first cell comes.
    words: Arc<[u64]>,
    marked: usize,
}

impl Sieve {
    pub(super) fn for_cells(count: usize) -> Self {
        let words = (count * BITS_PER_CELL / 64).next_power_of_two().max(WORDS_MIN);
        Self {
            words: vec![0; words].into(),
            marked: 0,
        }
    }

    /// Whether a cell may have fences.
    #[inline]
    pub(super) fn passes(&self, cell: Square) -> bool {
        let (word, bit) = place_of(cell, self.words.len());
        self.words.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    pub(super) fn mark(&mut self, mut cells: impl Iterator<Item = Square>) {
        // Others may share the words: as long as no bit is to be set they need no copy.
        let Some(first) = cells.find(|cell| !self.passes(*cell)) else {
            return;
        };
        let count = self.words.len();
        let words = Arc::make_mut(&mut self.words);
        for cell in std::iter::once(first).chain(cells) {
            let (word, bit) = place_of(cell, count);
            if let Some(word) = words.get_mut(word) {
                self.marked += usize::from(*word >> bit & 1 == 0);
                *word |= 1 << bit;
            }
        }
    }

    /// Whether so many bits are set that it is time for a larger one, or one without those of long ago.
    pub(super) fn is_full(&self) -> bool {
        self.marked * BITS_PER_CELL / 2 >= self.words.len() * 64
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }
}

/// The word of a cell, of so many, and its bit. The upper bits of a product choose the word, which is where all bits of a cell's
/// number have come together.
#[inline]
fn place_of(cell: Square, words: usize) -> (usize, u32) {
    let number = u64::from(cell.row) << 16 | u64::from(cell.column);
    let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 26;
    let word = usize::try_from(hash >> 6).unwrap_or_default() & words.wrapping_sub(1);
    (word, u32::try_from(hash & 63).unwrap_or_default())
}
