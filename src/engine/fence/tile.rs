//! One tile of the index: its fences, and for each of its 256 cells which of them touch it and which fill it.

use super::geodesy::{Position, scale_m_per_degree, wrap_lng};
use super::grid::CELLS;
use super::shape::{Circle, Shape};
use std::sync::Arc;

/// A fence as a tile knows it.
#[derive(Clone, Debug)]
pub(super) struct Known<K> {
    pub(super) key: K,
    pub(super) shape: Arc<Shape>,
}

/// A circle in the tile's own flat coordinates, as multiples of its radius: enough to tell for nearly all places.
///
/// At one latitude a degree is a number of metres. Taken from the centre's latitude instead of the one half-way, the distance is
/// off by `tan(lat) / 2` of the difference in latitude, as a share of itself, and by a few millimetres for the rounding to `f32`.
/// [`Round::of`] admits only circles for which both together stay below a thousandth wherever they are asked, that is within
/// the radius and one cell; [`BAND`] is twice that in the square, doubled.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// The centre, in degrees from the middle of the tile.
    lng: f32,
    lat: f32,
    /// Radii per degree.
    per_lng: f32,
    per_lat: f32,
    slot: u32,
}

/// How near to 1 the square of the distance, in radii, must be for the exact distance to be asked.
const BAND: f32 = 4e-3;
/// Circles smaller than this feel the rounding.
const ROUND_M_MIN: f64 = 15.0;
/// Beyond 10 km, distances are no longer measured flat.
const ROUND_M_MAX: f64 = 8_000.0;
/// The diagonal of a cell in metres, and some more.
const CELL_M: f64 = 900.0;
/// The largest error, as a share, that a difference in latitude may make.
const SKEW_MAX: f64 = 5e-4;

impl Round {
    fn suits(shape: &Shape) -> bool {
        let Shape::Circle(circle) = shape else { return false };
        let reach_m = circle.radius_m() + CELL_M;
        let lat = circle.center().lat.abs();
        lat < 79.0
            && (ROUND_M_MIN..=ROUND_M_MAX).contains(&circle.radius_m())
            && (lat + 0.2).to_radians().tan() * reach_m / (2.0 * 6_335_000.0) < SKEW_MAX
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rounding is part of the band")]
    fn of(circle: &Circle, slot: u32, middle: Position) -> Self {
        let (center, radius_m) = (circle.center(), circle.radius_m());
        let (lat_m, lng_m) = scale_m_per_degree(center.lat);
        Self {
            lng: wrap_lng(center.lng - middle.lng) as f32,
            lat: (center.lat - middle.lat) as f32,
            per_lng: (lng_m / radius_m) as f32,
            per_lat: (lat_m / radius_m) as f32,
            slot,
        }
    }
}

/// Where the fences of a cell begin in the lists of the tile; they end where those of the next begin.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    full: u32,
    partial: u32,
    round: u32,
}

/// The fences of one tile.
#[derive(Clone, Debug)]
pub(super) struct Tile<K> {
    middle: Position,
    /// The cells that have fences, by bits, and how many of them come before each word.
    filled: [u64; 4],
    before: [u16; 4],
    /// The tile as a whole, then each filled cell, then an end.
    spans: Box<[Span]>,
    /// For each span the slots of fences that fill it, then of those that only touch it.
    slots: Box<[u32]>,
    rounds: Box<[Round]>,
    fences: Box<[Known<K>]>,
}

impl<K: Copy> Tile<K> {
    /// Calls `found` for every fence that holds a place in a cell of this tile.
    #[inline]
    pub(super) fn locate(&self, cell: usize, p: Position, found: &mut impl FnMut(&Known<K>)) {
        self.ask(0, p, found);
        if let Some(span) = self.span_of(cell) {
            self.ask(span, p, found);
        }
    }

