//! Track files as raw records: GPX, `GeoJSON`, CSV and the JSON of the barefoot map matcher, in the order of the file.

use crate::api::ingest::parsed::{AdapterError, Origin, Refused};
use crate::api::ingest::reading::{
    self, Fields, METRES_PER_HDOP, accuracy, clock_required, finite, measure, not_a_number, number,
};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::fix::{Fix, RawBody, RawRecord};
use serde_json::Value;
use std::collections::HashMap;

const ADAPTER: &str = "track";
// What columns and properties are called in the wild, the plainest name first.
const TIMES: [&str; 5] = ["timestamp", "time", "at", "fixed_at", "recorded_at"];
const LATITUDES: [&str; 2] = ["lat", "latitude"];
const LONGITUDES: [&str; 4] = ["lng", "lon", "long", "longitude"];
const ACCURACIES: [&str; 3] = ["accuracy_m", "accuracy", "horizontal_accuracy"];
const SPEEDS: [&str; 2] = ["speed_mps", "speed"];
const HEADINGS: [&str; 4] = ["heading_deg", "heading", "bearing", "course"];
const ALTITUDES: [&str; 4] = ["altitude_m", "altitude", "elevation", "ele"];
const VEHICLES: [&str; 3] = ["vehicle_id", "device_id", "user_ref"];

/// What one file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackFile {
    /// One per vehicle, by first appearance; a file that names none holds one.
    pub tracks: Vec<Track>,
    /// Points that became no record, each with its place in the file.
    pub refused: Vec<Refused>,
}

/// What one phone or vehicle sent, in the order of the file, which need not be the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The vehicle's name in the file, if it has one.
    pub vehicle: Option<String>,
    /// Fixes with the file's own times; broken clock values are left for the server to mark.
    pub records: Vec<RawRecord>,
}

/// Why nothing of a file can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {detail}")]
pub struct TrackError {
    /// Stable, `snake_case`.
    pub code: &'static str,
    pub file: String,
    /// What is wrong and what to do instead.
    pub detail: String,
}

/// Reads a track file; its format follows from the ending of `name`, and `.json` from what is inside.
pub fn read_track(name: &str, bytes: &[u8]) -> Result<TrackFile, TrackError> {
    let failed = |code, detail: String| TrackError {
        code,
        file: name.to_owned(),
        detail,
    };
    if bytes.len() > limits::IMPORT_BYTES_MAX {
        let detail = format!(
            "{} bytes; split the file, at most {} are read",
            bytes.len(),
            limits::IMPORT_BYTES_MAX
        );
        return Err(failed("file_too_large", detail));
    }
    let mut reading = Reading::default();
    let ending = name
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_ascii_lowercase();
    match ending.as_str() {
        "gpx" => gpx(bytes, &mut reading),
        "csv" => csv(bytes, &mut reading),
        "json" | "geojson" => json(bytes, &mut reading),
        _ => Err((
            "format_unknown",
            "the name must end in .gpx, .geojson, .json or .csv".to_owned(),
        )),
    }
    .map_err(|(code, detail)| failed(code, detail))?;
    Ok(reading.file)
}

