//! Importing geofences from GeoJSON or CSV: every row gets its own answer, and one bad row harms no other.

use super::auth::Writes;
use super::geofence_body::{Described, GeofenceBody, geometry_problem, row};
use super::geofences::busy;
use super::json;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::{FenceId, ProjectId};
use crate::base::time::Timestamp;
use crate::engine::fence::hours::Opening;
use crate::engine::fence::{FeatureDraft, Position, Shape, ShapeLimits, parse_features};
use crate::store::{FenceRow, Upserted};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, post, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// How to import.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// Say what would happen, and change nothing.
    #[serde(default)]
    dry_run: bool,
    /// The tag of rows that have none.
    #[param(min_length = 1, max_length = 128)]
    tag: Option<String>,
}

/// What became of the file.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Imported {
    pub dry_run: bool,
    pub added: usize,
    pub updated: usize,
    pub same: usize,
    pub invalid: usize,
    pub rows: Vec<ImportedRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowOutcome {
    Added,
    Updated,
    Same,
    Invalid,
}

/// What became of one row.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedRow {
    /// Its place in the file, from 0.
    pub index: usize,
    pub external_id: Option<String>,
    pub outcome: RowOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<FenceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// With `invalid`: stable, `snake_case`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// With `invalid`: JSON pointer into the file, or `/<row>/<column>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One row as it was read.
struct Read {
    external_id: Option<String>,
    row: Result<FenceRow, Problem>,
}

/// What each row is stamped with.
struct Stamp<'a> {
    project_id: ProjectId,
    now: Timestamp,
    tag: Option<&'a str>,
}

/// Import geofences
///
/// GeoJSON (`application/geo+json` or `application/json`; properties `name`, `tag`, `external_id`, `radius_m`, `time_zone`,
/// `opening_hours`, the others become metadata) or CSV (`text/csv`; columns `name`, `tag`, `external_id`, `lat`, `lng`,
/// `radius_m`, `time_zone`). Rows are added or updated by tag and external id.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(ImportQuery),
    request_body(content((Object = "application/geo+json"), (Object = "application/json"), (String = "text/csv"))),
    responses((status = 200, description = "what became of each row", body = Imported)))]
#[post("/v1/geofences/import")]
pub async fn import(
    api: web::Data<Api>,
    Writes(key): Writes,
    request: HttpRequest,
    query: web::Query<ImportQuery>,
    payload: web::Payload,
) -> Result<web::Json<Imported>, Problem> {
    let is_csv = is_csv(&request)?;
    let limits = ShapeLimits::default();
    let bytes = json::read(&request, payload.into_inner(), limits.collection_bytes_max).await?;
    let (project, now, tag) = (key.project_id, api.pipeline.now(), query.tag.clone());
    let read = web::block(move || {
        let stamp = Stamp {
            project_id: project,
            now,
            tag: tag.as_deref(),
        };
        if is_csv {
            from_csv(&bytes, &stamp, &limits)
        } else {
            from_geojson(&bytes, &stamp, &limits)
        }
    });
    let read = read.await.map_err(|_| busy())??;
    store(&api, project, query.dry_run, read).await.map(web::Json)
}

fn is_csv(request: &HttpRequest) -> Result<bool, Problem> {
    let header = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    match header.split(';').next().unwrap_or("").trim() {
        "text/csv" => Ok(true),
        "application/geo+json" | "application/json" | "application/vnd.geo+json" => Ok(false),
        _ => Err(Problem::new(
            ErrorCode::MediaTypeUnsupported,
            "send application/geo+json or text/csv",
        )),
    }
}

