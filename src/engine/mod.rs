//! Everything that decides, and nothing that acts: no clock, chance, disk or network (DESIGN.md 4, invariant 1).

pub mod fix;
pub mod fence;
pub mod presence;
pub mod moment;
pub mod fact;
pub mod subject;
pub mod trigger;
pub mod message;
pub mod decision;
pub mod delivery;
pub mod catalogue;
pub mod step;
