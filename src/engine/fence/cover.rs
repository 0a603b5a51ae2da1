//! Which squares of the grid a shape touches, and which of them it fills.
//!
//! A square that the shape touches is never left out, and one that is said to be full holds no place outside the shape. Both
//! are decided with a margin, so that nothing depends on how a border rounds. Where a ring has edges in a cell, they are named.

use super::area::Part;
use super::cover_circle::cover_circle;
use super::geodesy::{Position, wrap_lng};
use super::grid::{Level, MARGIN, Square};
use super::patches::{Patches, within};
use super::ring::{Extent, Ring, Side};
use super::runs::{Run, runs_of};
use super::shape::{Bounds, Shape};
use crate::base::limits::{FENCE_CELLS_MAX, FENCE_TILES_MAX};
use geo::Coord;

/// A shape that comes nearer to a pole than this is kept in the largest squares, which know about poles.
const POLAR_LAT: f64 = 89.5;

/// What a shape does to a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    Fills,
    /// Some of the edges of its only ring reach into it; all of them, when all the runs of the square are taken together. They leave
    /// the same patches alone in each.
    Crosses(Patches, Run),
    Touches,
}

/// A square that a shape touches, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Covered {
    pub(super) square: Square,
    pub(super) how: How,
}

/// All squares of a shape on one level, each once, or as many times as it is crossed by runs.
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
                cover_part(part, ring_of(shape, level), level, &mut squares);
            }
            if area.parts().len() > 1 {
                // What one part fills is full, whatever the others do there.
                squares.sort_unstable();
                squares.dedup_by_key(|covered| covered.square);
            }
        }
    }
    Cover { level, squares }
}

/// The ring whose edges are named in each of its cells; none for shapes of more than one, and for those kept in larger squares.
pub(super) fn ring_of(shape: &Shape, level: Level) -> Option<&Ring> {
    match shape {
        Shape::Area(area) if level == Level::Cell => {
            area.only_ring().filter(|ring| u16::try_from(ring.coords.len()).is_ok())
        }
        Shape::Area(_) | Shape::Circle(_) => None,
    }
}

