//! A tile that is being written: fences come and go, and then it is put in order for those who read it.

use super::cover::{How, ring_of};
use super::entry::Entry;
use super::geodesy::Position;
use super::grid::{CELLS, Level};
use super::index::Shaped;
use super::patches::Patches;
use super::positions::Positions;
use super::round::{Round, Scale, suits};
use super::runs::Run;
use super::tile::{Known, Tile};

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
    patches: Patches,
    run: Run,
}

#[derive(Debug)]
pub(super) struct Draft<K, S> {
    fences: Vec<Known<K, S>>,
    posts: Vec<Post>,
}

/// A cell that a fence touches, and how; no cell is the tile as a whole.
pub(super) type Touch = (Option<usize>, How);

fn place_of(cell: Option<usize>) -> u16 {
    cell.map_or(0, |cell| u16::try_from(cell + 1).unwrap_or_default())
}

impl<K: Copy + PartialEq, S: Shaped> Draft<K, S> {
    pub(super) const fn new() -> Self {
        Self {
            fences: Vec::new(),
            posts: Vec::new(),
        }
    }

    pub(super) fn of(tile: &Tile<K, S>) -> Self {
        let mut posts = Vec::with_capacity(tile.words.len());
        let cells = (0..CELLS).filter(|cell| tile.span_of(*cell).is_some()).map(Some);
        for (span, cell) in std::iter::once(None).chain(cells).enumerate() {
            let mut patches = Patches::default();
            posts.extend(Entry::all(tile.words_of(span)).map(|entry| {
                let (kind, run) = match entry {
                    Entry::Fills(_) => (Kind::Fills, Run::default()),
                    Entry::Touches(_) => (Kind::Touches, Run::default()),
                    Entry::Round(..) => (Kind::Round, Run::default()),
                    Entry::Crosses(_, of_all, run) => {
                        patches = of_all;
                        (Kind::Crosses, run)
                    }
                    Entry::Also(_, run) => (Kind::Crosses, run),
                };
                Post {
                    place: place_of(cell),
                    kind,
                    slot: entry.slot(),
                    patches: if kind == Kind::Crosses {
                        patches
                    } else {
                        Patches::default()
                    },
                    run,
                }
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
    pub(super) fn add(&mut self, key: K, shape: &S, (cell, how): Touch) {
        if self.fences.last().is_none_or(|last| last.key != key) {
            self.fences.push(Known {
                key,
                shape: shape.clone(),
            });
        }
        let (patches, run) = match how {
            How::Crosses(patches, run) => (patches, run),
            How::Fills | How::Touches => Default::default(),
        };
        let kind = match (how, cell) {
            (How::Fills, _) => Kind::Fills,
            (How::Crosses(..), Some(_)) => Kind::Crosses,
            (How::Touches, Some(_)) if suits(shape.shape()) => Kind::Round,
            (How::Crosses(..) | How::Touches, _) => Kind::Touches,
        };
        self.posts.push(Post {
            place: place_of(cell),
            kind,
            slot: number(self.fences.len() - 1),
            patches,
            run,
        });
    }

    /// Numbers the fences by the first cell that they are in, so that those of one cell lie together: first those whose outlines
    /// are named in cells, which are the ones answered.
    fn bring_neighbours_together(&mut self) -> Box<[Positions]> {
        const NONE: u32 = u32::MAX;
        let mut news = vec![NONE; self.fences.len()];
        let mut order = Vec::with_capacity(self.fences.len());
        let crossing = self.posts.iter().filter(|post| post.kind == Kind::Crosses);
        let mut outlines = 0;
        for post in crossing.chain(&self.posts) {
            let Some(new) = news.get_mut(post.slot as usize).filter(|new| **new == NONE) else {
                continue;
            };
            *new = number(order.len());
            order.extend(self.fences.get(post.slot as usize).cloned());
            if post.kind == Kind::Crosses {
                outlines = order.len();
            }
        }
        for post in &mut self.posts {
            post.slot = news.get(post.slot as usize).copied().unwrap_or(NONE);
        }
        self.fences = order;
        let ring = |known: &Known<K, S>| ring_of(known.shape.shape(), Level::Cell).map(|ring| ring.coords.clone());
        let named = self.fences.iter().take(outlines);
        named.map(|known| ring(known).unwrap_or_default()).collect()
    }

    /// The tile as it will be read.
    pub(super) fn finish(mut self, middle: Position) -> Tile<K, S> {
        // After an edit nearly everything is in order already, which a stable sort makes use of.
        self.posts.sort();
        let outlines = self.bring_neighbours_together();
        let mut filled = [0_u64; 4];
        for cell in self
            .posts
            .iter()
            .filter_map(|post| usize::from(post.place).checked_sub(1))
        {
            if let Some(word) = filled.get_mut(cell >> 6) {
                *word |= 1 << (cell & 63);
            }
        }
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
            has_own: self.posts.first().is_some_and(|post| post.place == 0),
            words: self.words(usize::from(sum), middle),
            fences: self.fences.into(),
            outlines,
        }
    }

    /// Where the entries of the tile and of each of its cells begin, and the entries.
    fn words(&self, cells: usize, middle: Position) -> Box<[u32]> {
        let from = cells + 2;
        let mut words = Vec::with_capacity(from + self.posts.len() * 4);
        words.resize(from, 0);
        let (mut span, mut before): (usize, Option<&Post>) = (0, None);
        let start = |words: &mut Vec<u32>, span: usize| {
            let here = number(words.len());
            if let Some(start) = words.get_mut(span) {
                *start = here;
            }
        };
        start(&mut words, 0);
        for post in &self.posts {
            if post.place != before.map_or(0, |before| before.place) {
                span += 1;
                start(&mut words, span);
            }
            let (slot, Some(known)) = (post.slot, self.fences.get(post.slot as usize)) else {
                continue;
            };
            let goes_on =
                before.is_some_and(|before| (before.place, before.kind, before.slot) == (post.place, post.kind, slot));
            let entry = match post.kind {
                Kind::Fills => Some(Entry::Fills(slot)),
                Kind::Touches => Some(Entry::Touches(slot)),
                Kind::Round => Round::of(known.shape.shape(), middle).map(|round| Entry::Round(slot, round)),
                Kind::Crosses if goes_on => Some(Entry::Also(slot, post.run)),
                Kind::Crosses => Some(Entry::Crosses(slot, post.patches, post.run)),
            };
            if let Some(entry) = entry {
                entry.write(&mut words);
            }
            before = Some(post);
        }
        start(&mut words, span + 1);
        // Copied: an allocator may leave a box that was made smaller where it is, up to twice as large.
        words.as_slice().into()
    }
}

/// A tile has fewer than 2^29 of anything.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
