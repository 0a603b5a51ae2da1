//! What may go out now: shares between the ways messages leave by, so that one that is slow, dead or flooded holds up no other.

mod breaker;
mod pace;

pub use breaker::Ending;
pub use pace::Limit;

use super::delivery::ChannelKind;
use crate::base::id::{EndpointId, ProjectId};
use crate::base::limits;
use crate::base::time::Timestamp;
use breaker::Breaker;
use pace::Pace;
use std::collections::BTreeMap;

/// A way out: one tenant's messages by one channel, or to one of its endpoints. What befalls one way is no matter of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    pub project_id: ProjectId,
    pub channel: ChannelKind,
    /// With webhooks: which endpoint, each being a receiver of its own.
    pub endpoint_id: Option<EndpointId>,
}

/// How many deliveries a way may take up now, at most.
pub type Share = (Route, usize);

/// What is under way by each route, and what each may take up next.
///
/// Three rules bound a route: it has no more places than are left free ([`Flow::plan`]), nothing but a probe goes to a receiver
/// that has gone silent ([`breaker`]), and a provider is approached as fast as it allows ([`pace`]).
#[derive(Debug)]
pub struct Flow {
    places: usize,
    limits: BTreeMap<ChannelKind, Limit>,
    lanes: BTreeMap<Route, Lane>,
    under_way: usize,
    /// Under way to all endpoints of one tenant together.
    to_endpoints: BTreeMap<ProjectId, usize>,
    /// Counts the shares given: who was served longest ago comes first.
    turn: u64,
    wake_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Lane {
    under_way: usize,
    served: u64,
    breaker: Breaker,
    pace: Option<Pace>,
    /// As far as is known, something waits for its turn.
    has_queue: bool,
}

impl Flow {
    /// `places`: sends at once, of all routes together. `limits`: how fast the provider behind a channel may be asked.
    pub fn new(places: usize, limits: BTreeMap<ChannelKind, Limit>) -> Self {
        Self {
            places,
            limits,
            lanes: BTreeMap::new(),
            under_way: 0,
            to_endpoints: BTreeMap::new(),
            turn: 0,
            wake_at: None,
        }
    }

    /// Shares of the free places for the routes that have something due; none for those that must wait.
    ///
    /// Places are dealt in turn, one each, to whoever has fewer of them than are still free. So one slow route ends up with half
    /// of all places and leaves the other half, two leave a third, and there is no number to tune. An endpoint has fewer than its
    /// tenant could still get: one that is slow leaves places to the others, and all of them together half to everybody else.
    pub fn plan(&mut self, due: &[Route], now: Timestamp) -> Vec<Share> {
        self.wake_at = None;
        let mut asking: Vec<(Route, usize, usize)> = Vec::with_capacity(due.len());
        let mut wakes: Vec<Timestamp> = Vec::new();
        for route in due {
            let lane = self.lane(*route, now);
            lane.has_queue = true;
            let room = lane.room(now);
            if room == 0 {
                wakes.extend(lane.wake_at(now));
            } else {
                asking.push((*route, lane.under_way, room));
            }
        }
        self.wake_at = wakes.into_iter().min();
        asking.sort_by_key(|(route, ..)| self.lanes.get(route).map_or(0, |lane| lane.served));
        asking.truncate(limits::ROUTES_PER_CLAIM_MAX);
        let mut free = self.places.saturating_sub(self.under_way);
        let mut shares: Vec<Share> = asking.iter().map(|(route, ..)| (*route, 0)).collect();
        let mut to_endpoints = self.to_endpoints.clone();
        let mut dealt = true;
        while dealt {
            dealt = false;
            for ((route, under_way, room), (_, share)) in asking.iter().zip(&mut shares) {
                let together = route
                    .endpoint_id
                    .map(|_| to_endpoints.entry(route.project_id).or_default());
                let siblings = together.as_deref().copied().unwrap_or_default();
                if *share < *room && *under_way + *share + siblings < free {
                    *share += 1;
                    free -= 1;
                    dealt = true;
                    if let Some(together) = together {
                        *together += 1;
                    }
                }
            }
        }
        shares.retain(|(_, share)| *share > 0);
        for (route, _) in &shares {
            self.turn += 1;
            if let Some(lane) = self.lanes.get_mut(route) {
                lane.served = self.turn;
            }
        }
        shares
    }

