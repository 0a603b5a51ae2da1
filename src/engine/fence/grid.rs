//! The grid that fences are found by: cells, tiles of cells and shards of tiles, all equal steps of longitude and latitude.
//!
//! Steps are powers of two of the globe, so that every border is a number without rounding; what rounds is the step a place is
//! counted into, by less than a hundred-millionth of a cell. [`MARGIN`] is far wider than that.

use super::geodesy::Position;
use super::shape::Bounds;

/// Degrees that everything is drawn wider by before cells are compared with it (0.1 mm).
pub(super) const MARGIN: f64 = 1e-9;
/// Cells round the equator; half as many from pole to pole.
const COLUMNS: u32 = 1 << 16;
const ROWS: u32 = COLUMNS / 2;
const CELL_DEGREES: f64 = 360.0 / 65_536.0;
const CELLS_PER_DEGREE: f64 = 65_536.0 / 360.0;
/// Tiles on a side of a shard.
const TILE_BITS: u32 = 6;
/// Cells on a side of a tile.
const CELL_BITS: u32 = 4;
/// How many shards the globe has.
pub(super) const SHARDS: usize = 64 * 32;
/// How many cells a tile has.
pub(super) const CELLS: usize = 256;

/// How large a square is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// 0.0055 degrees: 611 m at the equator.
    Cell,
    /// 0.088 degrees: 9.8 km at the equator.
    Tile,
    /// 5.6 degrees: 626 km at the equator.
    Shard,
}

impl Level {
    const fn shift(self) -> u32 {
        match self {
            Self::Cell => 0,
            Self::Tile => CELL_BITS,
            Self::Shard => CELL_BITS + TILE_BITS,
        }
    }

    /// Squares round the equator.
    pub(super) fn columns(self) -> i64 {
        i64::from(COLUMNS >> self.shift())
    }

    fn rows(self) -> i64 {
        i64::from(ROWS >> self.shift())
    }

    /// Degrees on a side.
    pub(super) fn degrees(self) -> f64 {
        CELL_DEGREES * f64::from(1_u32 << self.shift())
    }

    /// The column of a longitude, which may run on beyond 180.
    pub(super) fn column(self, lng: f64) -> i64 {
        step((lng + 180.0) * CELLS_PER_DEGREE) >> self.shift()
    }

    /// The row of a latitude; what lies beyond a pole is in the row of the pole.
    pub(super) fn row(self, lat: f64) -> i64 {
        (step((lat + 90.0) * CELLS_PER_DEGREE) >> self.shift()).clamp(0, self.rows() - 1)
    }

    /// The western border of a column.
    pub(super) fn west(self, column: i64) -> f64 {
        column as f64 * self.degrees() - 180.0
    }

    /// The southern border of a row.
    pub(super) fn south(self, row: i64) -> f64 {
        row as f64 * self.degrees() - 90.0
    }

    /// The row of a pole that this latitude reaches, if it reaches one.
    pub(super) fn pole_row(self, lat: f64) -> Option<i64> {
        (lat.abs() >= 90.0 - MARGIN).then(|| self.row(lat))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a longitude unrolled a few times is some hundred thousand cells"
)]
fn step(cells: f64) -> i64 {
    // Rounding down is a call into the library on processors that are asked for nothing special, and this is asked of each fix.
    let whole = cells as i64;
    whole - i64::from(whole as f64 > cells)
}

/// A square of one level by its column (0 to 65,535 at most, never beyond 180 degrees) and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Square {
    pub(super) row: u16,
    pub(super) column: u16,
}

impl Square {
    /// Takes a column that may run on beyond 180 degrees.
    pub(super) fn wrapped(level: Level, column: i64, row: i64) -> Self {
        Self {
            // The remainder, of a power of two.
            column: u16::try_from(column & (level.columns() - 1)).unwrap_or_default(),
            row: u16::try_from(row).unwrap_or_default(),
        }
    }

    /// The cell of a place.
    #[inline]
    pub(super) fn of(p: Position) -> Self {
        Self::wrapped(Level::Cell, Level::Cell.column(p.lng), Level::Cell.row(p.lat))
    }

    /// Which of the four times four patches of its cell a place lies in, row by row from the south; away from the poles.
    #[inline]
    pub(super) fn patch_of(p: Position) -> u32 {
        let quarter = |degrees: f64| u32::try_from(step(degrees * (CELLS_PER_DEGREE * 4.0)) & 3).unwrap_or_default();
        quarter(p.lat + 90.0) << 2 | quarter(p.lng + 180.0)
    }

    /// The tile and the shard of a square, which is a shard itself, a tile or a cell.
    #[inline]
    pub(super) fn address(self, level: Level) -> Address {
        let shift = level.shift();
        let (column, row) = (usize::from(self.column) << shift, usize::from(self.row) << shift);
        let cut = |at: usize, from: u32, bits: u32| (at >> from) & ((1 << bits) - 1);
        Address {
            shard: (row >> (CELL_BITS + TILE_BITS)) * 64 + (column >> (CELL_BITS + TILE_BITS)),
            tile: (cut(row, CELL_BITS, TILE_BITS) << TILE_BITS) | cut(column, CELL_BITS, TILE_BITS),
            cell: (cut(row, 0, CELL_BITS) << CELL_BITS) | cut(column, 0, CELL_BITS),
        }
    }
}

/// Where a cell is found: its shard on the globe, its tile in the shard (0 to 4,095), itself in the tile (0 to 255).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) shard: usize,
    pub(super) tile: usize,
    pub(super) cell: usize,
}

impl Address {
    /// The square of the cell.
    pub(super) fn cell_square(self) -> Square {
        let (column, row) = self.corner();
        Square::wrapped(Level::Cell, column, row)
    }

    fn corner(self) -> (i64, i64) {
        let number = |at: usize| i64::try_from(at).unwrap_or_default();
        let (shard, tile, cell) = (number(self.shard), number(self.tile), number(self.cell));
        let column = ((shard & 63) << (CELL_BITS + TILE_BITS)) | ((tile & 63) << CELL_BITS) | (cell & 15);
        let row = ((shard >> 6) << (CELL_BITS + TILE_BITS)) | ((tile >> 6) << CELL_BITS) | (cell >> 4);
        (column, row)
    }

    /// The box of the shard, tile or cell, with its margin.
    pub(super) fn bounds(self, level: Level) -> Bounds {
        let (column, row) = self.corner();
        let (west, south) = (Level::Cell.west(column), Level::Cell.south(row));
        Bounds {
            south: (south - MARGIN).max(-90.0),
            north: (south + level.degrees() + MARGIN).min(90.0),
            west: west - MARGIN,
            east: west + level.degrees() + MARGIN,
        }
    }

    /// The middle of the tile.
    pub(super) fn tile_middle(self) -> Position {
        let (column, row) = Self { cell: 0, ..self }.corner();
        let half = Level::Tile.degrees() * 0.5;
        Position {
            lat: Level::Cell.south(row) + half,
            lng: Level::Cell.west(column) + half,
        }
    }
}
