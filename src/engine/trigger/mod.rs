//! Triggers: the marketer's sentence - when, where, for each, if, wait, then, guards (DESIGN.md 3).

pub mod compiled;
pub mod expression;
pub mod sentence;
mod wording;

pub use compiled::{CompiledTrigger, TriggerError};
pub use sentence::{
    Bind, Choose, Class, EventWhen, FactWhen, Guards, PlaceSelector, Then, Trigger, Wait, When, Window,
};
