//! Which fences hold a place, and which are nearest to it, out of many.

use super::geodesy::{Position, RADIUS_MIN_M, wrap_lng};
use super::shape::{Bounds, Shape};
use rstar::{AABB, RTree, RTreeObject};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// One box of a shape in the tree.
#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    bounds: Bounds,
    shape: Arc<Shape>,
}

impl<K: PartialEq> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.bounds == other.bounds
    }
}

impl<K> RTreeObject for Entry<K> {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(
            [self.bounds.west, self.bounds.south],
            [self.bounds.east, self.bounds.north],
        )
    }
}

/// Shapes under keys, found by place.
#[derive(Clone, Debug)]
pub struct FenceIndex<K> {
    tree: RTree<Entry<K>>,
    shapes: HashMap<K, Arc<Shape>>,
}

impl<K: Copy + Eq + Hash + Ord> Default for FenceIndex<K> {
    fn default() -> Self {
        Self::build(Vec::new())
    }
}

impl<K: Copy + Eq + Hash + Ord> FenceIndex<K> {
    /// An index over the shapes given; of two under one key the later one counts.
    pub fn build(shapes: Vec<(K, Arc<Shape>)>) -> Self {
        let shapes: HashMap<K, Arc<Shape>> = shapes.into_iter().collect();
        let entries = shapes.iter().flat_map(|(key, shape)| entries_of(*key, shape)).collect();
        Self {
            tree: RTree::bulk_load(entries),
            shapes,
        }
    }

    /// Adds a shape, or puts it in place of the one under the same key, which it answers.
    pub fn insert(&mut self, key: K, shape: Arc<Shape>) -> Option<Arc<Shape>> {
        let before = self.remove(key);
        for entry in entries_of(key, &shape) {
            self.tree.insert(entry);
        }
        self.shapes.insert(key, shape);
        before
    }

    /// Takes a shape out and answers it.
    pub fn remove(&mut self, key: K) -> Option<Arc<Shape>> {
        let shape = self.shapes.remove(&key)?;
        for entry in entries_of(key, &shape) {
            self.tree.remove(&entry);
        }
        Some(shape)
    }

    /// The shape under a key.
    pub fn get(&self, key: K) -> Option<&Arc<Shape>> {
        self.shapes.get(&key)
    }

    /// How many shapes there are.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// The keys of all shapes that hold the place, in order, each once.
    pub fn locate(&self, p: Position) -> Vec<K> {
        let mut keys: Vec<K> = Vec::new();
        let mut ask = |low: [f64; 2], high: [f64; 2]| {
            let hits = self.tree.locate_in_envelope_intersecting(AABB::from_corners(low, high));
            keys.extend(hits.filter(|entry| entry.shape.contains(p)).map(|entry| entry.key));
        };
        if p.lat.abs() == 90.0 {
            // A pole has every longitude.
            ask([-180.0, p.lat], [180.0, p.lat]);
        } else {
            ask([p.lng, p.lat], [p.lng, p.lat]);
            if p.lng.abs() == 180.0 {
                ask([-p.lng, p.lat], [-p.lng, p.lat]);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The `count` shapes with the largest signed distance in metres (inside ones first, then by nearest edge), each with that
    /// distance. Boxes are compared first, so that only few edges are measured; the boxes of all shapes are looked at.
    pub fn near(&self, p: Position, count: usize) -> Vec<(K, f64)> {
        let mut floors: Vec<(f64, K, &Shape)> = self
            .tree
            .iter()
            .map(|entry| (floor_m(p, &entry.bounds), entry.key, entry.shape.as_ref()))
            .collect();
        floors.sort_unstable_by(|one, two| one.0.total_cmp(&two.0).then(one.1.cmp(&two.1)));
        let mut found: Vec<(f64, K)> = Vec::with_capacity(count.min(floors.len()) + 1);
        let mut seen = HashSet::new();
        for (floor, key, shape) in floors {
            let full = found.len() == count && found.last().is_none_or(|(distance, _)| -floor < *distance);
            // A floor of zero says nothing about how deep inside the place may lie.
            if full && floor > 0.0 {
                break;
            }
            // A shape in several boxes comes up once for each.
            if !seen.insert(key) {
                continue;
            }
            let distance = shape.signed_distance_m(p);
            let place = found.partition_point(|(other, other_key)| {
                other.total_cmp(&distance).reverse().then(other_key.cmp(&key)).is_lt()
            });
            found.insert(place, (distance, key));
            found.truncate(count);
        }
        found.into_iter().map(|(distance, key)| (key, distance)).collect()
    }
}

fn entries_of<K: Copy>(key: K, shape: &Arc<Shape>) -> Vec<Entry<K>> {
    shape
        .bounds()
        .into_iter()
        .map(|bounds| Entry {
            key,
            bounds,
            shape: Arc::clone(shape),
        })
        .collect()
}

/// Metres that a place is at least away from everything in a box: by latitude, or by the nearer of its meridians, on a sphere no
/// larger than the ellipsoid.
fn floor_m(p: Position, bounds: &Bounds) -> f64 {
    let lat = (bounds.south - p.lat).max(p.lat - bounds.north).max(0.0);
    let lng = if (bounds.west..=bounds.east).contains(&p.lng) {
        0.0
    } else {
        wrap_lng(p.lng - bounds.west)
            .abs()
            .min(wrap_lng(p.lng - bounds.east).abs())
    };
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

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
