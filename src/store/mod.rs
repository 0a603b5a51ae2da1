//! Rows and domain values: the only module that names SeaORM and the entities.
//!
//! Every query starts from a project id. Writes go through one immediate transaction each; reads have their own connections.

mod backtest;
mod books;
mod catalogue;
pub mod change;
mod channels;
mod codec;
mod commit;
mod commit_at_once;
mod commit_messages;
mod commit_people;
mod commit_records;
mod connect;
mod contacts;
mod contents;
mod devices;
mod endpoint_secrets;
mod endpoints;
mod erase;
pub mod error;
mod export;
mod fact_kinds;
mod fact_versions;
mod facts;
mod geofences;
mod idempotency;
mod inbox;
mod instances;
mod journeys;
mod keys;
mod keys_file;
mod look;
mod look_deliveries;
mod look_explain;
mod merge;
mod outbox;
mod paging;
mod people;
mod projects;
mod provider_receipts;
mod publish;
mod register;
mod replay;
mod reseal;
mod retain;
mod routes;
mod script;
mod sealed;
mod settings;
mod settle;
mod silent;
mod subjects;
#[doc(hidden)]
pub mod testing;
mod triggers;
mod vault;
mod wallet_passes;

pub use backtest::{Noticed, StoredPerson};
pub use books::Books;
pub use catalogue::{CatalogueRows, FenceRows, JourneyRows};
pub use change::{Change, DeviceRow, EventRow, FactOutcome, FactPut, InboxEntry, InboxInput, Row};
pub use channels::{ChannelMark, ChannelRow, Previous, Probed, SetUp};
pub use commit::CommitSummary;
pub use commit_messages::leased;
pub use connect::Store;
pub use contents::ContentRow;
pub use devices::{ConsentRow, OwnerRow};
pub use endpoint_secrets::SigningSecrets;
pub use endpoints::{Disabled, EndpointEdit, EndpointRow, Heard};
pub use error::{CommitError, StoreError};
pub use fact_kinds::FactTypeRow;
pub use geofences::{FenceRow, FenceUpsert, FencesEdit, FencesPut, Upserted};
pub use idempotency::{Begun, SavedAnswer};
pub use instances::{InstanceFilter, InstanceRow, StateCounts, Stuck};
pub use journeys::{JourneyRow, VersionRow};
pub use keys::{KeyKind, KeyRow};
pub use look::{DecisionFilter, EventFilter, MomentFilter};
pub use look_deliveries::{AttemptRow, DeliveryFilter, DeliveryRow, Passed};
pub use merge::UserMerge;
pub use outbox::Claimed;
pub use paging::{Cursor, CursorError, Page, PageAsk};
pub use people::UserRow;
pub use projects::ProjectRow;
pub use provider_receipts::{ProviderSaid, ProviderWord};
pub use register::{Registered, Registration};
pub use replay::{Replay, Replays};
pub use reseal::{Reseal, Resealed};
pub use retain::Retention;
pub use settings::{Settings, Synchronous};
pub use settle::{DeadAddress, Settlement, Whose};
pub use silent::SilentRow;
pub use triggers::{RevisionRow, RevisionState, TriggerRow, TriggerState};
pub use vault::{Settings as VaultSettings, VaultError, VaultState, rotate_keys};
pub use wallet_passes::{Held, WalletPass};

#[cfg(test)]
#[path = "books_tests.rs"]
mod books_tests;
#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod catalogue_tests;
#[cfg(test)]
#[path = "commit_at_once_tests.rs"]
mod commit_at_once_tests;
#[cfg(test)]
#[path = "commit_tests.rs"]
mod commit_tests;
#[cfg(test)]
#[path = "erase_tests.rs"]
mod erase_tests;
#[cfg(test)]
#[path = "fact_history_tests.rs"]
mod fact_history_tests;
#[cfg(test)]
#[path = "full_tests.rs"]
mod full_tests;
#[cfg(test)]
#[path = "journey_tests.rs"]
mod journey_tests;
#[cfg(test)]
#[path = "outbox_tests.rs"]
mod outbox_tests;
#[cfg(test)]
#[path = "people_tests.rs"]
mod people_tests;
#[cfg(test)]
#[path = "plans_tests.rs"]
mod plans_tests;
#[cfg(test)]
#[path = "sample_tests.rs"]
mod sample;
#[cfg(test)]
#[path = "script_tests.rs"]
mod script_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod store_tests;
