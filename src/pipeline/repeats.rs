//! What must not count twice, or not any more: repeated records, and inbox entries that a later version of the fact overtook.

use super::PipelineError;
use super::lane::{Job, Task};
use crate::base::id::ProjectId;
use crate::engine::fact::{Fact, FactRef};
use crate::engine::fix::{Body, Record};
use crate::engine::step::Input;
use crate::store::Store;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What the store knows that tells a repeat from news.
#[derive(Default)]
pub(super) struct Known {
    /// Events and receipts that are stored.
    records: HashSet<(ProjectId, String)>,
    /// The facts that entries of the inbox are about, as they are stored now.
    facts: HashMap<(ProjectId, FactRef), Option<Fact>>,
    /// The entries of the inbox that tell somebody's moment and are still to be stepped.
    untold: HashSet<Uuid>,
}

impl Known {
    /// Reads it for these jobs.
    pub(super) async fn of(store: &Store, jobs: &[Job]) -> Result<Self, PipelineError> {
        let mut known = Self::default();
        let mut ids: HashMap<ProjectId, Vec<String>> = HashMap::new();
        let mut telling: Vec<Uuid> = Vec::new();
        for job in jobs {
            match job.input() {
                Some(Input::Records { records, .. }) => {
                    let unique = records.iter().filter(|record| counts_once(record));
                    let unique = unique.map(|record| record.id.clone());
                    ids.entry(job.project_id).or_default().extend(unique);
                }
                Some(Input::Event { record_id, .. }) => {
                    ids.entry(job.project_id).or_default().push(record_id.clone());
                }
                Some(Input::Fact(Fact { id, .. }) | Input::FactGone(id)) if job.inbox_done.is_some() => {
                    if let Entry::Vacant(unread) = known.facts.entry((job.project_id, id.clone())) {
                        unread.insert(store.fact(job.project_id, id).await?);
                    }
                }
                Some(Input::Moment(_)) => telling.extend(job.inbox_done),
                Some(
                    Input::Fact(_)
                    | Input::FactGone(_)
                    | Input::Consents(_)
                    | Input::Profile(_)
                    | Input::Device { .. }
                    | Input::DeviceGone(_)
                    | Input::Replay(_)
                    | Input::Merge(_)
                    | Input::Undelivered { .. }
                    | Input::Instance { .. }
                    | Input::Tick,
                )
                | None => {}
            }
        }
        if !telling.is_empty() {
            known.untold = store.inbox_left(&telling).await?;
        }
        for (project_id, ids) in ids.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let stored = store.known_records(project_id, &ids).await?;
            known.records.extend(stored.into_iter().map(|id| (project_id, id)));
        }
        Ok(known)
    }

    /// Takes out what is stored already, what comes twice among these jobs, and what was overtaken. Returns the jobs that lean
    /// on another one: their repeat is as durable as the record it repeats.
    pub(super) fn drop_repeats(&self, jobs: &mut [Job]) -> HashSet<usize> {
        let mut seen = HashSet::new();
        let mut told = HashSet::new();
        let mut leaning = HashSet::new();
        for (index, job) in jobs.iter_mut().enumerate() {
            let (project_id, entry, user_id) = (job.project_id, job.inbox_done, job.user_id);
            let of_inbox = entry.is_some();
            let mut is_new = |id: &str| {
                let key = (project_id, id.to_owned());
                if self.records.contains(&key) {
                    return false;
                }
                let first = seen.insert(key);
                if !first {
                    leaning.insert(index);
                }
                first
            };
            let Task::Step(input) = &mut job.task else { continue };
            match input {
                Some(Input::Records { records, .. }) => {
                    records.retain(|record| !counts_once(record) || is_new(&record.id));
                }
                Some(Input::Event { record_id, .. }) => {
                    if !is_new(record_id) {
                        *input = None;
                    }
                }
                Some(Input::Fact(fact)) if of_inbox => {
                    // A newer version is another user's alone: the older one must not bring the fact back.
                    let stored = self.facts.get(&(project_id, fact.id.clone())).and_then(Option::as_ref);
                    if !stored.is_some_and(|stored| stored.subjects.contains(&user_id)) {
                        *input = None;
                    }
                }
                Some(Input::FactGone(id)) if of_inbox => {
                    // A newer version is theirs again: the older farewell must not take it away.
                    let stored = self.facts.get(&(project_id, id.clone())).and_then(Option::as_ref);
                    if stored.is_some_and(|stored| stored.subjects.contains(&user_id)) {
                        *input = None;
                    }
                }
                Some(Input::Moment(_)) => {
                    // Handed over, and taken up from the inbox as well: they hear it once.
                    if entry.is_some_and(|entry| !self.untold.contains(&entry) || !told.insert(entry)) {
                        *input = None;
                    }
                }
                Some(
                    Input::Fact(_)
                    | Input::FactGone(_)
                    | Input::Consents(_)
                    | Input::Profile(_)
                    | Input::Device { .. }
                    | Input::DeviceGone(_)
                    | Input::Replay(_)
                    | Input::Merge(_)
                    | Input::Undelivered { .. }
                    | Input::Instance { .. }
                    | Input::Tick,
                )
                | None => {}
            }
        }
        leaning
    }
}

/// Must it count once even when no state shows that it was seen?
pub(super) fn counts_once(record: &Record) -> bool {
    matches!(record.body, Body::Event(_) | Body::Receipt(_))
}
