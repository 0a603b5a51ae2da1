//! What phones with an app from the store send, put into Usher's words: Overland, `OwnTracks`, Traccar Client and `OsmAnd`.

pub mod osmand;
pub mod overland;
pub mod owntracks;
pub mod parsed;
pub mod reading;

use super::auth::Reporting;
use super::json;
use super::problem::{ErrorCode, FieldError, Problem};
use super::server::Api;
use crate::base::limits;
use crate::engine::fix::Envelope;
use crate::pipeline::Holding;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use owntracks::AppHeaders;
use parsed::{AdapterError, Caller, Parsed};
use serde::Serialize;
use utoipa::ToSchema;

/// What Overland takes for success, and nothing else.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverlandTaken {
    #[schema(example = "ok")]
    pub result: String,
}

impl From<AdapterError> for Problem {
    fn from(error: AdapterError) -> Self {
        let named = FieldError {
            code: error.code.to_owned(),
            pointer: error.pointer.clone(),
            detail: error.detail.clone(),
            position: None,
            hint: None,
        };
        let code = if error.code == "too_many_records" {
            ErrorCode::TooManyRecords
        } else {
            ErrorCode::ReportInvalid
        };
        Self::new(code, error.detail).at(error.pointer).errors(vec![named])
    }
}

/// Records from Overland
///
/// Answers `{"result":"ok"}` when every record is durable. Records that can never be taken are dropped: the app would send them
/// again for ever.
#[utoipa::path(tag = "other clients", security(("device_token" = []), ("device_password" = [])),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, description = "durable", body = OverlandTaken)))]
#[post("/v1/ingest/overland")]
pub async fn take_overland(
    api: web::Data<Api>,
    Reporting(device): Reporting,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<OverlandTaken>, Problem> {
    let body = read(&request, payload).await?;
    let name = device.device_id.to_string();
    let parsed = overland::parse(&body, &caller(&api, &name))?;
    take(&api, device, parsed, "overland", &request).await?;
    Ok(web::Json(OverlandTaken {
        result: "ok".to_owned(),
    }))
}

/// Messages from `OwnTracks`
///
/// HTTP mode; the device token is the password.
#[utoipa::path(tag = "other clients", security(("device_token" = []), ("device_password" = [])),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, description = "durable; an empty list, for there is nothing to tell the app", body = Vec<Object>)))]
#[post("/v1/ingest/owntracks")]
pub async fn take_owntracks(
    api: web::Data<Api>,
    Reporting(device): Reporting,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = read(&request, payload).await?;
    let name = device.device_id.to_string();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let headers = AppHeaders {
        user: header("x-limit-u"),
        device: header("x-limit-d"),
    };
    let parsed = owntracks::parse(&body, headers, &caller(&api, &name))?;
    take(&api, device, parsed, "owntracks", &request).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body("[]"))
}

/// A report in the `OsmAnd` dialect of the query
///
/// `id`, `timestamp`, `lat`, `lon` and others. The device token may stand in `id` where the operator allows it.
#[utoipa::path(tag = "other clients", security(("device_token" = []), ("device_password" = [])),
    params(("lat" = Option<String>, Query), ("lon" = Option<String>, Query), ("timestamp" = Option<String>, Query)),
    responses((status = 200, description = "durable")))]
#[get("/v1/ingest/osmand")]
pub async fn take_osmand_query(
    api: web::Data<Api>,
    Reporting(device): Reporting,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let name = device.device_id.to_string();
    let parsed = osmand::parse_query(request.query_string(), &caller(&api, &name))?;
    take(&api, device, parsed, "osmand", &request).await?;
    Ok(HttpResponse::Ok().finish())
}

/// A report of Traccar Client
///
/// As JSON, or in the query as older versions do.
#[utoipa::path(tag = "other clients", security(("device_token" = []), ("device_password" = [])),
    request_body(content = Option<Object>, content_type = "application/json"),
    responses((status = 200, description = "durable")))]
#[post("/v1/ingest/osmand")]
pub async fn take_osmand(
    api: web::Data<Api>,
    Reporting(device): Reporting,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = read(&request, payload).await?;
    let name = device.device_id.to_string();
    let parsed = if body.iter().all(u8::is_ascii_whitespace) {
        osmand::parse_query(request.query_string(), &caller(&api, &name))?
    } else {
        osmand::parse(&body, &caller(&api, &name))?
    };
    take(&api, device, parsed, "osmand", &request).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, Problem> {
    json::read(request, payload.into_inner(), limits::BODY_BYTES_MAX).await
}

fn caller<'a>(api: &Api, name: &'a str) -> Caller<'a> {
    Caller {
        name,
        received_at: api.pipeline.now(),
    }
}

/// Tracks what was read. When this returns, every record is durable or can never be taken.
async fn take(
    api: &Api,
    device: Holding,
    parsed: Parsed,
    adapter: &'static str,
    request: &HttpRequest,
) -> Result<(), Problem> {
    let refused = parsed.refused.len();
    if let Some(first) = parsed.refused.first() {
        tracing::debug!(adapter, refused, code = first.code, position = %first.position, "reports were refused");
    }
    metrics::counter!("usher_ingest_refused_total", "adapter" => adapter).increment(refused as u64);
    // One report can become three records: a full batch of reports takes several batches of records.
    let mut records = parsed.records.into_iter().peekable();
    while records.peek().is_some() {
        let batch = records.by_ref().take(limits::RECORDS_PER_BATCH_MAX).collect();
        let share = json::share_of(request);
        api.pipeline.track(device, &Envelope::default(), batch, share).await?;
    }
    Ok(())
}
