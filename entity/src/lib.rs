//! One row type per table. Ids are UUIDs, times are UTC at microseconds, and structured values are JSON text: the store reads
//! them straight into typed values, and text keeps what JSONB refuses (an escaped NUL in a property) or reorders.

pub mod attempt;
pub mod channel;
pub mod consent;
pub mod content;
pub mod decision;
pub mod delivery;
pub mod device;
pub mod device_owner;
pub mod event;
pub mod fact;
pub mod fact_kind;
pub mod fact_subject;
pub mod fact_version;
pub mod fact_version_subject;
pub mod fix;
pub mod geofence;
pub mod idempotency_key;
pub mod inbox;
pub mod journey;
pub mod journey_instance;
pub mod journey_passage;
pub mod journey_version;
pub mod key;
pub mod message;
pub mod moment;
pub mod project;
pub mod receipt;
pub mod subject;
pub mod tombstone;
pub mod trigger;
pub mod trigger_revision;
pub mod user;
pub mod vault;
pub mod wallet_pass;
pub mod webhook_endpoint;
