//! One delivery at a time for each device: what it is sent later is shown later, and nothing follows a provider's word that its
//! address is dead.

use super::ways::Place;
use crate::base::id::DeviceId;
use crate::store::Claimed;
use std::collections::{HashMap, VecDeque};
use tokio::task::Id;

type Waiting = (Claimed, Place);

/// Whose turn it is. Bounded by the places of the dispatcher: nobody waits here without one.
#[derive(Default)]
pub(super) struct Turns {
    /// Devices that are being sent to, with what waits for them.
    busy: HashMap<DeviceId, VecDeque<Waiting>>,
    /// The device that each task sends to.
    tasks: HashMap<Id, DeviceId>,
    /// Addresses called dead, with the claims begun by then: one that began before may have read them still.
    dead: HashMap<DeviceId, (String, u64)>,
    claims: u64,
}

impl Turns {
    pub(super) fn claim_begins(&mut self) {
        self.claims += 1;
    }

    /// Takes in what the last claim gave; says what can be sent at once.
    pub(super) fn take_in(&mut self, claimed: Vec<Waiting>) -> Vec<Waiting> {
        let mut ready = Vec::with_capacity(claimed.len());
        for (mut claimed, place) in claimed {
            let Some(device) = claimed.delivery.device_id else {
                ready.push((claimed, place));
                continue;
            };
            if let Some((dead, _)) = self.dead.get(&device) {
                forget(&mut claimed, dead);
            }
            if let Some(waiting) = self.busy.get_mut(&device) {
                waiting.push_back((claimed, place));
            } else {
                self.busy.insert(device, VecDeque::new());
                ready.push((claimed, place));
            }
        }
        let claims = self.claims;
        self.dead.retain(|_, (_, at)| *at >= claims);
        ready
    }

    pub(super) fn begun(&mut self, task: Id, device: Option<DeviceId>) {
        self.tasks.extend(device.map(|device| (task, device)));
    }

    /// The device that this task sent to.
    pub(super) fn ended(&mut self, task: Id) -> Option<DeviceId> {
        self.tasks.remove(&task)
    }

    /// What became of a device's delivery is on record: the next one for it, if any waits.
    pub(super) fn pass(&mut self, device: DeviceId, dead: Option<&str>) -> Option<Waiting> {
        if let Some(dead) = dead {
            self.dead.insert(device, (dead.to_owned(), self.claims));
            for (claimed, _) in self.busy.get_mut(&device).into_iter().flatten() {
                forget(claimed, dead);
            }
        }
        let next = self.busy.get_mut(&device)?.pop_front();
        if next.is_none() {
            self.busy.remove(&device);
        }
        next
    }
}

fn forget(claimed: &mut Claimed, dead: &str) {
    if claimed.push.as_ref().is_some_and(|(_, address)| address == dead) {
        claimed.push = None;
    }
}