    fn span_of(&self, cell: usize) -> Option<usize> {
        let (word, bit) = (cell >> 6, cell & 63);
        let filled = self.filled.get(word).filter(|filled| *filled >> bit & 1 == 1)?;
        let before = usize::from(*self.before.get(word)?);
        Some(1 + before + (filled & ((1 << bit) - 1)).count_ones() as usize)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is part of the band")]
    fn ask(&self, span: usize, p: Position, found: &mut impl FnMut(&Known<K>)) {
        let Some([from, to]) = self.spans.get(span..span + 2) else {
            return;
        };
        let known = |slot: u32| self.fences.get(slot as usize);
        let slots = |from: u32, to: u32| self.slots.get(from as usize..to as usize).unwrap_or_default();
        for known in slots(from.full, from.partial).iter().filter_map(|slot| known(*slot)) {
            found(known);
        }
        for known in slots(from.partial, to.full).iter().filter_map(|slot| known(*slot)) {
            if known.shape.contains(p) {
                found(known);
            }
        }
        let (lng, lat) = (
            wrap_lng(p.lng - self.middle.lng) as f32,
            (p.lat - self.middle.lat) as f32,
        );
        for round in self
            .rounds
            .get(from.round as usize..to.round as usize)
            .unwrap_or_default()
        {
            let (x, y) = ((lng - round.lng) * round.per_lng, (lat - round.lat) * round.per_lat);
            let square = x * x + y * y;
            if square < 1.0 + BAND
                && let Some(known) = known(round.slot)
                && (square < 1.0 - BAND || known.shape.contains(p))
            {
                found(known);
            }
        }
    }

    /// Calls `found` for every fence that touches a cell, or the tile as a whole when that is asked for.
    pub(super) fn each(&self, cell: Option<usize>, mut found: impl FnMut(&Known<K>)) {
        let span = cell.map_or(Some(0), |cell| self.span_of(cell));
        let Some(span) = span else { return };
        let Some([from, to]) = self.spans.get(span..span + 2) else {
            return;
        };
        let slots = self.slots.get(from.full as usize..to.full as usize).unwrap_or_default();
        let rounds = self
            .rounds
            .get(from.round as usize..to.round as usize)
            .unwrap_or_default();
        let slots = slots.iter().copied().chain(rounds.iter().map(|round| round.slot));
        slots
            .filter_map(|slot| self.fences.get(slot as usize))
            .for_each(&mut found);
    }

    /// The cells that have fences.
    pub(super) fn cells(&self) -> impl Iterator<Item = usize> {
        (0..CELLS).filter(|cell| self.span_of(*cell).is_some())
    }
}

/// What a fence is to a cell.
const FULL: u64 = 0;
const PARTIAL: u64 = 1;
const ROUND: u64 = 2;

/// A tile that is being written.
#[derive(Debug)]
pub(super) struct Draft<K> {
    fences: Vec<Known<K>>,
    /// Place (0 for the tile as a whole, 1 more than the cell otherwise), kind and slot in one number, in that order.
    posts: Vec<u64>,
}

impl<K: Copy + PartialEq> Draft<K> {
    pub(super) const fn new() -> Self {
        Self {
            fences: Vec::new(),
            posts: Vec::new(),
        }
    }

