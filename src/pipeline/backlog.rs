//! What waits in a lane, taken out in turns, so that no project waits behind all that another one has sent.

use crate::base::id::ProjectId;
use foldhash::fast::FixedState;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Inputs by project. What one project sent keeps its order.
pub(super) struct Backlog<T> {
    /// Whose turn is next stands first.
    turns: VecDeque<(ProjectId, VecDeque<T>)>,
    count: usize,
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            count: 0,
        }
    }
}

impl<T> Backlog<T> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, project: ProjectId, input: T) {
        self.count += 1;
        match self.turns.iter_mut().find(|(known, _)| *known == project) {
            Some((_, inputs)) => inputs.push_back(input),
            None => self.turns.push_back((project, VecDeque::from([input]))),
        }
    }

    /// The next inputs, at most so many: one of each project in turn.
    pub(super) fn take(&mut self, most: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(most.min(self.count));
        while taken.len() < most
            && let Some((project, mut inputs)) = self.turns.pop_front()
        {
            taken.extend(inputs.pop_front());
            if !inputs.is_empty() {
                self.turns.push_back((project, inputs));
            }
        }
        self.count -= taken.len();
        taken
    }
}

/// How many inputs of each project wait in a lane.
#[derive(Clone, Default)]
pub(super) struct Waiters(Arc<Mutex<Counts>>);

type Counts = HashMap<ProjectId, usize, FixedState>;

/// The place of one input among those that wait; free again when it is dropped.
pub(super) struct Place {
    of: Waiters,
    project: ProjectId,
}

impl Waiters {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more input of this project; none when it has so many already.
    pub(super) fn place(&self, project: ProjectId, most: usize) -> Option<Place> {
        let mut counts = self.counts();
        let count = counts.entry(project).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place {
            of: self.clone(),
            project,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.of.counts();
        if let Some(count) = counts.get_mut(&self.project) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, Waiters};
    use crate::pipeline::world::id;

    #[test]
    fn projects_take_turns_and_each_keeps_its_order() {
        let mut backlog = Backlog::default();
        for number in 0..1_000 {
            backlog.push(id(1), (1, number));
        }
        backlog.push(id(2), (2, 0));
        backlog.push(id(3), (3, 0));
        backlog.push(id(2), (2, 1));
        assert_eq!(backlog.take(4), [(1, 0), (2, 0), (3, 0), (1, 1)]);
        assert_eq!(backlog.take(3), [(2, 1), (1, 2), (1, 3)]);
        assert_eq!(backlog.len(), 996);
        let rest = backlog.take(5_000);
        assert!(rest.iter().map(|(_, number)| *number).eq(4..1_000));
        assert!(backlog.take(1).is_empty() && backlog.len() == 0);
    }

    #[test]
    fn a_project_has_so_many_places_and_gets_them_back() {
        let waiters = Waiters::default();
        let places: Vec<_> = (0..3).map_while(|_| waiters.place(id(1), 2)).collect();
        assert_eq!(places.len(), 2);
        assert!(waiters.place(id(2), 2).is_some(), "others have their own");
        drop(places);
        assert!(waiters.counts().is_empty());
        assert!(waiters.place(id(1), 2).is_some());
    }
}
