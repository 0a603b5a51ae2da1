//! Records as clients send them, and what is left of them after validation: one located or dated observation each.

pub mod record;
pub mod validate;

pub use record::{Crossing, DeviceContext, Event, Fix, Permission, Receipt, ReceiptStatus, Transition};
pub use record::{Envelope, RawBody, RawRecord};
pub use validate::{Body, Quality, Record, Rejection, validate};
