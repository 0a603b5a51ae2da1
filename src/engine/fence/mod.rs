//! Fences as pure geometry: shapes on WGS84, the question "inside?", the distance to the edge, and the index that asks many at once.
//!
//! The way in is [`Shape::circle`], [`Shape::from_geojson`] or [`parse_features`]; whatever comes out of them is valid, and
//! every question asked of it is total. Edges of areas are straight in longitude and latitude, as RFC 7946 has them.
#![expect(
    clippy::float_cmp,
    reason = "equal coordinates mean the same place, nearly equal ones do not"
)]

mod area;
mod build;
mod cover;
mod cover_circle;
mod cut;
mod draft;
mod edge;
mod entry;
mod error;
mod feature;
mod geodesy;
pub mod geofence;
mod geofences;
mod geojson;
mod grid;
pub mod hours;
mod index;
mod names;
mod near;
mod patches;
mod positions;
mod ring;
mod room;
mod round;
mod runs;
mod shape;
mod shard;
mod sieve;
mod stored;
mod stretches;
mod tile;
mod validity;
mod weight;

#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod world_tests;

pub use area::Area;
pub use error::{GeometryCode, GeometryError};
pub use feature::{FeatureDraft, FeatureError, parse_features};
pub use geodesy::{Position, PositionError, distance_m};
pub use geofence::{Details, Geofence};
pub use geofences::Geofences;
pub use index::{Change, FenceIndex, Shaped};
pub use names::Names;
pub use shape::{Bounds, Circle, Shape, ShapeLimits};
pub use stored::StoredShape;
pub use weight::Weight;
