//! The history of the schema: each change is one migration, and each can be taken back.
#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait methods must match the elided lifetimes of MigrationTrait"
)]

mod m20260901_000001_projects_and_keys;
mod m20260901_000002_people;
mod m20260901_000003_facts;
mod m20260901_000004_catalogue;
mod m20260901_000005_records;
mod m20260901_000006_decisions;
mod m20260901_000007_outbox;
mod m20260901_000008_idempotency;
mod m20261122_000009_reply_text;
mod m20261122_000010_accepted_findings;
mod m20261122_000021_journeys;
mod m20261122_000022_journey_instances;
mod m20261122_000023_business_deliveries;
mod m20261122_000031_fact_kinds;
mod m20261122_000032_fact_versions;
mod m20261122_000033_merged_users;
mod m20261122_000040_inbox_failures;
mod m20261122_000041_fences_version;
mod m20261122_000041_retention_indexes;
mod m20261122_000050_push_set_at;
mod m20261122_000051_sealing_key;
mod m20261122_000060_webhook_endpoints;
mod m20261122_000061_delivery_endpoint;
mod m20261122_000062_delivery_replay;
mod m20261122_000070_vault;
mod m20261122_000071_push_address_name;
mod m20261122_000072_channels;
mod m20261122_000080_wallet_passes;
mod m20261122_000090_contacts;
mod m20261122_000091_delivery_reasons;
mod m20261122_000092_delivery_hops;
mod m20261122_000093_provider_ids;
mod m20261122_000100_routes_of_deliveries;
mod m20261122_000110_routes_of_endpoints;
mod m20261123_000111_fence_edits;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::{DbErr, Index, MigrationTrait, SchemaManager};

/// All migrations, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260901_000001_projects_and_keys::Migration),
            Box::new(m20260901_000002_people::Migration),
            Box::new(m20260901_000003_facts::Migration),
            Box::new(m20260901_000004_catalogue::Migration),
            Box::new(m20260901_000005_records::Migration),
            Box::new(m20260901_000006_decisions::Migration),
            Box::new(m20260901_000007_outbox::Migration),
            Box::new(m20260901_000008_idempotency::Migration),
            Box::new(m20261122_000009_reply_text::Migration),
            Box::new(m20261122_000010_accepted_findings::Migration),
            Box::new(m20261122_000021_journeys::Migration),
            Box::new(m20261122_000022_journey_instances::Migration),
            Box::new(m20261122_000023_business_deliveries::Migration),
            Box::new(m20261122_000031_fact_kinds::Migration),
            Box::new(m20261122_000032_fact_versions::Migration),
            Box::new(m20261122_000033_merged_users::Migration),
            Box::new(m20261122_000040_inbox_failures::Migration),
            Box::new(m20261122_000041_fences_version::Migration),
            Box::new(m20261122_000041_retention_indexes::Migration),
            Box::new(m20261122_000050_push_set_at::Migration),
            Box::new(m20261122_000051_sealing_key::Migration),
            Box::new(m20261122_000060_webhook_endpoints::Migration),
            Box::new(m20261122_000061_delivery_endpoint::Migration),
            Box::new(m20261122_000062_delivery_replay::Migration),
            Box::new(m20261122_000070_vault::Migration),
            Box::new(m20261122_000071_push_address_name::Migration),
            Box::new(m20261122_000072_channels::Migration),
            Box::new(m20261122_000080_wallet_passes::Migration),
            Box::new(m20261122_000090_contacts::Migration),
            Box::new(m20261122_000091_delivery_reasons::Migration),
            Box::new(m20261122_000092_delivery_hops::Migration),
            Box::new(m20261122_000093_provider_ids::Migration),
            Box::new(m20261122_000100_routes_of_deliveries::Migration),
            Box::new(m20261122_000110_routes_of_endpoints::Migration),
            Box::new(m20261123_000111_fence_edits::Migration),
        ]
    }
}

/// An index named after its table and columns, so that no two migrations can give one name twice.
async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
    unique: bool,
) -> Result<(), DbErr> {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    if unique {
        index.unique();
    }
    manager.create_index(index.take()).await
}
