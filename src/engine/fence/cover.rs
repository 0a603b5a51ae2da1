//! Which squares of the grid a shape touches, and which of them it fills.
//!
//! A square that the shape touches is never left out, and one that is said to be full holds no place outside the shape. Both
//! are decided with a margin, so that nothing depends on how a border rounds.

use super::area::Part;
use super::geodesy::{Position, distance_m, wrap_lng};
use super::grid::{Level, MARGIN, Square};
use super::near::floor_m;
use super::ring::Extent;
use super::shape::{Bounds, Circle, Shape};
use crate::base::limits::{FENCE_CELLS_MAX, FENCE_TILES_MAX};
use geo::Coord;

/// A shape that comes nearer to a pole than this is kept in the largest squares, which know about poles.
const POLAR_LAT: f64 = 89.5;

/// A square that a shape touches, and whether it fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Covered {
    pub(super) square: Square,
    pub(super) full: bool,
}

/// All squares of a shape, each once, on one level.
#[derive(Debug)]
pub(super) struct Cover {
    pub(super) level: Level,
    pub(super) squares: Vec<Covered>,
}

/// The squares of a shape, of the finest level on which they are not too many.
pub(super) fn cover(shape: &Shape) -> Cover {
    let level = level_of(shape);
    let mut squares = Vec::new();
    match shape {
        Shape::Circle(circle) => cover_circle(circle, level, &mut squares),
        Shape::Area(area) => {
            for part in area.parts() {
                cover_part(part, level, &mut squares);
            }
            if area.parts().len() > 1 {
                // What one part fills is full, whatever the others do there.
                squares.sort_unstable_by_key(|covered| (covered.square, !covered.full));
                squares.dedup_by_key(|covered| covered.square);
            }
        }
    }
    Cover { level, squares }
}

/// The level on which a shape is kept, and the tiles it may touch there; found without looking at its edges.
pub(super) fn level_of(shape: &Shape) -> Level {
    let extents = extents_of(shape);
    let polar = |extent: &Extent| extent.min.y < -POLAR_LAT || extent.max.y > POLAR_LAT;
    if extents.iter().any(polar) {
        return Level::Shard;
    }
    let fits = |level: Level, max: i64| {
        let windows = extents.iter().map(|extent| Window::of(*extent, level));
        let mut count = 0;
        for window in windows {
            count += window.columns * window.rows;
            if count > max || window.columns >= level.columns() {
                return false;
            }
        }
        true
    };
    if fits(Level::Cell, FENCE_CELLS_MAX) {
        Level::Cell
    } else if fits(Level::Tile, FENCE_TILES_MAX) {
        Level::Tile
    } else {
        Level::Shard
    }
}

/// The shards that a shape kept in cells or tiles may touch.
pub(super) fn shards_of(shape: &Shape) -> Vec<usize> {
    let mut shards: Vec<usize> = extents_of(shape)
        .into_iter()
        .flat_map(|extent| Window::of(extent, Level::Shard).squares())
        .map(|square| square.address(Level::Shard).shard)
        .collect();
    shards.sort_unstable();
    shards.dedup();
    shards
}

fn extents_of(shape: &Shape) -> Vec<Extent> {
    match shape {
        Shape::Circle(circle) => vec![circle.extent()],
        Shape::Area(area) => area.parts().iter().map(|part| part.shell.extent).collect(),
    }
}

/// A rectangle of squares whose columns may run on beyond 180 degrees, but never meet themselves.
#[derive(Clone, Copy)]
struct Window {
    level: Level,
    column: i64,
    row: i64,
    columns: i64,
    rows: i64,
}

impl Window {
    fn of(extent: Extent, level: Level) -> Self {
        let column = level.column(extent.min.x - MARGIN);
        let row = level.row(extent.min.y - MARGIN);
        let columns = level.column(extent.max.x + MARGIN) - column + 1;
        Self {
            level,
            column,
            row,
            columns: columns.min(level.columns()),
            rows: level.row(extent.max.y + MARGIN) - row + 1,
        }
    }

    fn places(self) -> impl Iterator<Item = (i64, i64)> {
        (0..self.rows).flat_map(move |row| (0..self.columns).map(move |column| (self.column + column, self.row + row)))
    }

    fn squares(self) -> impl Iterator<Item = Square> {
        self.places()
            .map(move |(column, row)| Square::wrapped(self.level, column, row))
    }

    fn bounds(self, column: i64, row: i64) -> Bounds {
        let (west, south, side) = (self.level.west(column), self.level.south(row), self.level.degrees());
        Bounds {
            south: south - MARGIN,
            north: south + side + MARGIN,
            west: west - MARGIN,
            east: west + side + MARGIN,
        }
    }
}

fn cover_circle(circle: &Circle, level: Level, squares: &mut Vec<Covered>) {
    let window = Window::of(circle.extent(), level);
    let poles = pole_rows(circle.extent(), level);
    for (column, row) in window.places() {
        let bounds = window.bounds(column, row);
        let at_pole = poles.contains(&Some(row));
        if at_pole || touches(circle, &bounds) {
            let full = !at_pole && fills(circle, &bounds);
            squares.push(Covered {
                square: Square::wrapped(level, column, row),
                full,
            });
        }
    }
}

