//! The geofences of a project by their ids, cheap to copy: their parts are shared, and a change copies the one part it falls into.

use super::geofence::Geofence;
use crate::base::id::FenceId;
use foldhash::fast::FixedState;
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Index;
use std::sync::Arc;

/// As many parts as make both cheap at a million geofences: copying all (a word for each part) and copying one part.
const PARTS_MAX: usize = 1_024;
/// Geofences of a part before the parts become more: a small set is walked through often, and should be little else than its entries.
const ENTRIES_PER_PART: usize = 512;

/// A geofence found by the id that it has itself: a map would keep a million ids twice, half of them for nobody.
#[derive(Clone, Debug)]
struct ById(Arc<Geofence>);

impl Borrow<FenceId> for ById {
    fn borrow(&self) -> &FenceId {
        &self.0.id
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

type Part = HashSet<ById, FixedState>;

/// Geofences in shared parts, a power of two of them, up to 1,024.
///
/// Ids are chosen by nobody outside: the hash has no secret, so that the same geofences are always in the same order.
#[derive(Clone, Debug, Default)]
pub struct Geofences {
    /// None before the first one comes.
    parts: Box<[Arc<Part>]>,
    len: usize,
}

impl Geofences {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the way to all of them: a word and a byte for each place of the sets, of which one in eight at least is empty.
    pub fn bytes(&self) -> usize {
        let places = self.parts.iter().map(|part| part.capacity().div_ceil(7) * 8);
        places.sum::<usize>() * (size_of::<ById>() + 1)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of them, in an order that depends on nothing but what was done here.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Geofence>> {
        self.parts.iter().flat_map(|part| part.iter()).map(|fence| &fence.0)
    }

    /// Their ids, in the same order.
    pub fn keys(&self) -> impl Iterator<Item = &FenceId> {
        self.values().map(|fence| &fence.id)
    }

    /// A part by bits that the sets inside use neither for their buckets nor for their tags.
    fn part(&self, id: &FenceId) -> usize {
        let hash = usize::try_from((FixedState::default().hash_one(id) >> 40) & 1_023).unwrap_or_default();
        hash & self.parts.len().saturating_sub(1)
    }

    pub fn get(&self, id: &FenceId) -> Option<&Arc<Geofence>> {
        Some(&self.parts.get(self.part(id))?.get(id)?.0)
    }

    /// Takes a geofence and answers the one with its id that it replaces.
    pub fn insert(&mut self, fence: Arc<Geofence>) -> Option<Arc<Geofence>> {
        if self.len >= self.parts.len() * ENTRIES_PER_PART && self.parts.len() < PARTS_MAX {
            self.part_anew();
        }
        let at = self.part(&fence.id);
        let before = Arc::make_mut(self.parts.get_mut(at)?).replace(ById(fence));
        self.len += usize::from(before.is_none());
        before.map(|before| before.0)
    }

    /// Four times as many parts; seldom enough that a geofence is moved once or twice in its life.
    fn part_anew(&mut self) {
        let count = (self.parts.len() * 4).clamp(1, PARTS_MAX);
        let mut grown = Self {
            parts: (0..count).map(|_| Arc::new(Part::default())).collect(),
            len: self.len,
        };
        for fence in self.values() {
            let at = grown.part(&fence.id);
            if let Some(part) = grown.parts.get_mut(at) {
                Arc::make_mut(part).insert(ById(Arc::clone(fence)));
            }
        }
        *self = grown;
    }

    /// Takes a geofence out and answers it.
    pub fn remove(&mut self, id: &FenceId) -> Option<Arc<Geofence>> {
        let at = self.part(id);
        let part = self.parts.get_mut(at)?;
        if !part.contains(id) {
            return None;
        }
        self.len -= 1;
        Arc::make_mut(part).take(id).map(|fence| fence.0)
    }
}

impl FromIterator<Arc<Geofence>> for Geofences {
    fn from_iter<I: IntoIterator<Item = Arc<Geofence>>>(all: I) -> Self {
        let mut fences = Self::default();
        for fence in all {
            fences.insert(fence);
        }
        fences
    }
}

impl Index<&FenceId> for Geofences {
    type Output = Arc<Geofence>;

    #[expect(clippy::expect_used, reason = "indexing is for tests, as with the maps of std")]
    fn index(&self, id: &FenceId) -> &Arc<Geofence> {
        self.get(id).expect("there is no such geofence")
    }
}

#[cfg(test)]
#[path = "geofences_tests.rs"]
mod tests;
