//! The HTTP API: one file per resource, with its shapes, handlers and descriptions together.

pub mod auth;
mod backtests;
mod batch;
mod channels;
mod consents;
mod contents;
mod decisions;
mod deliveries;
mod devices;
mod events;
mod explain;
mod fact_kinds;
mod facts;
mod fields;
pub mod gate;
mod geofence_body;
mod geofences;
pub mod health;
mod idempotency;
mod import;
pub mod ingest;
mod journeys;
mod journeys_instances;
mod json;
mod keys;
mod me;
mod messages;
mod metrics;
mod moments;
pub mod openapi;
mod page;
mod paging;
mod passes;
mod places;
pub mod problem;
mod project;
mod publishing;
mod push;
mod ranking;
mod regions;
mod reports;
mod requests;
pub mod server;
mod silent;
mod simulations;
mod stream;
mod timeliness;
mod track;
mod triggers;
mod users;
mod wallet;
mod webhook_endpoints;

pub use gate::Rates;
pub use health::Progress;
pub use openapi::openapi_yaml;
pub use server::{Api, Settings, app, routes, serve};

#[cfg(test)]
mod backtest_tests;
#[cfg(test)]
mod contact_tests;
#[cfg(test)]
mod explain_tests;
#[cfg(test)]
mod fact_tests;
#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod google_wallet_tests;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod journey_tests;
#[cfg(test)]
mod lint_tests;
#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
mod pass_link_tests;
#[cfg(test)]
mod pass_tests;
#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod surface_tests;
#[cfg(test)]
mod wallet_tests;
