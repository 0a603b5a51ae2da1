//! The floor everything stands on: ids, time, clock and chance, bounds and secrets.

pub mod chance;
pub mod clock;
pub mod compact;
pub mod contact;
pub mod cores;
pub mod id;
pub mod limits;
pub mod link;
pub mod memory;
pub mod pool;
pub mod rare;
pub mod seal;
pub mod secret;
pub mod sorted;
pub mod time;
pub mod vault;
