//! The messages of the `OwnTracks` apps in HTTP mode: positions, region transitions, and much that only needs an answer.
//!
//! Format: the `OwnTracks` booklet, chapter JSON. The app keeps a message until any 2xx, so a message Usher has no use for is
//! acknowledged, not refused.

use super::parsed::{AdapterError, Caller, Origin, Parsed, Refused, bounded, device_name};
use super::reading::{Fields, accuracy, clock_required, json, measure, number, place, text};
use crate::base::time::Timestamp;
use crate::engine::fix::{DeviceContext, Event, Fix, RawBody};
use serde_json::{Map, Value};

const ADAPTER: &str = "owntracks";
const KMH_PER_MPS: f64 = 3.6;
/// What a topic ends with when a message is not a position; the device is what stands before.
const TOPIC_SUFFIXES: [&str; 8] = [
    "/event",
    "/waypoint",
    "/waypoints",
    "/dump",
    "/step",
    "/beacon",
    "/cmd",
    "/status",
];

/// What the app says about itself in headers; used for messages without a `topic`.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppHeaders<'a> {
    /// `X-Limit-U`.
    pub user: Option<&'a str>,
    /// `X-Limit-D`.
    pub device: Option<&'a str>,
}

/// Reads one message, an array of messages, or the empty body that the app may send.
pub fn parse(body: &[u8], headers: AppHeaders<'_>, caller: &Caller<'_>) -> Result<Parsed, AdapterError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Parsed::default());
    }
    let body = json(body)?;
    let (messages, in_array) = match &body {
        Value::Array(messages) => (messages.as_slice(), true),
        Value::Object(_) => (std::slice::from_ref(&body), false),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(AdapterError::new(
                "body_shape",
                "",
                "send one OwnTracks message with `_type`, or an array of them",
            ));
        }
    };
    bounded(messages.len(), "")?;
    let by_headers = device_in(headers)?;
    let mut parsed = Parsed::default();
    for (index, message) in messages.iter().enumerate() {
        let prefix = if in_array { format!("/{index}") } else { String::new() };
        let Some(fields) = message.as_object() else {
            parsed.refused.push(Refused::new(
                prefix,
                "message_shape",
                "a message is an object with `_type`",
            ));
            continue;
        };
        let device = device_of(fields, &prefix, by_headers.as_deref())?;
        let origin = Origin {
            adapter: ADAPTER,
            caller: caller.name,
            device: device.clone().unwrap_or_default(),
        };
        parsed.client_device_id = parsed.client_device_id.take().or(device);
        if let Err(refused) = take(fields, &origin, &mut parsed) {
            parsed.refused.push(refused.under(&prefix));
        }
    }
    Ok(parsed)
}

fn take(fields: &Fields, origin: &Origin<'_>, parsed: &mut Parsed) -> Result<(), Refused> {
    match text(fields, "_type") {
        Some("location") => location(fields, origin, parsed),
        Some("transition") => transition(fields, origin, parsed),
        Some("encrypted") => {
            let detail =
                "Usher does not hold the phone's OwnTracks key; clear the encryption key in the app and use https";
            Err(Refused::new("_type", "encrypted_unsupported", detail))
        }
        // waypoint(s), lwt, cmd, card, status and whatever a later version invents.
        Some(_) => Ok(()),
        None => Err(Refused::new(
            "_type",
            "message_type_missing",
            "a message needs `_type`, such as `location`",
        )),
    }
}

/// The topic that the app would publish to by MQTT, made of its headers.
fn device_in(headers: AppHeaders<'_>) -> Result<Option<String>, AdapterError> {
    let Some(device) = headers.device.filter(|device| !device.is_empty()) else {
        return Ok(None);
    };
    device_name("", &format!("owntracks/{}/{device}", headers.user.unwrap_or("")))
}

