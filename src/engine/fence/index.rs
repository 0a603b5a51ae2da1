//! Which fences hold a place, out of many: an immutable grid whose parts are shared between its versions.

use super::cover::{cover, level_of, shards_of};
use super::geodesy::Position;
use super::grid::{Address, Level, SHARDS, Square};
use super::shape::Shape;
use super::shard::{Large, Shard};
use super::shared::SharedMap;
use super::tile::{Draft, Known};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Shapes under keys, found by place.
///
/// A copy shares all parts with its original, and a change copies only the tiles that the shape touches, so that a snapshot can be
/// read for as long as somebody likes while the next one is made.
#[derive(Clone, Debug)]
pub struct FenceIndex<K> {
    /// By their numbers; none before the first shape comes.
    pub(super) shards: Box<[Option<Arc<Shard<K>>>]>,
    shapes: SharedMap<K, Arc<Shape>>,
}

/// A shape that comes, changes or goes.
struct Edit<K> {
    key: K,
    before: Option<Arc<Shape>>,
    after: Option<Arc<Shape>>,
}

impl<K: Copy + Eq + Hash + Ord> Default for FenceIndex<K> {
    fn default() -> Self {
        Self {
            shards: Box::default(),
            shapes: SharedMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash + Ord> FenceIndex<K> {
    /// An index over the shapes given; of two under one key the later one counts.
    pub fn build(shapes: Vec<(K, Arc<Shape>)>) -> Self {
        let mut index = Self::default();
        index.apply(shapes.into_iter().map(|(key, shape)| (key, Some(shape))));
        index
    }

    /// Adds a shape, or puts it in place of the one under the same key, which it answers.
    pub fn insert(&mut self, key: K, shape: Arc<Shape>) -> Option<Arc<Shape>> {
        let before = self.get(key).cloned();
        self.apply([(key, Some(shape))]);
        before
    }

    /// Takes a shape out and answers it.
    pub fn remove(&mut self, key: K) -> Option<Arc<Shape>> {
        let before = self.get(key).cloned();
        self.apply([(key, None)]);
        before
    }

    /// Makes many changes at once, None taking a shape out; of two under one key the later one counts. Each tile they touch is
    /// written once.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = (K, Option<Arc<Shape>>)>) {
        let changes: HashMap<K, Option<Arc<Shape>>, FixedState> = changes.into_iter().collect();
        let mut edits: Vec<Edit<K>> = Vec::with_capacity(changes.len());
        for (key, after) in changes {
            let before = match &after {
                Some(shape) => self.shapes.insert(key, Arc::clone(shape)),
                None => self.shapes.remove(&key),
            };
            edits.push(Edit { key, before, after });
        }
        let mut touched: Vec<(usize, usize)> = Vec::with_capacity(edits.len());
        for (number, edit) in edits.iter().enumerate() {
            let shapes = [&edit.before, &edit.after];
            for shape in shapes.into_iter().flatten() {
                match level_of(shape) {
                    Level::Shard => {}
                    Level::Cell | Level::Tile => {
                        touched.extend(shards_of(shape).into_iter().map(|shard| (shard, number)));
                    }
                }
            }
            self.apply_large(edit);
        }
        touched.sort_unstable();
        touched.dedup();
        for one_shard in touched.chunk_by(|one, two| one.0 == two.0) {
            let number = one_shard.first().map_or(0, |(shard, _)| *shard);
            self.apply_in(number, one_shard.iter().filter_map(|(_, number)| edits.get(*number)));
        }
    }

    /// What an edit does to the fences kept in shards as a whole.
    fn apply_large(&mut self, edit: &Edit<K>) {
        let is_large = |shape: &&Arc<Shape>| level_of(shape) == Level::Shard;
        if let Some(shape) = edit.before.as_ref().filter(is_large) {
            for covered in cover(shape).squares {
                let number = covered.square.address(Level::Shard).shard;
                self.edit_shard(number, |shard| shard.large.retain(|large| large.known.key != edit.key));
            }
        }
        if let Some(shape) = edit.after.as_ref().filter(is_large) {
            for covered in cover(shape).squares {
                let known = Known {
                    key: edit.key,
                    shape: Arc::clone(shape),
                };
                let large = Large {
                    known,
                    full: covered.full,
                };
                self.edit_shard(covered.square.address(Level::Shard).shard, |shard| {
                    shard.large.push(large);
                });
            }
        }
    }

    /// What edits do to the tiles of one shard.
    fn apply_in<'a>(&mut self, number: usize, edits: impl Iterator<Item = &'a Edit<K>>)
    where
        K: 'a,
    {
        let mut drafts: HashMap<usize, Draft<K>, FixedState> = HashMap::default();
        let shard = self.shards.get(number).cloned().flatten();
        let open = |tile: usize| {
            let known = shard.as_ref().and_then(|shard| shard.tile(tile));
            known.map_or_else(Draft::new, |tile| Draft::of(tile))
        };
        for edit in edits {
            for (tile, _) in edit.before.iter().flat_map(|shape| tiles_of(shape, number)) {
                drafts.entry(tile).or_insert_with(|| open(tile)).remove(edit.key);
            }
            for (tile, cells) in edit.after.iter().flat_map(|shape| tiles_of(shape, number)) {
                let draft = drafts.entry(tile).or_insert_with(|| open(tile));
                if let Some(shape) = &edit.after {
                    draft.add(edit.key, shape, cells.into_iter());
                }
            }
        }
        drop(shard);
        let finish = |(tile, draft): (usize, Draft<K>)| {
            let at = Address {
                shard: number,
                tile,
                cell: 0,
            };
            (tile, (!draft.is_empty()).then(|| draft.finish(at.tile_middle())))
        };
        let news = drafts.into_iter().map(finish).collect();
        self.edit_shard(number, |shard| shard.put(news));
    }

    fn edit_shard(&mut self, number: usize, edit: impl FnOnce(&mut Shard<K>)) {
        if self.shards.is_empty() {
            self.shards = vec![None; SHARDS].into();
        }
        if let Some(place) = self.shards.get_mut(number) {
            let shard = Arc::make_mut(place.get_or_insert_default());
            edit(shard);
            if shard.is_empty() {
                *place = None;
            }
        }
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
        let mut keys = Vec::new();
        self.locate_into(p, &mut keys);
        keys
    }

    /// [`FenceIndex::locate`] into a list that is emptied first; it takes memory only when the list has too little.
    pub fn locate_into(&self, p: Position, keys: &mut Vec<K>) {
        keys.clear();
        let at = Square::of(p).address(Level::Cell);
        if let Some(Some(shard)) = self.shards.get(at.shard) {
            shard.locate(at, p, &mut |known| keys.push(known.key));
        }
        // A shape is kept on one level only, and once in each square.
        keys.sort_unstable();
    }

    /// The `count` shapes with the largest signed distance in metres (inside ones first, then by nearest edge, of equals the one with
    /// the smaller key), each with that distance. Squares are looked at in the order of how near they can be, until nothing in the
    /// next one can come in among the found.
    pub fn near(&self, p: Position, count: usize) -> Vec<(K, f64)> {
        super::near::near(self, p, count)
    }
}

/// The cells of a tile that a shape touches, each with whether it fills it; no cell is the tile as a whole.
type Cells = Vec<(Option<usize>, bool)>;

/// The tiles of one shard that a shape kept in cells or tiles touches.
fn tiles_of(shape: &Shape, shard: usize) -> Vec<(usize, Cells)> {
    if level_of(shape) == Level::Shard {
        return Vec::new();
    }
    let cover = cover(shape);
    let whole = cover.level == Level::Tile;
    let squares = cover
        .squares
        .iter()
        .map(|covered| (covered.square.address(cover.level), covered.full));
    let mut posts: Vec<(usize, usize, bool)> = squares
        .filter(|(at, _)| at.shard == shard)
        .map(|(at, full)| (at.tile, at.cell, full))
        .collect();
    posts.sort_unstable();
    let tiles = posts.chunk_by(|one, two| one.0 == two.0);
    tiles
        .map(|posts| {
            let tile = posts.first().map_or(0, |(tile, ..)| *tile);
            let cells = posts.iter().map(|(_, cell, full)| ((!whole).then_some(*cell), *full));
            (tile, cells.collect())
        })
        .collect()
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
