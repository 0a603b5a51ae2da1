//! The regions a phone should watch from where it is.

use super::auth::DeviceAuth;
use super::problem::{ErrorCode, Problem};
use super::ranking::{Candidate, Why, covering_circle, rank};
use super::server::Api;
use crate::base::id::FenceId;
use crate::base::limits;
use crate::engine::catalogue::Catalogue;
use crate::engine::fence::Position;
use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use utoipa::{IntoParams, ToSchema};

/// iOS allows an app 20 regions: 18, the bubble, and one left for the app itself.
const LIMIT_IOS: usize = 18;

/// Where the phone is, and how many regions it can watch.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RegionQuery {
    #[param(minimum = -90, maximum = 90)]
    lat: f64,
    #[param(minimum = -180, maximum = 180)]
    lng: f64,
    /// 95 on Android and 18 elsewhere when it is left out.
    #[param(minimum = 1, maximum = 95)]
    limit: Option<usize>,
}

/// What to watch.
#[derive(Debug, Serialize, ToSchema)]
pub struct Regions {
    /// Most important first.
    pub regions: Vec<Region>,
    /// Watch it, too: when the phone leaves it, ask again.
    pub bubble: Bubble,
}

/// A circle around a geofence. It wakes the phone; what counts is a fix.
#[derive(Debug, Serialize, ToSchema)]
pub struct Region {
    pub id: FenceId,
    pub name: String,
    pub tag: String,
    pub external_id: String,
    pub lat: f64,
    pub lng: f64,
    /// Metres.
    pub radius_m: f64,
    /// Metres to the edge of the geofence, positive inside.
    pub edge_m: f64,
    pub why: Why,
}

/// A circle around the phone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bubble {
    pub lat: f64,
    pub lng: f64,
    /// Metres.
    pub radius_m: f64,
}

/// The regions to watch
///
/// Geofences the phone is in first, then those an active fact of its user speaks of, then the nearest.
#[utoipa::path(tag = "device", security(("device_token" = [])), params(RegionQuery),
    responses((status = 200, description = "what to watch", body = Regions)))]
#[get("/v1/devices/me/regions")]
pub async fn regions(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    query: web::Query<RegionQuery>,
) -> Result<web::Json<Regions>, Problem> {
    let here = Position::new(query.lat, query.lng)
        .map_err(|error| Problem::new(ErrorCode::QueryInvalid, error.to_string()))?;
    let is_android = device
        .platform
        .as_deref()
        .is_some_and(|platform| platform.eq_ignore_ascii_case("android"));
    let limit = query
        .limit
        .unwrap_or(if is_android { limits::REGIONS_MAX } else { LIMIT_IOS });
    if limit == 0 || limit > limits::REGIONS_MAX {
        let detail = format!("`limit` must be between 1 and {}", limits::REGIONS_MAX);
        return Err(Problem::new(ErrorCode::QueryInvalid, detail));
    }
    let now = api.pipeline.now();
    let facts = api.pipeline.store().facts_of(device.project_id, device.user_id).await?;
    let named: HashSet<String> = facts
        .into_iter()
        .filter(|fact| fact.is_active(now))
        .flat_map(|fact| fact.properties.into_iter().filter_map(|(_, value)| text_of(value)))
        .collect();
    let catalogue = api.pipeline.catalogue(device.project_id).await?;
    let (ranked, radius_m) = rank(candidates(&catalogue, here, limit, &named), limit);
    let regions = ranked
        .iter()
        .filter_map(|candidate| region(&catalogue, candidate))
        .collect();
    Ok(web::Json(Regions {
        regions,
        bubble: Bubble {
            lat: here.lat,
            lng: here.lng,
            radius_m,
        },
    }))
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The nearest, one more than fit so that the bubble knows its end, and the pinned wherever they are.
fn candidates(catalogue: &Catalogue, here: Position, limit: usize, named: &HashSet<String>) -> Vec<Candidate<FenceId>> {
    let is_pinned = |id: &FenceId| {
        catalogue
            .fences
            .get(id)
            .is_some_and(|fence| named.contains(fence.external_id()))
    };
    // Pinned ones take places from near ones, so as many more must be looked at.
    let pinned: Vec<FenceId> = if named.is_empty() {
        Vec::new()
    } else {
        catalogue.fences.keys().copied().filter(is_pinned).take(limit).collect()
    };
    let near = catalogue.index.near(here, limit + 1 + pinned.len());
    let near = near.into_iter().map(|(key, edge_m)| Candidate {
        key,
        edge_m,
        pinned: is_pinned(&key),
    });
    let far = pinned.iter().filter_map(|key| {
        let edge_m = catalogue.fences.get(key)?.shape.signed_distance_m(here);
        Some(Candidate {
            key: *key,
            edge_m,
            pinned: true,
        })
    });
    near.chain(far).collect()
}

fn region(catalogue: &Catalogue, candidate: &Candidate<FenceId>) -> Option<Region> {
    let fence = catalogue.fences.get(&candidate.key)?;
    let (center, radius_m) = covering_circle(&fence.shape)?;
    Some(Region {
        id: fence.id,
        name: fence.name().to_owned(),
        tag: fence.tag().to_owned(),
        external_id: fence.external_id().to_owned(),
        lat: center.lat,
        lng: center.lng,
        radius_m,
        edge_m: candidate.edge_m,
        why: candidate.why(),
    })
}
