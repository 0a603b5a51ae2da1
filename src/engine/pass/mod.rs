//! Passes: what lets a person board or open, read from its bar code and drawn as one.

mod bar_code;
mod bcbp;

/// The property of a fact that holds a bar code.
pub const BAR_CODE: &str = "bar_code";

pub use bar_code::{BarCode, Symbology};
pub use bcbp::{Bcbp, BcbpError, Issue, Leg, Security, Ticket};
