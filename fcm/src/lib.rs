//! A client for Firebase Cloud Messaging HTTP v1, and a server to test against.
//!
#![doc = include_str!("../README.md")]

mod access;
mod account;
mod answer;
mod client;
mod clock;
mod error;
mod message;
mod redact;
mod retry_after;
#[cfg(feature = "test-server")]
pub mod test_server;

pub use client::{Client, DEFAULT_ENDPOINT, DEFAULT_TIMEOUT, Sent, Settings};
pub use error::{Advice, FIRST_RETRY_MIN, QUOTA_RETRY_DEFAULT, SendError, SetupError};
pub use message::size::{PAYLOAD_MAX_BYTES, TOPIC_PAYLOAD_MAX_BYTES};
pub use message::*;
pub use retry_after::RETRY_AFTER_MAX;
