//! Devices heard from lately and who holds them, so that a phone that reports all day is not looked up each time.

use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::store::DeviceRow;
use chrono::TimeDelta;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// SHA-256 of a device token.
type TokenHash = [u8; 32];

/// A device and who holds it: all that its records need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub project_id: ProjectId,
    pub device_id: DeviceId,
    pub user_id: UserId,
    /// What happened since then happened to this user; of what is older, or when it is none, the store is asked.
    pub since: Option<Timestamp>,
}

impl From<&DeviceRow> for Holding {
    fn from(row: &DeviceRow) -> Self {
        Self {
            project_id: row.project_id,
            device_id: row.id,
            user_id: row.user_id,
            since: None,
        }
    }
}

/// What is known of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    Known(Holding),
    /// Ask the store, and bring the answer back with this: it counts only if nothing has changed hands meanwhile.
    Ask(Changes),
}

/// How many changes had been heard of when a look-up began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes(u64);

/// The devices heard from lately. Exact for what this process changes: whoever changes a token or an owner forgets the device
/// here before the change is answered. What another process changes is noticed when an entry has grown old.
pub(super) struct Holdings {
    known: RwLock<Known>,
    kept_for: TimeDelta,
    each_max: usize,
}

#[derive(Default)]
struct Known {
    changes: u64,
    young: Generation,
    /// The generation before: who is heard from again moves up, the others go with it.
    old: Generation,
}

#[derive(Default)]
struct Generation {
    // Both kinds of keys were made here by chance: nobody outside chooses one.
    by_token: HashMap<TokenHash, (Holding, Timestamp), FixedState>,
    by_device: HashMap<DeviceId, TokenHash, FixedState>,
}

impl Generation {
    fn take(&mut self, device: DeviceId) {
        if let Some(hash) = self.by_device.remove(&device) {
            self.by_token.remove(&hash);
        }
    }

    fn put(&mut self, hash: TokenHash, entry: (Holding, Timestamp)) {
        self.take(entry.0.device_id);
        self.by_device.insert(entry.0.device_id, hash);
        self.by_token.insert(hash, entry);
    }

    fn take_user(&mut self, project: ProjectId, user: UserId) {
        let theirs = |holding: &Holding| (holding.project_id, holding.user_id) == (project, user);
        let by_device = &mut self.by_device;
        self.by_token.retain(|_, (holding, _)| {
            let goes = theirs(holding);
            if goes {
                by_device.remove(&holding.device_id);
            }
            !goes
        });
    }
}

impl Holdings {
    /// `kept_for`: how long an entry is believed; `most`: entries kept at once.
    pub(super) fn new(kept_for: TimeDelta, most: usize) -> Self {
        Self {
            known: RwLock::default(),
            kept_for,
            each_max: (most / 2).max(1),
        }
    }

    /// For a store that this process alone writes, or one that others write as well.
    pub(super) fn of_store(is_shared: bool) -> Self {
        let kept_for = if is_shared {
            limits::DEVICE_CACHED_FOR
        } else {
            limits::DEVICE_CACHED_ALONE_FOR
        };
        Self::new(kept_for, limits::DEVICES_CACHED_MAX)
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look(&self, hash: &TokenHash, now: Timestamp) -> Looked {
        let known = self.read();
        let ask = Looked::Ask(Changes(known.changes));
        let (entry, is_old) = match known.young.by_token.get(hash) {
            Some(entry) => (*entry, false),
            None => match known.old.by_token.get(hash) {
                Some(entry) => (*entry, true),
                None => return ask,
            },
        };
        let (holding, seen_at) = entry;
        // A clock that was set back makes nothing older.
        if (now - seen_at).abs() >= self.kept_for {
            return ask;
        }
        let heard = Changes(known.changes);
        drop(known);
        if is_old {
            self.put(heard, *hash, entry);
        }
        Looked::Known(holding)
    }

    /// Keeps what the store said at `now`, unless something has changed hands since the look-up began.
    pub(super) fn keep(&self, begun: Changes, hash: TokenHash, holding: Holding, now: Timestamp) {
        self.put(begun, hash, (holding, now));
    }

    fn put(&self, begun: Changes, hash: TokenHash, entry: (Holding, Timestamp)) {
        let mut known = self.write();
        if Changes(known.changes) != begun {
            return;
        }
        known.old.take(entry.0.device_id);
        if known.young.by_token.len() >= self.each_max {
            known.old = std::mem::take(&mut known.young);
        }
        known.young.put(hash, entry);
    }

    /// The token or the owner of a device has changed, or may have.
    pub(super) fn forget(&self, device: DeviceId) {
        let mut known = self.write();
        known.changes += 1;
        known.young.take(device);
        known.old.take(device);
    }

    /// All devices of a user are gone.
    pub(super) fn forget_user(&self, project: ProjectId, user: UserId) {
        let mut known = self.write();
        known.changes += 1;
        known.young.take_user(project, user);
        known.old.take_user(project, user);
    }

    /// Nobody knows what has changed.
    pub(super) fn forget_all(&self) {
        let mut known = self.write();
        known.changes += 1;
        known.young = Generation::default();
        known.old = Generation::default();
    }
}

#[cfg(test)]
#[path = "holdings_tests.rs"]
mod tests;
