//! The subjects a lane has in memory: those seen lately, each as the store would give it or newer.

use super::lane::Job;
use crate::base::id::{ProjectId, UserId};
use crate::base::limits;
use crate::engine::subject::Subject;
use crate::store::{Store, StoreError};
use foldhash::fast::FixedState;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) type Key = (ProjectId, UserId);

struct Cached {
    subject: Box<Subject>,
    used: u64,
}

/// Subjects by their user, for the lane and for those who step at once. Who steps one takes it out; who loses it lets it be
/// read again.
#[derive(Clone, Default)]
pub(super) struct Subjects(Arc<Mutex<Known>>);

/// What is known while nobody else looks.
#[derive(Default)]
pub(super) struct Known {
    subjects: HashMap<Key, Cached, FixedState>,
    /// How many inputs of a user are in the lane: as long as there is one, all others go behind it.
    queued: HashMap<Key, usize, FixedState>,
    /// Grows with every subject put back.
    used: u64,
}

impl Known {
    pub(super) fn take(&mut self, key: Key) -> Option<Box<Subject>> {
        self.subjects.remove(&key).map(|cached| cached.subject)
    }

    pub(super) fn put(&mut self, key: Key, subject: Box<Subject>) {
        self.used += 1;
        let used = self.used;
        self.subjects.insert(key, Cached { subject, used });
    }

    pub(super) fn queue(&mut self, key: Key) {
        *self.queued.entry(key).or_default() += 1;
    }

    pub(super) fn is_queued(&self, key: Key) -> bool {
        self.queued.contains_key(&key)
    }

    fn leave(&mut self, key: Key) {
        if let Some(count) = self.queued.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.queued.remove(&key);
            }
        }
    }
}

impl Subjects {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, key: Key) -> Option<Box<Subject>> {
        self.lock().take(key)
    }

    pub(super) fn put(&self, key: Key, subject: Box<Subject>) {
        self.lock().put(key, subject);
    }

    /// These inputs are done, in whatever way.
    pub(super) fn leave(&self, keys: &[Key]) {
        let mut known = self.lock();
        for key in keys {
            known.leave(*key);
        }
    }

    /// Reads those that these jobs need and memory does not hold. They are queued, so nobody steps them meanwhile.
    pub(super) async fn load(&self, store: &Store, jobs: &[Job]) -> Result<(), StoreError> {
        let mut missing: HashMap<ProjectId, BTreeSet<UserId>> = HashMap::new();
        {
            let known = self.lock();
            for job in jobs.iter().filter(|job| job.stepped.is_none()) {
                if !known.subjects.contains_key(&(job.project_id, job.user_id)) {
                    missing.entry(job.project_id).or_default().insert(job.user_id);
                }
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

    /// Keeps within the bound: the subjects unused for longest go.
    pub(super) fn forget_some(&self) {
        let mut known = self.lock();
        if known.subjects.len() <= limits::SUBJECTS_PER_LANE_MAX {
            return;
        }
        let mut used: Vec<u64> = known.subjects.values().map(|cached| cached.used).collect();
        let middle = used.len() / 2;
        let median = *used.select_nth_unstable(middle).1;
        known.subjects.retain(|_, cached| cached.used > median);
    }
}