/// The level on which a shape is kept, and the tiles it may touch there; found without looking at its edges.
pub(super) fn level_of(shape: &Shape) -> Level {
    let polar = |extent: Extent| extent.min.y < -POLAR_LAT || extent.max.y > POLAR_LAT;
    if extents_of(shape).any(polar) {
        return Level::Shard;
    }
    let fits = |level: Level, max: i64| {
        let windows = extents_of(shape).map(|extent| Window::of(extent, level));
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

/// The shards that a shape kept in cells or tiles may touch, some of them more than once.
pub(super) fn shards_of(shape: &Shape) -> impl Iterator<Item = usize> {
    extents_of(shape)
        .flat_map(|extent| Window::of(extent, Level::Shard).squares())
        .map(|square| square.address(Level::Shard).shard)
}

fn extents_of(shape: &Shape) -> impl Iterator<Item = Extent> {
    let (circle, parts) = match shape {
        Shape::Circle(circle) => (Some(circle.extent()), &[][..]),
        Shape::Area(area) => (None, area.parts()),
    };
    circle.into_iter().chain(parts.iter().map(|part| part.shell.extent))
}

/// A rectangle of squares whose columns may run on beyond 180 degrees, but never meet themselves.
#[derive(Clone, Copy)]
pub(super) struct Window {
    level: Level,
    column: i64,
    row: i64,
    columns: i64,
    rows: i64,
}

impl Window {
    pub(super) fn of(extent: Extent, level: Level) -> Self {
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

    pub(super) fn places(self) -> impl Iterator<Item = (i64, i64)> {
        (0..self.rows).flat_map(move |row| (0..self.columns).map(move |column| (self.column + column, self.row + row)))
    }

    fn squares(self) -> impl Iterator<Item = Square> {
        self.places()
            .map(move |(column, row)| Square::wrapped(self.level, column, row))
    }

    fn middle(self, column: i64, row: i64) -> Position {
        let half = self.level.degrees() * 0.5;
        Position {
            lat: self.level.south(row) + half,
            lng: wrap_lng(self.level.west(column) + half),
        }
    }

    pub(super) fn bounds(self, column: i64, row: i64) -> Bounds {
        let (west, south, side) = (self.level.west(column), self.level.south(row), self.level.degrees());
        Bounds {
            south: south - MARGIN,
            north: south + side + MARGIN,
            west: west - MARGIN,
            east: west + side + MARGIN,
        }
    }
}

pub(super) fn pole_rows(extent: Extent, level: Level) -> [Option<i64>; 2] {
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

impl State {
    fn how(self) -> How {
        if self == Self::Inside { How::Fills } else { How::Touches }
    }
}

fn cover_part(part: &Part, named: Option<&Ring>, level: Level, squares: &mut Vec<Covered>) {
    let extent = part.shell.extent;
    let window = Window::of(extent, level);
    let size = usize::try_from(window.columns * window.rows).unwrap_or_default();
    let mut raster = Raster {
        window,
        states: vec![State::Unknown; size],
        marks: Vec::new(),
    };
    if let Some(ring) = named {
        // Edges by the positions they end in.
        for ((a, b), end) in ring.edges().zip((1..ring.coords.len()).chain([0])) {
            raster.draw(a, b, u16::try_from(end).ok());
        }
    } else {
        for (a, b) in part.rings().flat_map(Ring::edges) {
            raster.draw(a, b, None);
        }
    }
    raster.fill(part);
    if let Some(ring) = named {
        return raster.name_edges(ring, squares);
    }
    let poles = pole_rows(extent, level);
    for (place, state) in window.places().zip(&raster.states) {
        let at_pole = poles.contains(&Some(place.1));
        if !at_pole && matches!(state, State::Edge | State::Inside) {
            squares.push(Covered {
                square: Square::wrapped(level, place.0, place.1),
                how: state.how(),
            });
        }
    }
    // All longitudes are one place at a pole.
    for row in poles.into_iter().flatten() {
        squares.extend((0..level.columns()).map(|column| Covered {
            square: Square::wrapped(level, column, row),
            how: How::Touches,
        }));
    }
}

/// A window in which the edges of a part are drawn.
struct Raster {
    window: Window,
    states: Vec<State>,
    /// Which edges, by number, are in which squares, by their place in the window.
    marks: Vec<(u32, u16)>,
}

impl Raster {
    fn index(&self, column: i64, row: i64) -> Option<usize> {
        usize::try_from(row * self.window.columns + column).ok()
    }

    fn state(&mut self, column: i64, row: i64) -> Option<&mut State> {
        let index = self.index(column, row)?;
        self.states.get_mut(index)
    }

    /// Marks every square an edge touches, row by row; the edge is cut a margin outside each row.
    fn draw(&mut self, a: Coord<f64>, b: Coord<f64>, number: Option<u16>) {
        let (low, high) = if a.y <= b.y { (a, b) } else { (b, a) };
        let Window { level, rows, .. } = self.window;
        for row in level.row(low.y - MARGIN)..=level.row(high.y + MARGIN) {
            let inner = row - self.window.row;
            if !(0..rows).contains(&inner) {
                continue;
            }
            let south = level.south(row);
            let Some((west, east)) = within((low, high), (south, south + level.degrees())) else {
                continue;
            };
            let west = level.column(west - MARGIN);
            let east = level.column(east + MARGIN).min(west + level.columns() - 1);
            for column in west..=east {
                let inner_column = (column - self.window.column).rem_euclid(level.columns());
                if inner_column < self.window.columns
                    && let Some(state) = self.state(inner_column, inner)
                {
                    *state = State::Edge;
                    let index = self
                        .index(inner_column, inner)
                        .and_then(|index| u32::try_from(index).ok());
                    self.marks.extend(index.zip(number));
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

    /// The squares of a single ring: those inside it, and those that its edges cross, with their runs.
    fn name_edges(mut self, ring: &Ring, squares: &mut Vec<Covered>) {
        self.marks.sort_unstable();
        let coords = ring.coords.read();
        let mut marks = self.marks.as_slice();
        for (index, ((column, row), state)) in self.window.places().zip(&self.states).enumerate() {
            let mut push = |how: How| {
                let square = Square::wrapped(self.window.level, column, row);
                squares.push(Covered { square, how });
            };
            if *state == State::Inside {
                push(How::Fills);
            }
            let here = marks.iter().take_while(|(place, _)| *place as usize == index).count();
            let (edges, rest) = marks.split_at(here);
            marks = rest;
            if edges.is_empty() {
                continue;
            }
            let edges: Vec<u16> = edges.iter().map(|(_, edge)| *edge).collect();
            let middle = self.window.middle(column, row);
            let inside = ring.side(middle.lat, middle.lng) == Side::Inside;
            let at = Coord {
                x: middle.lng,
                y: middle.lat,
            };
            match runs_of(coords, &edges, at, inside) {
                Some(runs) => {
                    let corner = Coord {
                        x: self.window.level.west(column),
                        y: self.window.level.south(row),
                    };
                    let patches = Patches::of(coords, &edges, &runs, corner);
                    for run in runs {
                        push(How::Crosses(patches, run));
                    }
                }
                None => push(How::Touches),
            }
        }
    }

    fn ask(&self, part: &Part, column: i64, row: i64) -> State {
        let middle = self.window.middle(self.window.column + column, self.window.row + row);
        if part.contains(middle) {
            State::Inside
        } else {
            State::Outside
        }
    }
}
