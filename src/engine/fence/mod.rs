//! Geofences: shapes, index, opening hours.

pub mod geofence;
pub mod hours;