    pub(super) fn of(tile: &Tile<K>) -> Self {
        let mut posts = Vec::with_capacity(tile.slots.len() + tile.rounds.len());
        let cells = (0..CELLS)
            .filter(|cell| tile.span_of(*cell).is_some())
            .map(|cell| cell + 1);
        for (place, span) in std::iter::once(0).chain(cells).zip(tile.spans.windows(2)) {
            let [from, to] = span else { continue };
            let slots = |from: u32, to: u32| tile.slots.get(from as usize..to as usize).unwrap_or_default();
            posts.extend(
                slots(from.full, from.partial)
                    .iter()
                    .map(|slot| post(place, FULL, *slot)),
            );
            posts.extend(
                slots(from.partial, to.full)
                    .iter()
                    .map(|slot| post(place, PARTIAL, *slot)),
            );
            let rounds = tile
                .rounds
                .get(from.round as usize..to.round as usize)
                .unwrap_or_default();
            posts.extend(rounds.iter().map(|round| post(place, ROUND, round.slot)));
        }
        Self {
            fences: tile.fences.to_vec(),
            posts,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fences.is_empty()
    }

    /// Takes a fence out of all cells.
    pub(super) fn remove(&mut self, key: K) {
        let Some(slot) = self.fences.iter().position(|known| known.key == key) else {
            return;
        };
        self.fences.swap_remove(slot);
        let (slot, last) = (slot as u64, self.fences.len() as u64);
        self.posts.retain(|post| post & SLOT != slot);
        for post in &mut self.posts {
            if *post & SLOT == last {
                *post = *post & !SLOT | slot;
            }
        }
    }

    /// Adds a fence in some cells (None: the tile as a whole), each with whether it fills them.
    pub(super) fn add(&mut self, key: K, shape: &Arc<Shape>, cells: impl Iterator<Item = (Option<usize>, bool)>) {
        let Ok(slot) = u32::try_from(self.fences.len()) else {
            return;
        };
        let touching = if Round::suits(shape) { ROUND } else { PARTIAL };
        self.posts.extend(cells.map(|(cell, full)| {
            let kind = match (full, cell) {
                (true, _) => FULL,
                (false, Some(_)) => touching,
                (false, None) => PARTIAL,
            };
            post(cell.map_or(0, |cell| cell + 1), kind, slot)
        }));
        self.fences.push(Known {
            key,
            shape: Arc::clone(shape),
        });
    }

    /// The tile as it will be read.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "the stable sort is the one that makes use of what is in order"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "slots are made from 32 bits, and a tile has fewer than 2^32 posts"
    )]
    pub(super) fn finish(mut self, middle: Position) -> Tile<K> {
        // After an edit nearly everything is in order already, which this sort makes use of.
        self.posts.sort();
        let (mut filled, mut spans) = ([0_u64; 4], vec![Span::default()]);
        let rounds_len = self.posts.iter().filter(|post| kind_of(**post) == ROUND).count();
        let mut slots: Vec<u32> = Vec::with_capacity(self.posts.len() - rounds_len);
        let mut rounds: Vec<Round> = Vec::with_capacity(rounds_len);
        let mut posts = self.posts.iter().copied().peekable();
        let mut place = 0;
        loop {
            let mut take = |kind: u64| {
                std::iter::from_fn(|| posts.next_if(|post| post >> 34 == place && kind_of(*post) == kind))
                    .map(|post| (post & SLOT) as u32)
                    .collect::<Vec<u32>>()
            };
            slots.extend(take(FULL));
            if let Some(span) = spans.last_mut() {
                span.partial = slots.len() as u32;
            }
            slots.extend(take(PARTIAL));
            for slot in take(ROUND) {
                if let Some(Shape::Circle(circle)) = self.fences.get(slot as usize).map(|known| known.shape.as_ref()) {
                    rounds.push(Round::of(circle, slot, middle));
                }
            }
            spans.push(Span {
                full: slots.len() as u32,
                partial: slots.len() as u32,
                round: rounds.len() as u32,
            });
            let Some(next) = posts.peek() else { break };
            place = next >> 34;
            let cell = (place - 1) as usize;
            if let Some(word) = filled.get_mut(cell >> 6) {
                *word |= 1 << (cell & 63);
            }
        }
        let mut sum = 0;
        let before = filled.map(|word| {
            let before = sum;
            sum += word.count_ones() as u16;
            before
        });
        Tile {
            middle,
            filled,
            before,
            spans: spans.into(),
            slots: slots.into(),
            rounds: rounds.into(),
            fences: self.fences.into(),
        }
    }
}

const SLOT: u64 = 0xFFFF_FFFF;

fn post(place: usize, kind: u64, slot: u32) -> u64 {
    (place as u64) << 34 | kind << 32 | u64::from(slot)
}

const fn kind_of(post: u64) -> u64 {
    (post >> 32) & 3
}
