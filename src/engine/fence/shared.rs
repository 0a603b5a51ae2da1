//! A map that is cheap to copy: its parts are shared, and a change copies the one part it falls into.

use foldhash::fast::FixedState;
use std::collections::{HashMap, hash_map};
use std::hash::{BuildHasher, Hash};
use std::ops::Index;
use std::sync::Arc;

/// As many parts as make both cheap at a million entries: copying the map (a word for each part) and copying one part.
const PARTS_MAX: usize = 1_024;
/// Entries of a part before the parts become more: a small map is walked through often, and should be little else than its entries.
const ENTRIES_PER_PART: usize = 512;

type Part<K, V> = HashMap<K, V, FixedState>;

/// A map in shared parts, a power of two of them, up to 1,024.
///
/// It is for keys that nobody outside chooses: the hash has no secret, so that the same entries are always in the same order.
#[derive(Clone, Debug)]
pub struct SharedMap<K, V> {
    /// None before the first entry comes.
    parts: Box<[Arc<Part<K, V>>]>,
    len: usize,
}

impl<K, V> SharedMap<K, V> {
    pub fn new() -> Self {
        Self {
            parts: Box::default(),
            len: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// All entries, in an order that depends on nothing but what was done to the map.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            parts: self.parts.iter(),
            part: None,
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Eq + Hash, V> SharedMap<K, V> {
    /// A part by bits that the maps inside use neither for their buckets nor for their tags.
    fn part(&self, key: &K) -> usize {
        let hash = usize::try_from((FixedState::default().hash_one(key) >> 40) & 1_023).unwrap_or_default();
        hash & self.parts.len().saturating_sub(1)
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.parts.get(self.part(key))?.get(key)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }
}

impl<K: Clone + Eq + Hash, V: Clone> SharedMap<K, V> {
    /// Puts a value under a key and answers the one it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.len >= self.parts.len() * ENTRIES_PER_PART && self.parts.len() < PARTS_MAX {
            self.part_anew();
        }
        let at = self.part(&key);
        let part = self.parts.get_mut(at)?;
        let before = Arc::make_mut(part).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    /// Four times as many parts; seldom enough that an entry is moved once or twice in its life.
    fn part_anew(&mut self) {
        let count = (self.parts.len() * 4).clamp(1, PARTS_MAX);
        let mut grown = Self {
            parts: (0..count).map(|_| Arc::new(Part::default())).collect(),
            len: self.len,
        };
        for (key, value) in self.iter() {
            let at = grown.part(key);
            if let Some(part) = grown.parts.get_mut(at) {
                Arc::make_mut(part).insert(key.clone(), value.clone());
            }
        }
        *self = grown;
    }

    /// Takes a value out and answers it.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.part(key);
        let part = self.parts.get_mut(at)?;
        if !part.contains_key(key) {
            return None;
        }
        self.len -= 1;
        Arc::make_mut(part).remove(key)
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Extend<(K, V)> for SharedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Clone + Eq + Hash, V: Clone, const N: usize> From<[(K, V); N]> for SharedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Eq + Hash, V> Index<&K> for SharedMap<K, V> {
    type Output = V;

    #[expect(clippy::expect_used, reason = "indexing is for tests, as with the maps of std")]
    fn index(&self, key: &K) -> &V {
        self.get(key).expect("there is no such key")
    }
}

/// The entries of a [`SharedMap`].
pub struct Iter<'a, K, V> {
    parts: std::slice::Iter<'a, Arc<Part<K, V>>>,
    part: Option<hash_map::Iter<'a, K, V>>,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.part.as_mut().and_then(Iterator::next) {
                return Some(entry);
            }
            self.part = Some(self.parts.next()?.iter());
        }
    }
}

impl<'a, K, V> IntoIterator for &'a SharedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