/// The code and the detail of a [`TrackError`].
type Failure = (&'static str, String);

#[derive(Default)]
struct Reading {
    file: TrackFile,
    by_vehicle: HashMap<Option<String>, usize>,
}

impl Reading {
    fn take(&mut self, position: &str, read: Result<(Option<String>, Timestamp, Fix), Refused>) {
        match read {
            Err(refused) => self.file.refused.push(refused.under(position)),
            Ok((vehicle, at, fix)) => {
                let device = vehicle.clone().unwrap_or_default();
                let record = Origin {
                    adapter: ADAPTER,
                    caller: "",
                    device,
                }
                .record(at, Some((fix.lat, fix.lng)), RawBody::Fix(fix));
                let tracks = &mut self.file.tracks;
                let index = *self.by_vehicle.entry(vehicle.clone()).or_insert_with(|| {
                    tracks.push(Track {
                        vehicle,
                        records: Vec::new(),
                    });
                    tracks.len() - 1
                });
                if let Some(track) = tracks.get_mut(index) {
                    track.records.push(record);
                }
            }
        }
    }
}

/// Track points only: waypoints are marks and routes are plans, nobody was observed there. One file is one phone's walk.
fn gpx(bytes: &[u8], reading: &mut Reading) -> Result<(), Failure> {
    let file = gpx::read(bytes).map_err(|error| ("gpx_invalid", format!("not a readable GPX file ({error})")))?;
    for (t, track) in file.tracks.iter().enumerate() {
        for (s, segment) in track.segments.iter().enumerate() {
            for (p, point) in segment.points.iter().enumerate() {
                let position = format!("track {}, segment {}, point {}", t + 1, s + 1, p + 1);
                reading.take(&position, gpx_point(point));
            }
        }
    }
    Ok(())
}

fn gpx_point(point: &gpx::Waypoint) -> Result<(Option<String>, Timestamp, Fix), Refused> {
    let Some(time) = point.time else {
        return Err(Refused::new(
            "time",
            "time_missing",
            "the point has no time; it is never dated by guess",
        ));
    };
    let written = time
        .format()
        .ok()
        .and_then(|text| reading::instant(&Value::String(text)));
    let Some(at) = written else {
        return Err(Refused::new(
            "time",
            "time_invalid",
            "the point's time lies outside of the years 1 to 9999",
        ));
    };
    let known = |number: Option<f64>| number.filter(|number| number.is_finite());
    let fix = Fix {
        lat: point.point().y(),
        lng: point.point().x(),
        accuracy_m: known(point.hdop)
            .filter(|hdop| *hdop > 0.0)
            .map(|hdop| hdop * METRES_PER_HDOP),
        speed_mps: known(point.speed).filter(|speed| *speed >= 0.0),
        altitude_m: known(point.elevation),
        source: Some(ADAPTER.to_owned()),
        ..Fix::default()
    };
    Ok((None, at, fix))
}

/// A header line, then one fix per line; unknown columns are passed over.
fn csv(bytes: &[u8], reading: &mut Reading) -> Result<(), Failure> {
    let invalid = |error: &csv::Error| ("csv_invalid", format!("not a readable CSV file ({error})"));
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let header: Vec<String> = reader
        .headers()
        .map_err(|error| invalid(&error))?
        .iter()
        .map(str::to_ascii_lowercase)
        .collect();
    for (what, names) in [
        ("time", &TIMES[..]),
        ("latitude", &LATITUDES[..]),
        ("longitude", &LONGITUDES[..]),
    ] {
        if !header.iter().any(|column| names.contains(&column.as_str())) {
            let detail = format!("no column for the {what}; name one of them {}", names.join(" or "));
            return Err(("csv_header", detail));
        }
    }
    for row in reader.records() {
        let row = row.map_err(|error| invalid(&error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let cells = row.iter().map(|cell| Value::String(cell.to_owned()));
        let fields: Fields = header.iter().cloned().zip(cells).collect();
        reading.take(&format!("line {line}"), table_row(&fields));
    }
    Ok(())
}

fn table_row(fields: &Fields) -> Result<(Option<String>, Timestamp, Fix), Refused> {
    let lat = required(fields, &LATITUDES)?;
    let lng = required(fields, &LONGITUDES)?;
    dated(fields, lat, lng)
}

/// The fix at a place with whatever else the columns or properties say.
fn dated(fields: &Fields, lat: f64, lng: f64) -> Result<(Option<String>, Timestamp, Fix), Refused> {
    let at = clock_required(fields, present(fields, &TIMES))?;
    Ok((vehicle_of(fields), at, fix_of(fields, lat, lng)?))
}

fn fix_of(fields: &Fields, lat: f64, lng: f64) -> Result<Fix, Refused> {
    Ok(Fix {
        lat,
        lng,
        accuracy_m: accuracy(fields, present(fields, &ACCURACIES))?,
        speed_mps: measure(fields, present(fields, &SPEEDS))?,
        heading_deg: measure(fields, present(fields, &HEADINGS))?,
        altitude_m: number(fields, present(fields, &ALTITUDES))?,
        source: Some(ADAPTER.to_owned()),
        simulated: false,
    })
}

/// The first name that holds something, else the plainest one.
fn present<'a>(fields: &Fields, names: &[&'a str]) -> &'a str {
    let filled = |value: &Value| !value.is_null() && value.as_str() != Some("");
    let first = names.iter().find(|name| fields.get(**name).is_some_and(filled));
    first.or(names.first()).copied().unwrap_or("")
}

fn required(fields: &Fields, names: &[&str]) -> Result<f64, Refused> {
    let name = present(fields, names);
    number(fields, name)?.ok_or_else(|| Refused::new(name, "position_missing", format!("`{name}` is missing")))
}