    /// When a route that must wait may go on; none when nothing that was asked for waits.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    pub fn is_full(&self) -> bool {
        self.under_way >= self.places
    }

    /// Deliveries were claimed for this route.
    pub fn began(&mut self, route: Route, count: usize, now: Timestamp) {
        self.under_way += count;
        if route.endpoint_id.is_some() {
            *self.to_endpoints.entry(route.project_id).or_default() += count;
        }
        let lane = self.lane(route, now);
        lane.under_way += count;
        if let Some(pace) = &mut lane.pace {
            pace.take(count);
        }
    }

    /// A claim for this route got less than its share: nothing waits there any more.
    pub fn emptied(&mut self, route: Route) {
        if let Some(lane) = self.lanes.get_mut(&route) {
            lane.has_queue = false;
        }
    }

    /// Takes up a new delivery that was never queued; false when it has to stand in the queue. So must then whoever comes after
    /// it, until a claim has seen the end of that.
    pub fn try_begin(&mut self, route: Route, now: Timestamp) -> bool {
        let siblings = route.endpoint_id.and_then(|_| self.to_endpoints.get(&route.project_id));
        let siblings = siblings.copied().unwrap_or_default();
        let free = self.places.saturating_sub(self.under_way);
        let lane = self.lane(route, now);
        let may_begin = !lane.has_queue && lane.room(now) > 0 && lane.under_way + siblings < free;
        lane.has_queue = !may_begin;
        if may_begin {
            self.began(route, 1, now);
        }
        may_begin
    }

    /// One of them ended. True when the route has just been closed for going silent.
    pub fn ended(&mut self, route: Route, ending: Ending, now: Timestamp) -> bool {
        self.under_way = self.under_way.saturating_sub(1);
        if route.endpoint_id.is_some() {
            let together = self.to_endpoints.entry(route.project_id).or_default();
            *together = together.saturating_sub(1);
            self.to_endpoints.retain(|_, together| *together > 0);
        }
        let lane = self.lane(route, now);
        lane.under_way = lane.under_way.saturating_sub(1);
        let closed = lane.breaker.heard(ending, now);
        if self.lanes.len() > limits::ROUTES_REMEMBERED_MAX {
            self.lanes.retain(|_, lane| !lane.is_at_rest(now));
        }
        closed
    }

    fn lane(&mut self, route: Route, now: Timestamp) -> &mut Lane {
        let limit = self.limits.get(&route.channel);
        let lane = self.lanes.entry(route).or_insert_with(|| Lane {
            under_way: 0,
            served: 0,
            breaker: Breaker::default(),
            pace: limit.map(|limit| Pace::new(*limit, now)),
            has_queue: false,
        });
        if let Some(pace) = &mut lane.pace {
            pace.advance(now);
        }
        lane
    }
}

impl Lane {
    /// How many more may be taken up, but for the places of the house.
    fn room(&self, now: Timestamp) -> usize {
        let probes = self.breaker.room(now, self.under_way);
        self.pace.as_ref().map_or(probes, |pace| probes.min(pace.room()))
    }

    fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.breaker.opens_again_at(now) {
            // A probe is under way: its end is the word.
            None if self.breaker.room(now, self.under_way) == 0 => None,
            None => self.pace.as_ref().map(Pace::wake_at),
            at => at,
        }
    }

    fn is_at_rest(&self, now: Timestamp) -> bool {
        let slow = self.pace.as_ref().is_none_or(|pace| pace.is_at_rest(now));
        self.under_way == 0 && !self.has_queue && self.breaker.is_untroubled() && slow
    }
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;