async fn store(api: &Api, project: ProjectId, dry_run: bool, read: Vec<Read>) -> Result<Imported, Problem> {
    let mut rows: Vec<FenceRow> = read.iter().filter_map(|one| one.row.as_ref().ok().cloned()).collect();
    for row in &mut rows {
        row.id = api.pipeline.new_id();
    }
    let mut puts = api.pipeline.put_geofences(project, &rows, dry_run).await?.into_iter();
    let mut imported = Imported {
        dry_run,
        ..Imported::default()
    };
    for (index, one) in read.into_iter().enumerate() {
        let mut told = ImportedRow {
            index,
            external_id: one.external_id,
            outcome: RowOutcome::Invalid,
            id: None,
            version: None,
            code: None,
            pointer: None,
            detail: None,
            hint: None,
        };
        match one.row {
            Ok(_) => {
                let Some(put) = puts.next() else { continue };
                told.outcome = match put.outcome {
                    Upserted::Added => RowOutcome::Added,
                    Upserted::Updated => RowOutcome::Updated,
                    Upserted::Same => RowOutcome::Same,
                };
                // The id of a row that was never written names nothing.
                let is_real = !dry_run || put.outcome != Upserted::Added;
                told.id = is_real.then_some(put.id);
                told.version = Some(put.version);
            }
            Err(problem) => refuse(&mut told, &problem),
        }
        let count = match told.outcome {
            RowOutcome::Added => &mut imported.added,
            RowOutcome::Updated => &mut imported.updated,
            RowOutcome::Same => &mut imported.same,
            RowOutcome::Invalid => &mut imported.invalid,
        };
        *count += 1;
        imported.rows.push(told);
    }
    Ok(imported)
}

fn refuse(told: &mut ImportedRow, problem: &Problem) {
    let body = problem.body();
    let code = body
        .errors
        .first()
        .map_or_else(|| body.code.as_str().to_owned(), |error| error.code.clone());
    told.code = Some(code);
    told.pointer.clone_from(&body.pointer);
    told.detail = Some(body.detail.clone());
    told.hint.clone_from(&body.hint);
}

fn from_geojson(bytes: &[u8], stamp: &Stamp<'_>, limits: &ShapeLimits) -> Result<Vec<Read>, Problem> {
    let features = parse_features(bytes, limits).map_err(|error| {
        let problem = geometry_problem(&error);
        Problem::new(ErrorCode::ImportInvalid, error.detail)
            .at(error.pointer)
            .hint(error.hint)
            .errors(problem.body().errors.clone())
    })?;
    Ok(features
        .into_iter()
        .map(|feature| match feature {
            Ok(draft) => feature_row(draft, stamp),
            Err(error) => Read {
                external_id: error.id,
                row: Err(geometry_problem(&error.error)),
            },
        })
        .collect())
}

fn feature_row(draft: FeatureDraft, stamp: &Stamp<'_>) -> Read {
    let mut properties = draft.properties;
    let mut text = |key: &str| match properties.remove(key) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    let external_id = text("external_id").or(draft.id);
    let (name, tag, time_zone) = (text("name"), text("tag"), text("time_zone"));
    let hours = properties.remove("opening_hours");
    properties.remove("radius_m");
    let at = format!("/features/{}/properties", draft.index);
    let row = opening_hours(hours).and_then(|opening_hours| {
        let body = body_of(external_id.clone(), name, tag, time_zone, properties, stamp);
        let body = GeofenceBody { opening_hours, ..body };
        row(
            Described {
                shape: &draft.shape,
                body,
            },
            stamp.project_id,
            unwritten(),
            stamp.now,
        )
    });
    Read {
        external_id,
        row: row.map_err(|problem| under(problem, &at)),
    }
}

fn opening_hours(value: Option<Value>) -> Result<BTreeMap<String, Vec<Opening>>, Problem> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_value(value)
        .map_err(|error| Problem::field("/opening_hours", json::without_values(&error.to_string())))
}

/// A row is given its id when all are read: a new one costs a draw, which readers of files have no business with.
fn unwritten() -> FenceId {
    FenceId::from(uuid::Uuid::nil())
}

fn under(problem: Problem, prefix: &str) -> Problem {
    let pointer = problem.body().pointer.clone().unwrap_or_default();
    problem.at(format!("{prefix}{pointer}"))
}

