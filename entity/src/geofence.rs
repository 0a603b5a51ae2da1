//! `geofences`: a named area.

use sea_orm::entity::prelude::*;

/// A named area.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "geofences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub tag: String,
    pub external_id: String,
    pub name: String,
    pub shape: String,
    pub metadata: String,
    pub time_zone: Option<String>,
    pub opening_hours: String,
    pub thresholds: Option<String>,
    pub version: i64,
    pub edit: i64,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
