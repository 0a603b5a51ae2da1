//! Which fences hold a place, out of many: an immutable grid whose parts are shared between its versions.

use super::cover::{How, cover, level_of, shards_of};
use super::draft::{Draft, Touch};
use super::geodesy::Position;
use super::grid::{Address, Level, SHARDS, Square};
use super::ring::Extent;
use super::room::filled_by;
use super::shape::Shape;
use super::shard::{Large, Shard};
use super::sieve::Sieve;
use super::tile::{Known, Tile};
use crate::base::cores::shared_out;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Shapes under keys, found by place; `S` is what has them.
///
/// A copy shares all parts with its original, and a change copies only the tiles that the shape touches, so that a snapshot can be
/// read for as long as somebody likes while the next one is made. Who changes a shape says what it was: the shapes by their keys
/// are with whoever owns them, and a second map of a million of them weighs 50 MB.
#[derive(Clone, Debug)]
pub struct FenceIndex<K, S = Arc<Shape>> {
    /// By their numbers; none before the first shape comes.
    pub(super) shards: Box<[Place<K, S>]>,
    pub(super) sieve: Sieve,
    /// The shards that have fences in larger squares than cells, by bits; there the sieve says nothing.
    coarse: [u64; SHARDS / 64],
}

/// A shard where something is.
type Place<K, S> = Option<Arc<Shard<K, S>>>;

/// Tiles of a shard by their numbers, as they are now; none where nothing is left.
type News<K, S> = Vec<(usize, Option<Tile<K, S>>)>;

/// A shape that comes (nothing before), changes or goes (nothing after).
#[derive(Clone, Debug)]
pub struct Change<K, S = Arc<Shape>> {
    pub key: K,
    /// The shape the index has under the key.
    pub before: Option<S>,
    pub after: Option<S>,
}

/// What an index holds: something that has a shape, which never changes, and that is quickly copied.
pub trait Shaped: Clone + Send + Sync {
    fn shape(&self) -> &Shape;
}

impl Shaped for Arc<Shape> {
    fn shape(&self) -> &Shape {
        self
    }
}

impl<K, S> Default for FenceIndex<K, S> {
    fn default() -> Self {
        Self {
            shards: Box::default(),
            sieve: Sieve::default(),
            coarse: [0; SHARDS / 64],
        }
    }
}

impl<K: Copy + Eq + Hash + Ord + Send + Sync, S: Shaped> FenceIndex<K, S> {
    /// An index over the shapes given; of two under one key the later one counts.
    pub fn build(shapes: Vec<(K, S)>) -> Self {
        let last: HashMap<K, usize, FixedState> =
            shapes.iter().zip(0..).map(|((key, _), place)| (*key, place)).collect();
        // In the order given, which is that of the shapes in memory.
        let shapes = shapes.into_iter().enumerate();
        let counts = shapes.filter(|(place, (key, _))| last.get(key) == Some(place));
        let come = |(_, (key, shape))| Change {
            key,
            before: None,
            after: Some(shape),
        };
        let mut index = Self::default();
        index.apply(&counts.map(come).collect::<Vec<_>>());
        index
    }

    /// Makes many changes at once, at most one of each key. Each tile they touch is written once.
    pub fn apply(&mut self, changes: &[Change<K, S>]) {
        let mut touched: Vec<(usize, usize)> = Vec::with_capacity(changes.len());
        for (number, change) in changes.iter().enumerate() {
            let shapes = [&change.before, &change.after];
            for shape in shapes.into_iter().flatten() {
                match level_of(shape.shape()) {
                    Level::Shard => {}
                    Level::Cell | Level::Tile => touched.extend(shards_of(shape.shape()).map(|shard| (shard, number))),
                }
            }
            self.apply_large(change);
        }
        touched.sort_unstable();
        touched.dedup();
        let by_shard: Vec<&[(usize, usize)]> = touched.chunk_by(|one, two| one.0 == two.0).collect();
        let write = |one_shard: &[(usize, usize)]| {
            let number = one_shard.first().map_or(0, |(shard, _)| *shard);
            let changes = one_shard.iter().filter_map(|(_, number)| changes.get(*number));
            (number, self.tiles_after(number, changes))
        };
        let written = shared_out(&by_shard, |one_shard| write(one_shard));
        let cells = written.iter().flat_map(|(shard, news)| {
            let tiles = news.iter().filter_map(|(tile, news)| Some((*tile, news.as_ref()?)));
            tiles.flat_map(|(tile, news)| cells_of(*shard, tile, news))
        });
        self.sieve.mark(cells);
        for (number, news) in written {
            self.edit_shard(number, |shard| shard.put(news));
        }
        if self.sieve.is_full() {
            self.sift_anew();
        }
    }

    /// Makes a sieve of the size that the cells of now need.
    fn sift_anew(&mut self) {
        let mut sieve = Sieve::for_cells(self.cells().count());
        sieve.mark(self.cells());
        self.sieve = sieve;
    }

    /// All cells that have fences.
    fn cells(&self) -> impl Iterator<Item = Square> {
        let shards = self.shards.iter().zip(0..);
        let tiles = shards.filter_map(|(shard, number)| Some((number, shard.as_ref()?)));
        tiles.flat_map(|(number, shard)| {
            shard
                .tiles()
                .flat_map(move |(tile, known)| cells_of(number, tile, known))
        })
    }

