//! The floor everything stands on: ids, time, clock and chance, bounds and secrets.

pub mod chance;
pub mod clock;
pub mod id;
pub mod limits;
pub mod memory;
pub mod secret;
pub mod time;
pub mod vault;
