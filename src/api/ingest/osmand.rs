//! Traccar Client and everything else that speaks the `OsmAnd` dialect: a query string, or the client's newer JSON.
//!
//! Format: `traccar/traccar` `OsmAndProtocolDecoder` and its test. Speed is in knots in a query and in metres per second in JSON.

use super::parsed::{AdapterError, Caller, Origin, Parsed, Refused, bounded, device_name};
use super::reading::{
    Fields, METRES_PER_HDOP, accuracy, clock, clock_required, json, measure, not_a_number, number, place, text,
};
use crate::base::time::Timestamp;
use crate::engine::fix::{DeviceContext, Event, Fix, RawBody};
use actix_web::web::Query;
use serde_json::{Map, Value, json as literal};

const ADAPTER: &str = "osmand";
/// One knot is 1,852 m per hour (International Hydrographic Conference, 1929).
const MPS_PER_KNOT: f64 = 1_852.0 / 3_600.0;
/// A query longer than this in keys is no report of a phone.
const QUERY_KEYS_MAX: usize = 200;
/// Cells and access points kept of one report; phones list at most about twenty.
const NEIGHBOURS_MAX: usize = 32;

/// Reads the JSON of Traccar Client: `location` is one object, or an array when the app sends in batches.
pub fn parse(body: &[u8], caller: &Caller<'_>) -> Result<Parsed, AdapterError> {
    let body = json(body)?;
    let (locations, in_array) = match body.get("location") {
        Some(Value::Array(locations)) => (locations.as_slice(), true),
        Some(location @ Value::Object(_)) => (std::slice::from_ref(location), false),
        _ => {
            return Err(AdapterError::new(
                "body_shape",
                "/location",
                "send {\"device_id\": \"...\", \"location\": {...}}",
            ));
        }
    };
    bounded(locations.len(), "/location")?;
    let device = match body.get("device_id") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(name)) => name.to_string(),
        _ => String::new(),
    };
    let Some(device) = device_name("/device_id", &device)? else {
        return Ok(nameless("/device_id"));
    };
    let origin = Origin {
        adapter: ADAPTER,
        caller: caller.name,
        device: device.clone(),
    };
    let mut parsed = Parsed {
        client_device_id: Some(device),
        ..Parsed::default()
    };
    for (index, location) in locations.iter().enumerate() {
        let prefix = if in_array {
            format!("/location/{index}")
        } else {
            "/location".to_owned()
        };
        if let Err(refused) = take_location(location, &origin, &mut parsed) {
            parsed.refused.push(refused.under(&prefix));
        }
    }
    Ok(parsed)
}

/// Reads the query of a GET, or the form of a POST. A report without `timestamp` is stamped on arrival, as the dialect says.
pub fn parse_query(query: &str, caller: &Caller<'_>) -> Result<Parsed, AdapterError> {
    let malformed = || {
        AdapterError::new(
            "query_malformed",
            "",
            "send key=value pairs such as id=1&lat=60.0&lon=30.0",
        )
    };
    let pairs = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| malformed())?
        .into_inner();
    if pairs.len() > QUERY_KEYS_MAX {
        return Err(AdapterError::new(
            "query_malformed",
            "",
            format!("a report has at most {QUERY_KEYS_MAX} keys"),
        ));
    }
    let (mut fields, mut cells, mut wifi) = (Fields::new(), Vec::new(), Vec::new());
    for (key, value) in pairs {
        match key.as_str() {
            "cell" => cells.push(Value::String(value)),
            "wifi" => wifi.push(Value::String(value)),
            _ => {
                fields.insert(key, Value::String(value));
            }
        }
    }
    let name = text(&fields, "id").or_else(|| text(&fields, "deviceid")).unwrap_or("");
    let Some(device) = device_name("id", name)? else {
        return Ok(nameless("id"));
    };
    let origin = Origin {
        adapter: ADAPTER,
        caller: caller.name,
        device: device.clone(),
    };
    let mut parsed = Parsed {
        client_device_id: Some(device),
        ..Parsed::default()
    };
    cells.truncate(NEIGHBOURS_MAX);
    wifi.truncate(NEIGHBOURS_MAX);
    if let Err(refused) = take_report(&fields, &cells, &wifi, &origin, caller.received_at, &mut parsed) {
        parsed.refused.push(refused);
    }
    Ok(parsed)
}