    /// What an edit does to the fences kept in shards as a whole.
    fn apply_large(&mut self, edit: &Change<K, S>) {
        let is_large = |shape: &&S| level_of(shape.shape()) == Level::Shard;
        if let Some(shape) = edit.before.as_ref().filter(is_large) {
            for covered in cover(shape.shape()).squares {
                let number = covered.square.address(Level::Shard).shard;
                self.edit_shard(number, |shard| shard.large.retain(|large| large.known.key != edit.key));
            }
        }
        if let Some(shape) = edit.after.as_ref().filter(is_large) {
            for covered in cover(shape.shape()).squares {
                let known = Known {
                    key: edit.key,
                    shape: shape.clone(),
                };
                let large = Large {
                    known,
                    full: covered.how == How::Fills,
                };
                self.edit_shard(covered.square.address(Level::Shard).shard, |shard| {
                    shard.large.push(large);
                });
            }
        }
    }

    /// The tiles of one shard as edits leave them, those that they touch.
    fn tiles_after<'a>(&self, number: usize, edits: impl Iterator<Item = &'a Change<K, S>>) -> News<K, S>
    where
        K: 'a,
        S: 'a,
    {
        let mut drafts: HashMap<usize, Draft<K, S>, FixedState> = HashMap::default();
        let shard = self.shards.get(number).and_then(Option::as_ref);
        let open = |tile: usize| {
            let known = shard.and_then(|shard| shard.tile(tile));
            known.map_or_else(Draft::new, |tile| Draft::of(tile))
        };
        for edit in edits {
            if let Some(shape) = &edit.before {
                let mut tiles: Vec<usize> = touches_of(shape.shape(), number).map(|(tile, _)| tile).collect();
                tiles.dedup();
                for tile in tiles {
                    drafts.entry(tile).or_insert_with(|| open(tile)).remove(edit.key);
                }
            }
            if let Some(shape) = &edit.after {
                for (tile, touch) in touches_of(shape.shape(), number) {
                    let draft = drafts.entry(tile).or_insert_with(|| open(tile));
                    draft.add(edit.key, shape, touch);
                }
            }
        }
        let finish = |(tile, draft): (usize, Draft<K, S>)| {
            let at = Address {
                shard: number,
                tile,
                cell: 0,
            };
            (tile, (!draft.is_empty()).then(|| draft.finish(at.tile_middle())))
        };
        drafts.into_iter().map(finish).collect()
    }

    fn edit_shard(&mut self, number: usize, edit: impl FnOnce(&mut Shard<K, S>)) {
        if self.shards.is_empty() {
            self.shards = vec![None; SHARDS].into();
        }
        if let Some(place) = self.shards.get_mut(number) {
            let shard = Arc::make_mut(place.get_or_insert_default());
            edit(shard);
            if let Some(word) = self.coarse.get_mut(number >> 6) {
                let bit = 1 << (number & 63);
                *word = if shard.is_coarse() { *word | bit } else { *word & !bit };
            }
            if shard.is_empty() {
                *place = None;
            }
        }
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
        self.each_at(p, &mut |known| keys.push(known.key));
        keys.sort_unstable();
    }

    /// What holds the place, in the order of the keys, each once, and whether it certainly holds everything within so many metres.
    pub fn at(&self, p: Position, metres: f64) -> Vec<(&S, bool)> {
        let mut all: Vec<&Known<K, S>> = Vec::new();
        self.each_at(p, &mut |known| all.push(known));
        if all.is_empty() {
            return Vec::new();
        }
        all.sort_unstable_by_key(|known| known.key);
        let near = Extent::around(p, metres);
        let filled = near.map_or(0, |near| filled_by(self, &near, &all));
        let places = all.into_iter().zip(0_u32..);
        places
            .map(|(known, place)| (&known.shape, filled.checked_shr(place).unwrap_or_default() & 1 == 1))
            .collect()
    }

    /// A shape is kept on one level only, and once in each square.
    fn each_at<'a>(&'a self, p: Position, found: &mut impl FnMut(&'a Known<K, S>)) {
        let cell = Square::of(p);
        let at = cell.address(Level::Cell);
        let is_coarse = |word: &u64| word >> (at.shard & 63) & 1 == 1;
        if !self.sieve.passes(cell) && !self.coarse.get(at.shard >> 6).is_some_and(is_coarse) {
            return;
        }
        if let Some(Some(shard)) = self.shards.get(at.shard) {
            shard.locate(at, p, found);
        }
    }

    /// The `count` shapes with the largest signed distance in metres (inside ones first, then by nearest edge, of equals the one with
    /// the smaller key), each with that distance. Squares are looked at in the order of how near they can be, until nothing in the
    /// next one can come in among the found.
    pub fn near(&self, p: Position, count: usize) -> Vec<(K, f64)> {
        super::near::near(self, p, count)
    }
}

/// The cells of a tile that have fences.
fn cells_of<K: Copy, S: Shaped>(shard: usize, tile: usize, known: &Tile<K, S>) -> impl Iterator<Item = Square> {
    known
        .cells()
        .map(move |cell| Address { shard, tile, cell }.cell_square())
}

/// What a shape kept in cells or tiles touches in one shard: tiles, and cells in them.
fn touches_of(shape: &Shape, shard: usize) -> impl Iterator<Item = (usize, Touch)> {
    let cover = (level_of(shape) != Level::Shard).then(|| cover(shape));
    cover.into_iter().flat_map(move |cover| {
        let whole = cover.level == Level::Tile;
        let touches = cover
            .squares
            .into_iter()
            .map(move |covered| (covered.square.address(cover.level), covered.how));
        touches
            .filter(move |(at, _)| at.shard == shard)
            .map(move |(at, how)| (at.tile, ((!whole).then_some(at.cell), how)))
    })
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