fn body_of(
    external_id: Option<String>,
    name: Option<String>,
    tag: Option<String>,
    time_zone: Option<String>,
    metadata: Map<String, Value>,
    stamp: &Stamp<'_>,
) -> GeofenceBody {
    let external_id = external_id.unwrap_or_default();
    GeofenceBody {
        name: name.unwrap_or_else(|| external_id.clone()),
        tag: tag.or_else(|| stamp.tag.map(str::to_owned)).unwrap_or_default(),
        external_id,
        geometry: None,
        center: None,
        radius_m: None,
        metadata,
        time_zone: time_zone.filter(|zone| !zone.is_empty()),
        opening_hours: BTreeMap::new(),
        thresholds: None,
    }
}

/// The columns of a CSV file; those it does not know are refused by leaving them out of the metadata's way: they become metadata.
fn from_csv(bytes: &[u8], stamp: &Stamp<'_>, limits: &ShapeLimits) -> Result<Vec<Read>, Problem> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let whole = |detail: String| Problem::new(ErrorCode::ImportInvalid, detail);
    let headers = reader.headers().map_err(|error| whole(error.to_string()))?.clone();
    for needed in ["external_id", "lat", "lng", "radius_m"] {
        if !headers.iter().any(|header| header == needed) {
            let detail = format!("the first line has no column `{needed}`");
            return Err(whole(detail).hint("name the columns name,tag,external_id,lat,lng,radius_m,time_zone"));
        }
    }
    let mut rows = Vec::new();
    for (index, record) in reader.into_records().enumerate() {
        if index >= limits.features_max {
            return Err(whole(format!("the file has more than {} rows", limits.features_max)));
        }
        rows.push(match record {
            Ok(record) => csv_row(index, &headers, &record, stamp, limits),
            Err(error) => Read {
                external_id: None,
                row: Err(whole(error.to_string()).at(format!("/{index}"))),
            },
        });
    }
    Ok(rows)
}

fn csv_row(
    index: usize,
    headers: &csv::StringRecord,
    record: &csv::StringRecord,
    stamp: &Stamp<'_>,
    limits: &ShapeLimits,
) -> Read {
    let mut cells: BTreeMap<&str, &str> = headers
        .iter()
        .zip(record.iter())
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    let mut text = |column: &str| cells.remove(column).map(str::to_owned);
    let external_id = text("external_id");
    let (name, tag, time_zone) = (text("name"), text("tag"), text("time_zone"));
    let numbers = [
        ("lat", text("lat")),
        ("lng", text("lng")),
        ("radius_m", text("radius_m")),
    ]
    .map(|(column, cell)| {
        let number = cell
            .as_deref()
            .and_then(|cell| cell.parse::<f64>().ok())
            .filter(|number| number.is_finite());
        number.ok_or_else(|| Problem::field(format!("/{column}"), "must be a number with a point, such as 48.2082"))
    });
    let metadata = cells
        .into_iter()
        .map(|(column, cell)| (column.to_owned(), Value::String(cell.to_owned())))
        .collect();
    let body = body_of(external_id.clone(), name, tag, time_zone, metadata, stamp);
    let [lat, lng, radius_m] = numbers;
    let shape = lat
        .and_then(|lat| Ok((lat, lng?, radius_m?)))
        .and_then(|(lat, lng, radius_m)| {
            let center = Position::new(lat, lng).map_err(|error| Problem::field("/lat", error.to_string()))?;
            Shape::circle(center, radius_m, limits).map_err(|error| geometry_problem(&error).at("/radius_m"))
        });
    let row = shape.and_then(|shape| {
        row(
            Described { shape: &shape, body },
            stamp.project_id,
            unwritten(),
            stamp.now,
        )
    });
    Read {
        external_id,
        row: row.map_err(|problem| under(problem, &format!("/{index}"))),
    }
}