/// The topic without what follows the device, else the headers, else the two letters of the tracker id.
fn device_of(fields: &Fields, prefix: &str, by_headers: Option<&str>) -> Result<Option<String>, AdapterError> {
    if let Some(topic) = text(fields, "topic") {
        let device = TOPIC_SUFFIXES
            .iter()
            .find_map(|suffix| topic.strip_suffix(suffix))
            .unwrap_or(topic);
        return device_name(&format!("{prefix}/topic"), device);
    }
    if let Some(device) = by_headers {
        return Ok(Some(device.to_owned()));
    }
    text(fields, "tid").map_or(Ok(None), |tid| device_name(&format!("{prefix}/tid"), tid))
}

fn location(fields: &Fields, origin: &Origin<'_>, parsed: &mut Parsed) -> Result<(), Refused> {
    let at = clock_required(fields, "tst")?;
    let Some(fix) = located(fields)? else {
        return Err(Refused::new(
            "lat",
            "position_missing",
            "a location needs `lat` and `lon`",
        ));
    };
    // A context that cannot be read is refused, and the fix beside it counts.
    let context = context_of(fields).map(|context| {
        if context != DeviceContext::default() {
            parsed.records.push(origin.record(at, None, RawBody::Context(context)));
        }
    });
    push_fix(at, fix, origin, parsed);
    context
}

/// A region of the app's own was entered or left: an event, because the region is none of Usher's geofences.
fn transition(fields: &Fields, origin: &Origin<'_>, parsed: &mut Parsed) -> Result<(), Refused> {
    let at = clock_required(fields, "tst")?;
    let fix = located(fields)?;
    let kept = ["event", "desc", "rid", "wtst", "t"].into_iter();
    let properties: Map<String, Value> = kept
        .filter_map(|key| {
            Some((
                key.to_owned(),
                fields.get(key).filter(|value| !value.is_null())?.clone(),
            ))
        })
        .collect();
    // The region and the direction tell apart two transitions of one second; the name alone would make them one record.
    let told = |key: &str| text(fields, key).unwrap_or("");
    let region = if told("rid").is_empty() {
        told("desc")
    } else {
        told("rid")
    };
    let scope = Origin {
        device: format!("{}\n{}\n{region}", origin.device, told("event")),
        ..origin.clone()
    };
    let event = RawBody::Event(Event {
        name: format!("{ADAPTER}.transition"),
        properties,
    });
    parsed.records.push(scope.record(at, None, event));
    if let Some(fix) = fix {
        push_fix(at, fix, origin, parsed);
    }
    Ok(())
}

fn push_fix(at: Timestamp, fix: Fix, origin: &Origin<'_>, parsed: &mut Parsed) {
    parsed
        .records
        .push(origin.record(at, Some((fix.lat, fix.lng)), RawBody::Fix(fix)));
}

fn located(fields: &Fields) -> Result<Option<Fix>, Refused> {
    let Some((lat, lng)) = place(fields, "lat", "lon")? else {
        return Ok(None);
    };
    Ok(Some(Fix {
        lat,
        lng,
        accuracy_m: accuracy(fields, "acc")?,
        speed_mps: measure(fields, "vel")?.map(|kmh| kmh / KMH_PER_MPS),
        heading_deg: measure(fields, "cog")?,
        altitude_m: number(fields, "alt")?,
        source: Some(ADAPTER.to_owned()),
        simulated: false,
    }))
}

fn context_of(fields: &Fields) -> Result<DeviceContext, Refused> {
    let motion = fields.get("motionactivities").and_then(Value::as_array);
    Ok(DeviceContext {
        battery: measure(fields, "batt")?.map(|percent| percent / 100.0),
        // 0 unknown, 1 unplugged, 2 charging, 3 full.
        charging: number(fields, "bs")?
            .filter(|state| *state >= 1.0)
            .map(|state| state >= 2.0),
        network: match text(fields, "conn") {
            Some("w") => Some("wifi".to_owned()),
            Some("m") => Some("mobile".to_owned()),
            Some("o") => Some("offline".to_owned()),
            _ => None,
        },
        activity: motion
            .and_then(|motion| motion.first())
            .and_then(Value::as_str)
            .map(str::to_owned),
        wifi_zone: text(fields, "SSID").map(str::to_owned),
        ..DeviceContext::default()
    })
}

#[cfg(test)]
#[path = "owntracks_tests.rs"]
mod tests;
