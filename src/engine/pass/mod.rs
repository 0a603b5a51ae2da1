//! Passes: what lets a person board or open, read from its bar code and drawn as one.

mod bar_code;
mod bcbp;
mod card;
mod words;

/// The property of a fact that holds a bar code.
pub const BAR_CODE: &str = "bar_code";

pub use bar_code::{BarCode, Symbology};
pub use bcbp::{Bcbp, BcbpError, Issue, Leg, Security, Ticket};
pub use card::{Card, Flight, Line, Said, Source, bar_code, makes_pass, near};
pub use words::Words;

/// The name under which a text finds the link to the pass of a fact: `{{ flight.pass_link }}`.
pub const PASS_LINK: &str = "pass_link";
