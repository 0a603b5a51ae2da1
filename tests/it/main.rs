//! The integration tests: one binary, so that everything is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell why"
)]

mod bad_input;
mod bad_places;
mod bad_texts;
mod bombs;
mod books;
mod caller;
mod canary;
mod channels;
mod clients;
mod delivery;
mod documents;
mod fences;
mod isolation;
mod kill;
mod process;
mod rotation;
mod secrets;
mod server;
mod siege;
#[path = "../simulation/mod.rs"]
mod simulation;
mod tracks;
mod walks;
mod walks_over_http;
