//! Everything that decides, and nothing that acts: no clock, chance, disk or network (DESIGN.md 4, invariant 1).

pub mod backtest;
pub mod catalogue;
pub mod decision;
pub mod delivery;
pub mod explain;
pub mod fact;
pub mod fence;
pub mod fix;
pub mod flow;
pub mod journey;
pub mod lint;
pub mod message;
pub mod moment;
pub mod pass;
pub mod presence;
pub mod step;
pub mod subject;
pub mod trigger;
