//! Usher notices the moment and says the right thing. The modules below are the way of the data, lowest floor first.

pub mod base;
pub mod engine;
pub mod telemetry;
pub mod store;
pub mod channel;
pub mod pipeline;
pub mod api;
pub mod worker;
pub mod config;
pub mod app;
pub mod cli;
