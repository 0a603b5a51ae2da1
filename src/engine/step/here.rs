//! Where a fix is: the geofences that hold it, and how likely it is that the person is in them.

use super::Input;
use super::stepper::Stepper;
use crate::base::id::FenceId;
use crate::engine::fence::{Geofence, Position};
use crate::engine::fix::validate::ACCURACY_ASSUMED_M;
use crate::engine::fix::{Body, Fix};
use crate::engine::presence::Likelihood;

/// A geofence that holds a fix.
#[derive(Clone, Copy)]
pub(super) struct Holding<'a> {
    pub(super) fence: &'a Geofence,
    /// Whether it certainly holds every place that the fix may stand for.
    deep: bool,
}

impl Holding<'_> {
    pub(super) fn likelihood(&self, position: Position, fix: &Fix) -> Likelihood {
        if self.deep {
            return Likelihood::DEEP_INSIDE;
        }
        likelihood(self.fence, position, fix, true)
    }
}

impl<'a> Stepper<'a> {
    /// Looks where the only fix of an input is, for who has visits: the geofences that they are in are mostly those, and need then
    /// not be looked for among all of them.
    pub(super) fn look_around(&mut self, input: &Input) {
        let Input::Records { records, .. } = input else { return };
        let [only] = records.as_slice() else { return };
        let Body::Fix(fix) = &only.body else { return };
        if self.subject.visits.is_empty() {
            return;
        }
        if let Ok(position) = Position::new(fix.lat, fix.lng) {
            self.here = Some(self.find(position, fix));
        }
    }

    /// The geofences that hold a fix; they were looked for before if it is the only one.
    pub(super) fn fences_at(&mut self, position: Position, fix: &Fix) -> Vec<Holding<'a>> {
        self.here.take().unwrap_or_else(|| self.find(position, fix))
    }

    fn find(&self, position: Position, fix: &Fix) -> Vec<Holding<'a>> {
        let found = self.given.catalogue.index.at(position, matters_m(fix)).into_iter();
        found.map(|(fence, deep)| Holding { fence, deep }).collect()
    }

    /// A geofence by its id, first among those around.
    pub(super) fn fence(&self, id: FenceId) -> Option<&'a Geofence> {
        let around = self.here.iter().flatten();
        let found = around.map(|holding| holding.fence).find(|fence| fence.id == id);
        found.or_else(|| self.given.catalogue.fences.get(&id).map(|fence| &**fence))
    }
}

/// What a fix says of a geofence that holds it or does not.
pub(super) fn likelihood(fence: &Geofence, position: Position, fix: &Fix, holds: bool) -> Likelihood {
    let edge_m = fence.shape.signed_distance_up_to_m(position, matters_m(fix), holds);
    Likelihood::of(fence.shape.effective_radius_m(), edge_m, accuracy_m(fix))
}

fn matters_m(fix: &Fix) -> f64 {
    Likelihood::edge_matters_within_m(accuracy_m(fix))
}

/// The radius a fix claims, or the one assumed where it claims none.
pub(super) fn accuracy_m(fix: &Fix) -> f64 {
    fix.accuracy_m.unwrap_or(ACCURACY_ASSUMED_M)
}