/// Without a name nobody knows whose position it is, so nothing comes out.
fn nameless(position: &str) -> Parsed {
    let refused = Refused::new(position, "device_id_missing", "a report needs the device's id");
    Parsed {
        refused: vec![refused],
        ..Parsed::default()
    }
}

fn take_report(
    fields: &Fields,
    cells: &[Value],
    wifi: &[Value],
    origin: &Origin<'_>,
    received_at: Timestamp,
    parsed: &mut Parsed,
) -> Result<(), Refused> {
    let at = clock(fields, "timestamp")?.unwrap_or(received_at);
    let fix = report_fix(fields)?;
    // A context that cannot be read is refused, and the fix beside it counts.
    let (context, faulty) = split(report_context(fields));
    let alarm = text(fields, "alarm");
    let silent = context == DeviceContext::default() && alarm.is_none() && cells.is_empty() && wifi.is_empty();
    push_context(at, context, origin, parsed);
    if let Some(alarm) = alarm {
        push_event(at, "alarm", literal!({ "alarm": alarm }), origin, parsed);
    }
    let Some(fix) = fix else {
        if !(cells.is_empty() && wifi.is_empty()) {
            push_event(
                at,
                "network",
                literal!({ "cells": cells, "wifi": wifi }),
                origin,
                parsed,
            );
        }
        let missing = || Refused::new("lat", "position_missing", "send lat and lon, or location=lat,lon");
        return if silent {
            Err(faulty.unwrap_or_else(missing))
        } else {
            faulty.map_or(Ok(()), Err)
        };
    };
    if text(fields, "valid").is_some_and(|valid| !is_true(valid)) {
        let detail = "the client itself says valid=false: its receiver had no position";
        return Err(Refused::new("valid", "fix_not_valid", detail));
    }
    push_fix(at, fix, origin, parsed);
    faulty.map_or(Ok(()), Err)
}

fn report_context(fields: &Fields) -> Result<DeviceContext, Refused> {
    Ok(DeviceContext {
        battery: measure(fields, "batt")?.map(|percent| percent / 100.0),
        charging: text(fields, "charge").map(is_true),
        activity: text(fields, "activity").map(str::to_owned),
        ..DeviceContext::default()
    })
}

/// What could be read, and what could not.
fn split(context: Result<DeviceContext, Refused>) -> (DeviceContext, Option<Refused>) {
    match context {
        Ok(context) => (context, None),
        Err(refused) => (DeviceContext::default(), Some(refused)),
    }
}

fn is_true(text: &str) -> bool {
    text == "1" || text.eq_ignore_ascii_case("true")
}

fn report_fix(fields: &Fields) -> Result<Option<Fix>, Refused> {
    let place = match text(fields, "location") {
        Some(pair) => Some(pair_of(pair)?),
        None => place(fields, "lat", "lon")?,
    };
    let Some((lat, lng)) = place else { return Ok(None) };
    let stated = accuracy(fields, "accuracy")?.or(accuracy(fields, "hacc")?);
    let diluted = accuracy(fields, "hdop")?.map(|hdop| hdop * METRES_PER_HDOP);
    let mock = text(fields, "mock").is_some_and(is_true);
    Ok(Some(Fix {
        lat,
        lng,
        accuracy_m: stated.or(diluted),
        speed_mps: measure(fields, "speed")?.map(|knots| knots * MPS_PER_KNOT),
        heading_deg: measure(fields, "bearing")?.or(measure(fields, "heading")?),
        altitude_m: number(fields, "altitude")?,
        source: Some(ADAPTER.to_owned()),
        simulated: mock,
    }))
}

fn pair_of(pair: &str) -> Result<(f64, f64), Refused> {
    let finite = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let degrees = pair
        .split_once(',')
        .and_then(|(lat, lng)| Some((finite(lat)?, finite(lng)?)));
    degrees.ok_or_else(|| Refused {
        detail: "write location=latitude,longitude".to_owned(),
        ..not_a_number("location")
    })
}

