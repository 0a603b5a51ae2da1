//! The subjects a lane has in memory: those seen lately, each as the store would give it or newer.

use super::lane::Job;
use crate::base::id::{ProjectId, UserId};
use crate::base::limits;
use crate::engine::subject::Subject;
use crate::store::{Store, StoreError};
use std::collections::{BTreeSet, HashMap};

pub(super) type Key = (ProjectId, UserId);

struct Cached {
    subject: Box<Subject>,
    used: u64,
}

/// Subjects by their user. Who steps one takes it out; who loses it lets it be read again.
#[derive(Default)]
pub(super) struct Subjects {
    known: HashMap<Key, Cached>,
    round: u64,
}

impl Subjects {
    /// What is put back from now on was used later than all before.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
    }

    pub(super) fn take(&mut self, key: Key) -> Option<Subject> {
        self.known.remove(&key).map(|cached| *cached.subject)
    }

    pub(super) fn put(&mut self, key: Key, subject: Subject) {
        let cached = Cached {
            subject: Box::new(subject),
            used: self.round,
        };
        self.known.insert(key, cached);
    }

    /// Reads those that these jobs need and memory does not hold.
    pub(super) async fn load(&mut self, store: &Store, jobs: &[Job]) -> Result<(), StoreError> {
        let mut missing: HashMap<ProjectId, BTreeSet<UserId>> = HashMap::new();
        for job in jobs {
            if !self.known.contains_key(&(job.project_id, job.user_id)) {
                missing.entry(job.project_id).or_default().insert(job.user_id);
            }
        }
        for (project_id, users) in missing {
            let users: Vec<UserId> = users.into_iter().collect();
            for subject in store.load_subjects(project_id, &users).await? {
                self.put((project_id, subject.user_id), subject);
            }
        }
        Ok(())
    }

    /// Keeps within the bound: the subjects unused for longest go.
    pub(super) fn forget_some(&mut self) {
        if self.known.len() <= limits::SUBJECTS_PER_LANE_MAX {
            return;
        }
        let mut rounds: Vec<u64> = self.known.values().map(|cached| cached.used).collect();
        rounds.sort_unstable();
        let median = rounds.get(rounds.len() / 2).copied().unwrap_or(self.round);
        self.known.retain(|_, cached| cached.used > median);
    }
}