/// Whether a circle may reach into a box: false only when it certainly does not.
fn touches(circle: &Circle, bounds: &Bounds) -> bool {
    let (center, radius_m) = (circle.center(), circle.radius_m());
    if floor_m(center, bounds) > radius_m {
        return false;
    }
    if radius_m > 20_000.0 || center.lat.abs() > 70.0 {
        return true;
    }
    // At this size the nearest place of a box is, to a thousandth, the one straight to the side or straight up.
    let west = wrap_lng(bounds.west - center.lng);
    let nearest = Position {
        lat: center.lat.clamp(bounds.south, bounds.north),
        lng: wrap_lng(center.lng + 0.0_f64.clamp(west, west + (bounds.east - bounds.west))),
    };
    distance_m(center, nearest) <= radius_m * 1.01 + 1.0
}

/// Whether a circle certainly holds all of a box: on a sphere, its farthest place within a quarter of the globe is a corner.
fn fills(circle: &Circle, bounds: &Bounds) -> bool {
    let (center, radius_m) = (circle.center(), circle.radius_m());
    let height_m = (bounds.north - bounds.south) * 110_000.0;
    if height_m > 2.0 * radius_m {
        return false;
    }
    [bounds.south, bounds.north].into_iter().all(|lat| {
        [bounds.west, bounds.east].into_iter().all(|lng| {
            let corner = Position {
                lat: lat.clamp(-90.0, 90.0),
                lng: wrap_lng(lng),
            };
            wrap_lng(lng - center.lng).abs() < 80.0 && distance_m(center, corner) <= radius_m * 0.99 - 0.1
        })
    })
}

fn pole_rows(extent: Extent, level: Level) -> [Option<i64>; 2] {
    [extent.min.y, extent.max.y].map(|lat| level.pole_row(lat))
}

/// What is known of a square.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Edge,
    Inside,
    Outside,
}

fn cover_part(part: &Part, level: Level, squares: &mut Vec<Covered>) {
    let extent = part.shell.extent;
    let window = Window::of(extent, level);
    let size = usize::try_from(window.columns * window.rows).unwrap_or_default();
    let mut raster = Raster {
        window,
        states: vec![State::Unknown; size],
    };
    for (a, b) in part.rings().flat_map(super::ring::Ring::edges) {
        raster.draw(a, b);
    }
    raster.fill(part);
    let poles = pole_rows(extent, level);
    for (place, state) in window.places().zip(&raster.states) {
        let at_pole = poles.contains(&Some(place.1));
        if !at_pole && matches!(state, State::Edge | State::Inside) {
            squares.push(Covered {
                square: Square::wrapped(level, place.0, place.1),
                full: *state == State::Inside,
            });
        }
    }
    // All longitudes are one place at a pole.
    for row in poles.into_iter().flatten() {
        squares.extend((0..level.columns()).map(|column| Covered {
            square: Square::wrapped(level, column, row),
            full: false,
        }));
    }
}

/// A window in which the edges of a part are drawn.
struct Raster {
    window: Window,
    states: Vec<State>,
}

impl Raster {
    fn state(&mut self, column: i64, row: i64) -> Option<&mut State> {
        let index = usize::try_from(row * self.window.columns + column).ok()?;
        self.states.get_mut(index)
    }

    /// Marks every square an edge touches, row by row; the edge is cut a margin outside each row.
    fn draw(&mut self, a: Coord<f64>, b: Coord<f64>) {
        let (low, high) = if a.y <= b.y { (a, b) } else { (b, a) };
        let Window { level, rows, .. } = self.window;
        let (dx, dy) = (high.x - low.x, high.y - low.y);
        let share = |lat: f64| ((lat - low.y) / dy).clamp(0.0, 1.0);
        for row in level.row(low.y - MARGIN)..=level.row(high.y + MARGIN) {
            let inner = row - self.window.row;
            if !(0..rows).contains(&inner) {
                continue;
            }
            let south = level.south(row);
            let (from, to) = if dy > 0.0 {
                (share(south - MARGIN), share(south + level.degrees() + MARGIN))
            } else {
                (0.0, 1.0)
            };
            let (one, two) = (low.x + dx * from, low.x + dx * to);
            let west = level.column(one.min(two) - MARGIN);
            let east = level.column(one.max(two) + MARGIN).min(west + level.columns() - 1);
            for column in west..=east {
                let inner_column = (column - self.window.column).rem_euclid(level.columns());
                if inner_column < self.window.columns
                    && let Some(state) = self.state(inner_column, inner)
                {
                    *state = State::Edge;
                }
            }
        }
    }

    /// Squares without an edge are all inside or all outside, and so is a neighbour without one.
    fn fill(&mut self, part: &Part) {
        let Window { columns, rows, .. } = self.window;
        for row in 0..rows {
            for column in 0..columns {
                if self.state(column, row).is_none_or(|state| *state != State::Unknown) {
                    continue;
                }
                let mut before = [(column - 1, row), (column, row - 1)]
                    .into_iter()
                    .filter(|(column, row)| *column >= 0 && *row >= 0)
                    .filter_map(|(column, row)| self.state(column, row).copied())
                    .filter(|state| *state != State::Edge);
                let known = before.next();
                let state = known.unwrap_or_else(|| self.ask(part, column, row));
                if let Some(place) = self.state(column, row) {
                    *place = state;
                }
            }
        }
    }

    fn ask(&self, part: &Part, column: i64, row: i64) -> State {
        let level = self.window.level;
        let half = level.degrees() * 0.5;
        let middle = Position {
            lat: level.south(self.window.row + row) + half,
            lng: wrap_lng(level.west(self.window.column + column) + half),
        };
        if part.contains(middle) {
            State::Inside
        } else {
            State::Outside
        }
    }
}