fn take_location(location: &Value, origin: &Origin<'_>, parsed: &mut Parsed) -> Result<(), Refused> {
    let Some(fields) = location.as_object() else {
        return Err(Refused::new(
            "",
            "message_shape",
            "a location is an object with `timestamp` and `coords`",
        ));
    };
    // The time is the fix's own. `age` only repeats how old it was when the app got it, so it is not taken off again.
    let at = clock_required(fields, "timestamp")?;
    let fix = match fields.get("coords").and_then(Value::as_object) {
        Some(coords) => client_fix(coords).map_err(|refused| refused.under("coords"))?,
        None => None,
    };
    let fix = fix.map(|fix| Fix {
        simulated: fields.get("mock") == Some(&Value::Bool(true)),
        ..fix
    });
    let (context, faulty) = split(client_context(fields));
    let alarm = fields
        .get("extras")
        .and_then(Value::as_object)
        .and_then(|extras| text(extras, "alarm"));
    let event = text(fields, "event");
    if fix.is_none() && event.is_none() && alarm.is_none() && context == DeviceContext::default() {
        let missing = || {
            Refused::new(
                "coords",
                "position_missing",
                "a location needs `coords.latitude` and `coords.longitude`",
            )
        };
        return Err(faulty.unwrap_or_else(missing));
    }
    push_context(at, context, origin, parsed);
    if let Some(event) = event {
        let moving = fields.get("is_moving").and_then(Value::as_bool);
        push_event(at, event, literal!({ "is_moving": moving }), origin, parsed);
    }
    if let Some(alarm) = alarm {
        push_event(at, "alarm", literal!({ "alarm": alarm }), origin, parsed);
    }
    if let Some(fix) = fix {
        push_fix(at, fix, origin, parsed);
    }
    faulty.map_or(Ok(()), Err)
}

fn client_fix(coords: &Fields) -> Result<Option<Fix>, Refused> {
    let Some((lat, lng)) = place(coords, "latitude", "longitude")? else {
        return Ok(None);
    };
    // A negative accuracy of the altitude says that the altitude is unknown; Android leaves it out.
    let altitude_known = number(coords, "altitude_accuracy")?.is_none_or(|vertical| vertical >= 0.0);
    Ok(Some(Fix {
        lat,
        lng,
        accuracy_m: accuracy(coords, "accuracy")?,
        speed_mps: measure(coords, "speed")?,
        heading_deg: measure(coords, "heading")?,
        altitude_m: number(coords, "altitude")?.filter(|_| altitude_known),
        source: Some(ADAPTER.to_owned()),
        simulated: false,
    }))
}

fn client_context(fields: &Fields) -> Result<DeviceContext, Refused> {
    let empty = Map::new();
    let part = |key: &str| fields.get(key).and_then(Value::as_object).unwrap_or(&empty);
    let battery = part("battery");
    Ok(DeviceContext {
        battery: measure(battery, "level").map_err(|refused| refused.under("battery"))?,
        charging: battery.get("is_charging").and_then(Value::as_bool),
        activity: text(part("activity"), "type")
            .filter(|activity| *activity != "unknown")
            .map(str::to_owned),
        ..DeviceContext::default()
    })
}

fn push_fix(at: Timestamp, fix: Fix, origin: &Origin<'_>, parsed: &mut Parsed) {
    parsed
        .records
        .push(origin.record(at, Some((fix.lat, fix.lng)), RawBody::Fix(fix)));
}

fn push_context(at: Timestamp, context: DeviceContext, origin: &Origin<'_>, parsed: &mut Parsed) {
    if context != DeviceContext::default() {
        parsed.records.push(origin.record(at, None, RawBody::Context(context)));
    }
}

fn push_event(at: Timestamp, name: &str, properties: Value, origin: &Origin<'_>, parsed: &mut Parsed) {
    let properties = match properties {
        Value::Object(properties) => properties.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    let event = Event {
        name: format!("{ADAPTER}.{name}"),
        properties,
    };
    parsed.records.push(origin.record(at, None, RawBody::Event(event)));
}

#[cfg(test)]
#[path = "osmand_tests.rs"]
mod tests;
