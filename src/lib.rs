//! Usher notices the moment and says the right thing. The modules below are the way of the data, lowest floor first.

pub mod api;
pub mod app;
pub mod base;
pub mod channel;
pub mod cli;
pub mod config;
pub mod engine;
pub mod pipeline;
pub mod store;
pub mod telemetry;
pub mod walk;
pub mod wallet;
pub mod worker;
