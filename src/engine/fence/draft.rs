//! A tile that is being written: fences come and go, and then it is put in order for those who read it.

use super::cover::{How, ring_of};
use super::entry::Entry;
use super::geodesy::Position;
use super::grid::{CELLS, Level};
use super::round::{Round, Scale, suits};
use super::runs::Run;
use super::shape::Shape;
use super::tile::{Known, Outline, Tile};
use std::sync::Arc;

/// What a fence is to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Fills,
    Touches,
    Round,
    Crosses,
}

/// One entry of a cell: its place (0 for the tile as a whole, 1 more than the cell otherwise), and what which fence is to it.
///
/// In their order, entries of a kind are together, which the processor foresees, and in them the runs of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Post {
    place: u16,
    kind: Kind,
    slot: u32,
    run: Run,
}

#[derive(Debug)]
pub(super) struct Draft<K> {
    fences: Vec<Known<K>>,
    posts: Vec<Post>,
}

/// A cell that a fence touches, and how; no cell is the tile as a whole.
pub(super) type Touch = (Option<usize>, How);

fn place_of(cell: Option<usize>) -> u16 {
    cell.map_or(0, |cell| u16::try_from(cell + 1).unwrap_or_default())
}

impl<K: Copy + PartialEq> Draft<K> {
    pub(super) const fn new() -> Self {
        Self {
            fences: Vec::new(),
            posts: Vec::new(),
        }
    }

    pub(super) fn of(tile: &Tile<K>) -> Self {
        let mut posts = Vec::with_capacity(tile.words.len());
        let cells = (0..CELLS).filter(|cell| tile.span_of(*cell).is_some()).map(Some);
        for (span, cell) in std::iter::once(None).chain(cells).enumerate() {
            posts.extend(Entry::all(tile.words_of(span)).filter_map(|entry| {
                let (kind, run) = match entry {
                    Entry::Fills(_) => (Kind::Fills, Run::default()),
                    Entry::Touches(_) => (Kind::Touches, Run::default()),
                    Entry::Round(..) => (Kind::Round, Run::default()),
                    Entry::Crosses(_, run) => (Kind::Crosses, run),
                };
                Some(Post {
                    place: place_of(cell),
                    kind,
                    slot: tile.slot_of(entry)?,
                    run,
                })
            }));
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
        let Some(gone) = self.fences.iter().position(|known| known.key == key) else {
            return;
        };
        self.fences.swap_remove(gone);
        let (gone, last) = (number(gone), number(self.fences.len()));
        self.posts.retain(|post| post.slot != gone);
        for post in &mut self.posts {
            if post.slot == last {
                post.slot = gone;
            }
        }
    }

    /// Adds a fence in a cell that it touches; those of one fence come one after the other.
    pub(super) fn add(&mut self, key: K, shape: &Arc<Shape>, (cell, how): Touch) {
        if self.fences.last().is_none_or(|last| last.key != key) {
            self.fences.push(Known {
                key,
                shape: Arc::clone(shape),
            });
        }
        let (kind, run) = match (how, cell) {
            (How::Fills, _) => (Kind::Fills, Run::default()),
            (How::Crosses(run), Some(_)) => (Kind::Crosses, run),
            (How::Touches, Some(_)) if suits(shape) => (Kind::Round, Run::default()),
            (How::Crosses(_) | How::Touches, _) => (Kind::Touches, Run::default()),
        };
        self.posts.push(Post {
            place: place_of(cell),
            kind,
            slot: number(self.fences.len() - 1),
            run,
        });
    }

    /// Numbers the fences by the first cell that they are in, so that those of one cell lie together.
    fn bring_neighbours_together(&mut self) {
        const NONE: u32 = u32::MAX;
        let mut news = vec![NONE; self.fences.len()];
        let mut order = Vec::with_capacity(self.fences.len());
        for post in &mut self.posts {
            let Some(new) = news.get_mut(post.slot as usize) else {
                continue;
            };
            if *new == NONE {
                *new = u32::try_from(order.len()).unwrap_or(NONE);
                order.extend(self.fences.get(post.slot as usize).cloned());
            }
            post.slot = *new;
        }
        self.fences = order;
    }

    /// The tile as it will be read.
    pub(super) fn finish(mut self, middle: Position) -> Tile<K> {
        // After an edit nearly everything is in order already, which a stable sort makes use of.
        self.posts.sort();
        self.bring_neighbours_together();
        let mut outlines: Vec<Outline> = Vec::new();
        let mut outline_of = vec![None; self.fences.len()];
        let (mut filled, mut starts, mut place) = ([0_u64; 4], vec![0], 0);
        let mut words = Vec::with_capacity(self.posts.len() * 3);
        for Post {
            place: at,
            kind,
            slot,
            run,
        } in self.posts
        {
            if at != place {
                starts.push(number(words.len()));
                place = at;
                let cell = usize::from(place - 1);
                if let Some(word) = filled.get_mut(cell >> 6) {
                    *word |= 1 << (cell & 63);
                }
            }
            let (Some(known), Some(outline)) = (self.fences.get(slot as usize), outline_of.get_mut(slot as usize))
            else {
                continue;
            };
            let entry = match kind {
                Kind::Fills => Some(Entry::Fills(slot)),
                Kind::Touches => Some(Entry::Touches(slot)),
                Kind::Round => Round::of(&known.shape, middle).map(|round| Entry::Round(slot, round)),
                Kind::Crosses => {
                    if outline.is_none()
                        && let Some(ring) = ring_of(&known.shape, Level::Cell)
                    {
                        *outline = Some(number(outlines.len()));
                        let coords = Arc::clone(&ring.coords);
                        outlines.push(Outline { coords, slot });
                    }
                    outline.map(|outline| Entry::Crosses(outline, run))
                }
            };
            if let Some(entry) = entry {
                entry.write(&mut words);
            }
        }
        starts.push(number(words.len()));
        let mut sum = 0;
        let before = filled.map(|word| {
            let before = sum;
            sum += u16::try_from(word.count_ones()).unwrap_or_default();
            before
        });
        Tile {
            middle,
            scale: Scale::of(middle),
            filled,
            before,
            starts: starts.into(),
            words: words.into(),
            outlines: outlines.into(),
            fences: self.fences.into(),
        }
    }
}

/// A tile has fewer than 2^30 of anything.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
