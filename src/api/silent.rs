//! Devices gone silent: who is not heard of any more, and what may explain it.

use super::auth::Reads;
use super::paging::{List, ask};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::{DeviceId, UserId};
use crate::base::time::Span;
use crate::engine::fix::Permission;
use crate::store::SilentRow;
use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Without `for`, a device that said nothing for a day is silent.
const SILENT_FOR: Span = Span::hours(24);
/// A longer silence than this is no question any more.
const SILENT_FOR_MAX: Span = Span::hours(24 * 366);
/// With less charge than this a phone stops reporting, or is switched off.
const BATTERY_LOW: f64 = 0.1;

/// Which devices.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SilentQuery {
    /// Silent for at least this long; a day without it.
    #[serde(rename = "for")]
    #[param(value_type = Option<String>, example = "PT24H")]
    silent_for: Option<Span>,
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Rows of the page; it may hold fewer and still have a next one.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// A device that has said nothing for a while.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilentDevice {
    pub device_id: DeviceId,
    pub user_id: UserId,
    pub user_ref: Option<String>,
    pub platform: Option<String>,
    pub last_seen_at: DateTime<Utc>,
    /// What may explain it, as far as it is known.
    pub reason: SilentBecause,
}

/// What may explain a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilentBecause {
    /// The person signed out, and nobody has signed in since.
    SignedOut,
    /// The provider called its push address dead: the app is probably gone.
    TokenDead,
    /// Notifications are switched off: it cannot be woken by showing something.
    NoPermission,
    /// It has no push address: it cannot be asked.
    NoToken,
    /// Its battery was nearly empty when it was last heard.
    BatteryLow,
    Unknown,
}

impl SilentDevice {
    fn of(row: SilentRow) -> Self {
        let reason = reason(&row);
        Self {
            device_id: row.device_id,
            user_id: row.user_id,
            user_ref: row.user_ref,
            platform: row.platform,
            last_seen_at: row.last_seen_at,
            reason,
        }
    }
}

/// The strongest explanation there is.
fn reason(row: &SilentRow) -> SilentBecause {
    let battery_low = row.battery.is_some_and(|charge| charge <= BATTERY_LOW);
    let known = [
        (row.signed_out, SilentBecause::SignedOut),
        (row.address_died, SilentBecause::TokenDead),
        (row.notifications == Permission::Denied, SilentBecause::NoPermission),
        (!row.has_address, SilentBecause::NoToken),
        (battery_low, SilentBecause::BatteryLow),
    ];
    let mut known = known.into_iter();
    known
        .find_map(|(is, why)| is.then_some(why))
        .unwrap_or(SilentBecause::Unknown)
}

/// Devices gone silent, registered last first
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(SilentQuery),
    responses((status = 200, description = "a page", body = List<SilentDevice>)))]
#[get("/v1/devices/silent")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    query: web::Query<SilentQuery>,
) -> Result<web::Json<List<SilentDevice>>, Problem> {
    let page = ask(query.cursor.as_deref(), query.limit)?;
    let silent_for = query.silent_for.unwrap_or(SILENT_FOR);
    if silent_for.as_seconds() < 1 || silent_for > SILENT_FOR_MAX {
        let detail = "`for` is a duration from PT1S to P366D, such as PT24H";
        return Err(Problem::new(ErrorCode::QueryInvalid, detail));
    }
    let before = api.pipeline.now() - silent_for.delta();
    let rows = api
        .pipeline
        .store()
        .silent_devices(key.project_id, before, &page)
        .await?;
    Ok(web::Json(List::of(rows, SilentDevice::of)))
}

#[cfg(test)]
#[path = "silent_tests.rs"]
mod tests;
