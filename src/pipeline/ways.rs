//! The ways out: what is under way by each of them, and the short way of a new delivery past the outbox.
//!
//! A delivery whose way is free is leased by the commit that makes it, and handed to the dispatcher when that is durable: nobody
//! has to look for it and claim it. It is as safe as one that was claimed: when the process dies before it is sent, its lease ends
//! and somebody takes it up. Whoever finds a queue stands in it.

use crate::base::id::MessageId;
use crate::base::time::Timestamp;
use crate::engine::flow::{Ending, Flow, Route};
use crate::engine::message::Message;
use crate::engine::step::leaves_at;
use crate::store::DeliveryRow;
use crate::store::change::Change;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What is under way by each route, shared by all who dispatch or commit in this process.
#[derive(Clone)]
pub(super) struct Ways {
    flow: Arc<Mutex<Flow>>,
    desk: Arc<Mutex<Desk>>,
}

/// Where new deliveries are handed over.
#[derive(Default)]
struct Desk {
    /// To the dispatcher that takes them; none while there is no such one.
    dispatcher: Option<UnboundedSender<Leased>>,
    /// No more are leased; those that are being committed still come.
    is_closed: bool,
}

/// New deliveries that were leased as they were written, each with its place.
pub(super) struct Leased {
    pub(super) rows: Vec<DeliveryRow>,
    pub(super) places: Vec<Place>,
}

impl Ways {
    pub(super) fn new(flow: Flow) -> Self {
        Self {
            flow: Arc::new(Mutex::new(flow)),
            desk: Arc::default(),
        }
    }

    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on new deliveries whose way is free come to this desk. There are never more of them than places.
    pub(super) fn open_desk(&self) -> UnboundedReceiver<Leased> {
        let (sender, receiver) = unbounded_channel();
        self.desk().dispatcher = Some(sender);
        receiver
    }

    /// From now on every new delivery goes to the outbox.
    pub(super) fn close_desk(&self) {
        self.desk().is_closed = true;
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takes_new_ones(&self) -> bool {
        let desk = self.desk();
        desk.dispatcher.is_some() && !desk.is_closed
    }

    /// Leases the deliveries of those of these changes that need not wait; says which places they have, change by change.
    pub(super) fn lease(&self, changes: &mut [Change], now: Timestamp, until: Timestamp) -> Vec<Vec<Place>> {
        let sends = changes.iter().any(|change| !change.effects.messages.is_empty());
        if !sends || !self.takes_new_ones() {
            return changes.iter().map(|_| Vec::new()).collect();
        }
        // A commit takes back only what is queued, also what it has just made.
        let taken_back = |change: &Change| [&change.effects.cancelled[..], &change.effects.superseded[..]].concat();
        let taken_back: HashSet<MessageId> = changes.iter().flat_map(taken_back).collect();
        let lease = |change: &mut Change| {
            let stay = |message: &Message| !taken_back.contains(&message.id);
            let places = if change.effects.messages.iter().all(stay) {
                self.places_for(change, now)
            } else {
                Vec::new()
            };
            change.leased_until = (!places.is_empty()).then_some(until);
            places
        };
        changes.iter_mut().map(lease).collect()
    }

    /// A place for each delivery of this change; none when one of them has to wait, and so goes to the outbox with the others.
    fn places_for(&self, change: &Change, now: Timestamp) -> Vec<Place> {
        let mut places = Vec::new();
        for message in &change.effects.messages {
            for planned in &message.deliveries {
                let route = Route {
                    project_id: change.project_id,
                    channel: planned.channel,
                    endpoint_id: planned.endpoint_id,
                };
                let is_due = leaves_at(&change.effects, message, planned.channel) <= now;
                if !is_due || !self.flow().try_begin(route, now) {
                    return Vec::new();
                }
                places.push(self.place(route, now));
            }
        }
        places
    }

    /// One that [`Flow`] counts as begun.
    pub(super) fn place(&self, route: Route, at: Timestamp) -> Place {
        Place {
            ways: self.clone(),
            route,
            ending: Ending::NotTried,
            at,
            is_given_back: false,
        }
    }

    /// They are durable: they may be sent. Nothing is lost where the dispatcher has just ended, for their leases do.
    pub(super) fn hand_over(&self, leased: Leased) {
        if let Some(dispatcher) = &self.desk().dispatcher {
            let _ = dispatcher.send(leased);
        }
    }
}

/// The place of one claimed delivery among those under way. It is given back whatever becomes of the task that holds it.
pub(super) struct Place {
    ways: Ways,
    route: Route,
    ending: Ending,
    at: Timestamp,
    is_given_back: bool,
}

impl Place {
    pub(super) fn note(&mut self, ending: Ending, at: Timestamp) {
        (self.ending, self.at) = (ending, at);
    }

    /// True when the route has just been closed for going silent.
    pub(super) fn give_back(mut self) -> bool {
        self.is_given_back = true;
        self.ways.flow().ended(self.route, self.ending, self.at)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_given_back {
            self.ways.flow().ended(self.route, self.ending, self.at);
        }
    }
}
