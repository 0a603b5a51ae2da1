//! The subjects a lane has in memory: those seen lately, each as the store would give it or newer.

use super::lane::Job;
use crate::base::id::{ProjectId, UserId};
use crate::base::limits;
use crate::engine::subject::Subject;
use crate::store::{Store, StoreError};
use foldhash::fast::FixedState;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) type Key = (ProjectId, UserId);

/// Whoever steps at once holds the lock of a user meanwhile. Were there one lock for all, a thread that the system sets aside at
/// that moment would keep every other one waiting.
const SHARDS: usize = 64;

struct Cached {
    /// None while it is stepped.
    subject: Option<Box<Subject>>,
    used: u64,
}

/// Subjects by their user, for the lane and for those who step at once. Who steps one takes it out; who loses it lets it be
/// read again.
#[derive(Clone)]
pub(super) struct Subjects(Arc<[Mutex<Known>]>);

/// What is known of some users while nobody else looks.
#[derive(Default)]
pub(super) struct Known {
    subjects: HashMap<Key, Cached, FixedState>,
    /// How many inputs of a user are in the lane: as long as there is one, all others go behind it.
    queued: HashMap<Key, usize, FixedState>,
    /// Grows with every subject put back.
    used: u64,
}

impl Known {
    /// Lends the subject of this user, if it is known: what comes back is kept, and where nothing does, it is forgotten.
    pub(super) fn lend<T>(
        &mut self,
        key: Key,
        to: impl FnOnce(Box<Subject>) -> (Option<Box<Subject>>, T),
    ) -> Option<T> {
        let Entry::Occupied(mut place) = self.subjects.entry(key) else {
            return None;
        };
        let (back, result) = to(place.get_mut().subject.take()?);
        if back.is_some() {
            self.used += 1;
            *place.get_mut() = Cached {
                subject: back,
                used: self.used,
            };
        } else {
            place.remove();
        }
        Some(result)
    }

    pub(super) fn queue(&mut self, key: Key) {
        *self.queued.entry(key).or_default() += 1;
    }

    pub(super) fn is_queued(&self, key: Key) -> bool {
        self.queued.contains_key(&key)
    }

    fn put(&mut self, key: Key, subject: Box<Subject>) {
        self.used += 1;
        let (used, subject) = (self.used, Some(subject));
        self.subjects.insert(key, Cached { subject, used });
    }

    fn leave(&mut self, key: Key) {
        if let Some(count) = self.queued.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.queued.remove(&key);
            }
        }
    }

    /// Keeps within the bound: the subjects unused for longest go.
    fn forget_some(&mut self) {
        if self.subjects.len() <= limits::SUBJECTS_PER_LANE_MAX / SHARDS {
            return;
        }
        let mut used: Vec<u64> = self.subjects.values().map(|cached| cached.used).collect();
        let middle = used.len() / 2;
        let median = *used.select_nth_unstable(middle).1;
        self.subjects.retain(|_, cached| cached.used > median);
    }
}

impl Default for Subjects {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl Subjects {
    /// The lock of this user, and of some others.
    pub(super) fn lock(&self, (_, user): Key) -> MutexGuard<'_, Known> {
        // The lowest digits have chosen the lane.
        let shard = (user.uuid().as_u128() >> 16) % SHARDS as u128;
        self.0[shard as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, key: Key) -> Option<Box<Subject>> {
        self.lock(key).subjects.remove(&key)?.subject
    }

    pub(super) fn put(&self, key: Key, subject: Box<Subject>) {
        self.lock(key).put(key, subject);
    }

    /// These inputs are done, in whatever way.
    pub(super) fn leave(&self, keys: &[Key]) {
        for key in keys {
            self.lock(*key).leave(*key);
        }
    }

    /// Reads those that these jobs need and memory does not hold. They are queued, so nobody steps them meanwhile.
    pub(super) async fn load(&self, store: &Store, jobs: &[Job]) -> Result<(), StoreError> {
        let mut missing: HashMap<ProjectId, BTreeSet<UserId>> = HashMap::new();
        for job in jobs.iter().filter(|job| job.stepped.is_none()) {
            let key = job.key();
            if !self.lock(key).subjects.contains_key(&key) {
                missing.entry(key.0).or_default().insert(key.1);
            }
        }
        for (project_id, users) in missing {
            let users: Vec<UserId> = users.into_iter().collect();
            for subject in store.load_subjects(project_id, &users).await? {
                self.put((project_id, subject.user_id), Box::new(subject));
            }
        }
        Ok(())
    }

    /// Keeps within the bound.
    pub(super) fn forget_some(&self) {
        for shard in &*self.0 {
            shard.lock().unwrap_or_else(PoisonError::into_inner).forget_some();
        }
    }
}
