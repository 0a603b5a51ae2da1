//! The fences nearest to a place: squares of the grid in the order of how near they can be, and in them the fences.

use super::geodesy::{Position, RADIUS_MIN_M, wrap_lng};
use super::grid::{Address, Level};
use super::index::{FenceIndex, Shaped};
use super::shape::Bounds;
use super::tile::Known;
use foldhash::fast::FixedState;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};
use std::hash::Hash;

/// A square that has fences, and how many metres away it is at least.
struct Step {
    floor_m: f64,
    level: Level,
    at: Address,
}

impl Step {
    fn of(p: Position, level: Level, at: Address) -> Self {
        Self {
            floor_m: floor_m(p, &at.bounds(level)),
            level,
            at,
        }
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Step {}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    /// The nearest is the greatest, as a heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        other.floor_m.total_cmp(&self.floor_m).then(other.at.cmp(&self.at))
    }
}

/// The best found so far, largest distance first, of equals the smaller key.
struct Found<K> {
    p: Position,
    count: usize,
    best: Vec<(f64, K)>,
    seen: HashSet<K, FixedState>,
}

impl<K: Copy + Eq + Hash + Ord> Found<K> {
    /// Whether nothing that is at least this far away can come in any more. A floor of nothing (a millimetre, for rounding at the
    /// poles) says nothing about how deep inside the place may lie.
    fn excludes(&self, floor_m: f64) -> bool {
        let full = self.best.len() == self.count && self.best.last().is_none_or(|(distance, _)| -floor_m < *distance);
        full && floor_m > 1e-3
    }

    fn offer<S: Shaped>(&mut self, known: &Known<K, S>) {
        if !self.seen.insert(known.key) {
            return;
        }
        let floors = known
            .shape
            .shape()
            .bounds()
            .into_iter()
            .map(|bounds| floor_m(self.p, &bounds));
        if self.excludes(floors.fold(f64::INFINITY, f64::min)) {
            return;
        }
        let (distance, key) = (known.shape.shape().signed_distance_m(self.p), known.key);
        let place = self.best.partition_point(|(other, other_key)| {
            other.total_cmp(&distance).reverse().then(other_key.cmp(&key)).is_lt()
        });
        self.best.insert(place, (distance, key));
        self.best.truncate(self.count);
    }
}

/// What [`FenceIndex::near`] answers.
pub(super) fn near<K: Copy + Eq + Hash + Ord, S: Shaped>(
    index: &FenceIndex<K, S>,
    p: Position,
    count: usize,
) -> Vec<(K, f64)> {
    let mut found = Found {
        p,
        count,
        best: Vec::new(),
        seen: HashSet::default(),
    };
    let address = |shard: usize, tile: usize, cell: usize| Address { shard, tile, cell };
    let filled = index.shards.iter().enumerate().filter(|(_, shard)| shard.is_some());
    let mut steps: BinaryHeap<Step> = filled
        .map(|(shard, _)| Step::of(p, Level::Shard, address(shard, 0, 0)))
        .collect();
    while let Some(Step { floor_m, level, at }) = steps.pop() {
        if found.excludes(floor_m) {
            break;
        }
        let Some(Some(shard)) = index.shards.get(at.shard) else {
            continue;
        };
        let tile = shard.tile(at.tile);
        match (level, tile) {
            (Level::Shard, _) => {
                shard.large.iter().for_each(|large| found.offer(&large.known));
                steps.extend(
                    shard
                        .tiles()
                        .map(|(tile, _)| Step::of(p, Level::Tile, address(at.shard, tile, 0))),
                );
            }
            (Level::Tile, Some(tile)) => {
                tile.each(None, |known| found.offer(known));
                steps.extend(
                    tile.cells()
                        .map(|cell| Step::of(p, Level::Cell, Address { cell, ..at })),
                );
            }
            (Level::Cell, Some(tile)) => tile.each(Some(at.cell), |known| found.offer(known)),
            (Level::Tile | Level::Cell, None) => {}
        }
    }
    found.best.into_iter().map(|(distance, key)| (key, distance)).collect()
}

/// Metres that a place is at least away from everything in a box: by latitude, or by the nearer of its meridians, on a sphere no
/// larger than the ellipsoid.
pub(super) fn floor_m(p: Position, bounds: &Bounds) -> f64 {
    let lat = (bounds.south - p.lat).max(p.lat - bounds.north).max(0.0);
    let (west, east) = (wrap_lng(p.lng - bounds.west), wrap_lng(p.lng - bounds.east));
    let within = (bounds.west..=bounds.east).contains(&p.lng) || (west >= 0.0 && east <= 0.0 && west - east < 180.0);
    let lng = if within { 0.0 } else { west.abs().min(east.abs()) };
    let meridian = if lng < 90.0 {
        (p.lat.to_radians().cos() * lng.to_radians().sin())
            .clamp(0.0, 1.0)
            .asin()
    } else {
        // Beyond a quarter of the globe the nearest point of a meridian is a pole.
        (90.0 - p.lat.abs()).to_radians()
    };
    lat.to_radians().max(meridian) * RADIUS_MIN_M * 0.999
}
