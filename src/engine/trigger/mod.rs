//! Triggers: the marketer's sentence - when, where, for each, if, wait, then, guards (DESIGN.md 3).

pub mod bounds;
mod calendar;
pub mod compiled;
pub mod expression;
mod live;
mod rungs;
pub mod sentence;
mod signals;
mod typed;
pub mod when;
mod wording;

pub use compiled::{Around, CompiledTrigger, InJourney, TriggerError};
pub use live::LiveTriggers;
pub use sentence::{
    Arm, AtLimit, Audience, Bind, Cap, Choose, Class, Fallback, Guards, Replaces, ReplacesOnly, Then, Trigger, Wait,
    Window,
};
pub use when::{AnsweredWhen, EventWhen, FactWhen, PlaceSelector, ScheduleWhen, TimeWhen, When};