fn vehicle_of(fields: &Fields) -> Option<String> {
    match fields.get(present(fields, &VEHICLES))? {
        Value::String(name) if !name.is_empty() => Some(name.clone()),
        Value::Number(name) => Some(name.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn json(bytes: &[u8], reading: &mut Reading) -> Result<(), Failure> {
    let file = reading::json(bytes).map_err(|AdapterError { code, detail, .. }| (code, detail))?;
    if let Value::Array(points) = &file {
        for (index, point) in points.iter().enumerate() {
            reading.take(&format!("/{index}"), barefoot_point(point));
        }
        return Ok(());
    }
    match (
        file.get("type").and_then(Value::as_str),
        file.get("features").and_then(Value::as_array),
    ) {
        (Some("FeatureCollection"), Some(features)) => {
            for (index, feature) in features.iter().enumerate() {
                geojson_feature(&format!("/features/{index}"), feature, reading);
            }
            Ok(())
        }
        (Some("Feature"), _) => {
            geojson_feature("", &file, reading);
            Ok(())
        }
        _ => Err((
            "json_shape",
            "send a GeoJSON FeatureCollection or Feature, or an array of barefoot points".to_owned(),
        )),
    }
}

/// `{"point": "POINT(lng lat)", "time": ..., "id": ...}`.
fn barefoot_point(point: &Value) -> Result<(Option<String>, Timestamp, Fix), Refused> {
    let Some(fields) = point.as_object() else {
        return Err(Refused::new(
            "",
            "point_shape",
            "a point is {\"point\": \"POINT(lng lat)\", \"time\": ...}",
        ));
    };
    let written = reading::text(fields, "point").unwrap_or("").trim();
    let inner = written
        .strip_prefix("POINT")
        .and_then(|rest| rest.trim().strip_prefix('(')?.strip_suffix(')'));
    let numbers: Option<Vec<f64>> = inner.and_then(|inner| {
        inner
            .split_whitespace()
            .map(|text| finite(&Value::String(text.to_owned())))
            .collect()
    });
    let Some([lng, lat]) = numbers.as_deref() else {
        return Err(Refused::new(
            "point",
            "position_missing",
            "`point` must read POINT(longitude latitude)",
        ));
    };
    let vehicle = reading::text(fields, "id").map(str::to_owned);
    let (_, at, fix) = dated(fields, *lat, *lng)?;
    Ok((vehicle, at, fix))
}

fn geojson_feature(position: &str, feature: &Value, reading: &mut Reading) {
    let none = Fields::new();
    let properties = feature.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let geometry = feature.get("geometry");
    let kind = geometry
        .and_then(|geometry| geometry.get("type"))
        .and_then(Value::as_str);
    let coordinates = geometry.and_then(|geometry| geometry.get("coordinates"));
    match (kind, coordinates.and_then(Value::as_array)) {
        (Some("Point"), Some(_)) => {
            let read = lng_lat(coordinates).map_err(|refused| refused.under("geometry/coordinates"));
            let point =
                read.and_then(|(lng, lat)| dated(properties, lat, lng).map_err(|refused| refused.under("properties")));
            reading.take(position, point);
        }
        (Some("LineString"), Some(points)) => {
            let times = properties
                .get("coordTimes")
                .or_else(|| properties.get("coordinateProperties")?.get("times"));
            for (index, point) in points.iter().enumerate() {
                let place = format!("{position}/geometry/coordinates/{index}");
                reading.take(
                    &place,
                    line_point(point, times.and_then(|times| times.get(index)), properties),
                );
            }
        }
        _ => {
            let detail = "a track is made of Points with a time, or LineStrings with `coordTimes`";
            reading.take(position, Err(Refused::new("geometry", "geometry_unsupported", detail)));
        }
    }
}

/// Speed, accuracy and the like of a line belong to all of it, so its points carry none.
fn line_point(
    point: &Value,
    time: Option<&Value>,
    properties: &Fields,
) -> Result<(Option<String>, Timestamp, Fix), Refused> {
    let (lng, lat) = lng_lat(Some(point))?;
    let Some(time) = time.filter(|time| !time.is_null()) else {
        return Err(Refused::new(
            "",
            "time_missing",
            "`coordTimes` has no time for this point; it is never dated by guess",
        ));
    };
    let Some(at) = reading::instant(time) else {
        return Err(Refused::new(
            "",
            "time_invalid",
            "the time of this point in `coordTimes` is not RFC 3339",
        ));
    };
    Ok((
        vehicle_of(properties),
        at,
        Fix {
            lat,
            lng,
            source: Some(ADAPTER.to_owned()),
            ..Fix::default()
        },
    ))
}

fn lng_lat(coordinates: Option<&Value>) -> Result<(f64, f64), Refused> {
    let degrees = |index: usize| {
        let number = coordinates
            .and_then(|coordinates| coordinates.get(index))
            .and_then(finite);
        number.ok_or_else(|| Refused {
            position: index.to_string(),
            ..not_a_number("coordinates")
        })
    };
    Ok((degrees(0)?, degrees(1)?))
}

#[cfg(test)]
#[path = "tracks_tests.rs"]
mod tests;
