//! Passes of a device's person: what their facts hold as bar codes, read, checked and drawn for the app.

use super::auth::DeviceAuth;
use super::paging::List;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::wallet::{Standing, is_told, link_of};
use crate::base::time::Timestamp;
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::pass::{BAR_CODE, BarCode, Bcbp, Leg, Symbology, bar_code, makes_pass, near};
use crate::store::DeviceRow;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// A boarding pass, or what opens a room or is shown at an entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct PassView {
    #[serde(flatten)]
    pub fact: FactRef,
    /// `cancelled` and `ended` ones are told for a day, so that the app can take them away.
    pub lifecycle: Lifecycle,
    /// What the bar code says, for an app that draws it itself; a room may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar_code: Option<String>,
    /// With a boarding pass, as it is printed: `DESMARAIS/LUC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passenger: Option<String>,
    /// The flights of a boarding pass.
    pub legs: Vec<LegView>,
    /// A page that shows the pass, for a browser. The link is a secret, made for this answer and good for a day at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The same for Apple Wallet, where it is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_wallet: Option<String>,
    /// The same for Google Wallet, where it is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google_wallet: Option<String>,
    /// What else the business knows of it by now: gate, boarding time, status.
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    pub changed_at: DateTime<Utc>,
}

/// One flight of a boarding pass.
#[derive(Debug, Serialize, ToSchema)]
pub struct LegView {
    #[schema(example = "YUL")]
    pub from: String,
    #[schema(example = "FRA")]
    pub to: String,
    #[schema(example = "AC 834")]
    pub flight: String,
    /// The bar code has the day of the year only; the year is the nearest one.
    pub date: Option<NaiveDate>,
    #[schema(example = "1A")]
    pub seat: String,
    pub compartment: String,
    pub sequence: String,
    pub booking: String,
}

/// How the bar code is drawn.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Drawing {
    #[serde(default)]
    pub symbology: Symbology,
}

/// Passes
///
/// Those in the facts of the person who holds the device: facts with a `bar_code` or a `room`. One with an IATA bar code is a
/// boarding pass. Ask again when a message says that something changed.
#[utoipa::path(tag = "device", security(("device_token" = [])),
    responses((status = 200, description = "all of them", body = List<PassView>)))]
#[get("/v1/devices/me/passes")]
pub async fn list(api: web::Data<Api>, DeviceAuth(device): DeviceAuth) -> Result<web::Json<List<PassView>>, Problem> {
    let now = api.pipeline.now();
    let facts = api.pipeline.store().facts_of(device.project_id, device.user_id).await?;
    let passes = facts.into_iter().filter(|fact| is_told(fact, now));
    let passes = passes.filter_map(|fact| view(&api, &device, fact, now)).collect();
    Ok(web::Json(List::whole(passes)))
}

/// The bar code of a pass as a drawing
#[utoipa::path(tag = "device", security(("device_token" = [])),
    params(("type" = String, Path, max_length = 128), ("key" = String, Path, max_length = 128), Drawing),
    responses((status = 200, description = "the drawing", body = String, content_type = "image/svg+xml")))]
#[get("/v1/devices/me/passes/{type}/{key}/bar-code.svg")]
pub async fn svg(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    path: web::Path<(String, String)>,
    query: web::Query<Drawing>,
) -> Result<HttpResponse, Problem> {
    let code = drawn(&api, &device, path.into_inner(), query.symbology).await?;
    Ok(picture("image/svg+xml").body(code.svg()))
}

/// The bar code of a pass as a picture
///
/// Black on white with its quiet zone, at least 720 pixels on its longer side.
#[utoipa::path(tag = "device", security(("device_token" = [])),
    params(("type" = String, Path, max_length = 128), ("key" = String, Path, max_length = 128), Drawing),
    responses((status = 200, description = "the picture", body = Vec<u8>, content_type = "image/png")))]
#[get("/v1/devices/me/passes/{type}/{key}/bar-code.png")]
pub async fn png(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    path: web::Path<(String, String)>,
    query: web::Query<Drawing>,
) -> Result<HttpResponse, Problem> {
    let code = drawn(&api, &device, path.into_inner(), query.symbology).await?;
    let png = code.png().map_err(|error| Problem::new(ErrorCode::Internal, error))?;
    Ok(picture("image/png").body(png))
}

/// Nothing between the server and the app may keep it: it lets somebody board.
fn picture(kind: &'static str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(kind)
        .insert_header((CACHE_CONTROL, "private, no-store"));
    answer
}

async fn drawn(
    api: &Api,
    device: &DeviceRow,
    (kind, key): (String, String),
    symbology: Symbology,
) -> Result<BarCode, Problem> {
    let id = FactRef { kind, key };
    let unknown = || Problem::not_found("pass");
    let fact = api.pipeline.store().fact(device.project_id, &id).await?;
    // Another person's pass and none at all are the same answer.
    let fact = fact
        .filter(|fact| fact.subjects.contains(&device.user_id) && is_told(fact, api.pipeline.now()))
        .ok_or_else(unknown)?;
    let code = bar_code(&fact.properties).ok_or_else(unknown)?;
    BarCode::of(code, symbology).map_err(|error| Problem::new(ErrorCode::Internal, error))
}

/// The pass a fact holds, if any.
fn view(api: &Api, device: &DeviceRow, fact: Fact, now: Timestamp) -> Option<PassView> {
    if !makes_pass(&fact.properties) {
        return None;
    }
    let is_good = Standing::of(&fact, now) == Standing::Good;
    let offer = api.offer.as_ref().filter(|_| is_good);
    let page = offer.map(|offer| offer.links.page(&link_of(device, &fact.id), fact.valid_to, now));
    let below = |is_offered: bool, path: &str| {
        page.as_ref()
            .filter(|_| is_offered)
            .map(|page| format!("{page}/{path}"))
    };
    let wallets = offer.map(|offer| &offer.wallets);
    let apple_wallet = below(wallets.is_some_and(|wallets| wallets.apple.is_some()), "pass.pkpass");
    let google_wallet = below(wallets.is_some_and(|wallets| wallets.google.is_some()), "google");
    let near = near(&fact.properties, fact.changed_at);
    let code = bar_code(&fact.properties).map(str::to_owned);
    let boarding = code.as_deref().and_then(|code| Bcbp::read(code).ok());
    let legs = boarding
        .as_ref()
        .map(|pass| pass.legs.iter().map(|leg| leg_view(leg, near)).collect());
    let mut properties = fact.properties;
    properties.remove(BAR_CODE);
    Some(PassView {
        fact: fact.id,
        lifecycle: fact.lifecycle,
        bar_code: code,
        legs: legs.unwrap_or_default(),
        passenger: boarding.map(|pass| pass.passenger),
        page,
        apple_wallet,
        google_wallet,
        properties,
        changed_at: fact.changed_at,
    })
}

fn leg_view(leg: &Leg, near: NaiveDate) -> LegView {
    LegView {
        from: leg.from.clone(),
        to: leg.to.clone(),
        flight: leg.flight_name(),
        date: leg.date(near),
        seat: leg.seat_name().to_owned(),
        compartment: leg.compartment.clone(),
        sequence: leg.sequence.clone(),
        booking: leg.booking.clone(),
    }
}
