//! Which of the fences that hold a place hold everything near it as well: told by the cells around it, without a look at the fence.

use super::entry::Entry;
use super::geodesy::Position;
use super::grid::{Address, Level, Square};
use super::index::{FenceIndex, Shaped};
use super::ring::Extent;
use super::tile::Known;

/// Found fences are told apart by the bits of a number.
const FOUND_MAX: usize = 64;
/// Cells that are asked on a side; what reaches over more of them is not asked for.
const CELLS_MAX: i64 = 2;

/// Of the fences found, by bits, those that fill a box.
///
/// Cells that a fence fills, and patches of cells that no edge of it comes into, have a margin: what is told here is so wherever the
/// border between two of them is counted to.
pub(super) fn filled_by<K: Copy + Eq, S: Shaped>(
    index: &FenceIndex<K, S>,
    near: &Extent,
    found: &[&Known<K, S>],
) -> u64 {
    let (west, east) = (Level::Cell.column(near.min.x), Level::Cell.column(near.max.x));
    let (south, north) = (Level::Cell.row(near.min.y), Level::Cell.row(near.max.y));
    if found.is_empty() || found.len() > FOUND_MAX || east - west >= CELLS_MAX || north - south >= CELLS_MAX {
        return 0;
    }
    let mut filled = u64::MAX;
    for row in south..=north {
        for column in west..=east {
            let at = Square::wrapped(Level::Cell, column, row).address(Level::Cell);
            filled &= filling(index, at, patches_in(near, column, row), found);
        }
    }
    filled
}

/// Which of the found fences fill the patches of a cell.
fn filling<K: Copy + Eq, S: Shaped>(
    index: &FenceIndex<K, S>,
    at: Address,
    patches: u16,
    found: &[&Known<K, S>],
) -> u64 {
    let Some(Some(shard)) = index.shards.get(at.shard) else {
        return 0;
    };
    let bit = |known: &Known<K, S>| {
        let place = found.iter().position(|one| one.key == known.key);
        place.map_or(0, |place| 1 << place)
    };
    let large = shard.large.iter().filter(|large| large.full);
    let mut filled = large.fold(0, |filled, large| filled | bit(&large.known));
    let Some(tile) = shard.tile(at.tile) else { return filled };
    let spans = [tile.has_own.then_some(0), tile.span_of(at.cell)];
    for entry in spans
        .into_iter()
        .flatten()
        .flat_map(|span| Entry::all(tile.words_of(span)))
    {
        let fills = match entry {
            Entry::Fills(_) => true,
            Entry::Crosses(_, known, _) => known.hold_all(patches),
            Entry::Touches(_) | Entry::Round(..) | Entry::Also(..) => false,
        };
        if fills && let Some(known) = tile.fences.get(entry.slot() as usize) {
            filled |= bit(known);
        }
    }
    filled
}

/// The patches of a cell that a box comes into, by bits.
fn patches_in(near: &Extent, column: i64, row: i64) -> u16 {
    let corner = Position {
        lat: Level::Cell.south(row),
        lng: Level::Cell.west(column),
    };
    let span = |from: f64, to: f64, corner: f64| {
        let quarter = Level::Cell.degrees() * 0.25;
        let is_in = |number: &u16| {
            let low = corner + quarter * f64::from(*number);
            from <= low + quarter && to >= low
        };
        (0..4_u16).filter(is_in).fold(0_u16, |bits, number| bits | 1 << number)
    };
    let columns = span(near.min.x, near.max.x, corner.lng);
    let rows = span(near.min.y, near.max.y, corner.lat);
    (0..4)
        .filter(|number| rows >> number & 1 == 1)
        .fold(0, |bits, number| bits | columns << (4 * number))
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
