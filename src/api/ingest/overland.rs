//! The batches of the Overland app for iOS: `GeoJSON` features with fixes, motion and the app's own actions.
//!
//! Format: `aaronpk/Overland-iOS` README, section API. The app repeats a batch until it reads `{"result":"ok"}`.

use super::parsed::{AdapterError, Caller, Origin, Parsed, Refused, bounded, device_name};
use super::reading::{Fields, accuracy, clock, clock_required, finite, json, measure, not_a_number, number, text};
use crate::base::time::Timestamp;
use crate::engine::fix::{DeviceContext, Event, Fix, RawBody};
use serde_json::{Map, Value};

const ADAPTER: &str = "overland";
/// What is kept of an action for triggers to look at.
const ACTION_PROPERTIES: [&str; 8] = [
    "arrival_date",
    "departure_date",
    "mode",
    "start",
    "end",
    "distance",
    "duration",
    "horizontal_accuracy",
];

/// Reads a batch. `current` and `trip` of the envelope are left: what they show comes again under `locations`.
pub fn parse(body: &[u8], caller: &Caller<'_>) -> Result<Parsed, AdapterError> {
    let body = json(body)?;
    let Some(locations) = body.get("locations").and_then(Value::as_array) else {
        return Err(AdapterError::new(
            "body_shape",
            "/locations",
            "an Overland batch is {\"locations\": [Feature, ...]}",
        ));
    };
    bounded(locations.len(), "/locations")?;
    let client_device_id = device_of(locations)?;
    let device = client_device_id.clone().unwrap_or_default();
    let mut batch = Batch {
        origin: Origin {
            adapter: ADAPTER,
            caller: caller.name,
            device,
        },
        received_at: caller.received_at,
        known: DeviceContext::default(),
        parsed: Parsed {
            client_device_id,
            ..Parsed::default()
        },
    };
    for (index, feature) in locations.iter().enumerate() {
        if let Err(refused) = batch.take(feature) {
            batch.parsed.refused.push(refused.under(&format!("/locations/{index}")));
        }
    }
    Ok(batch.parsed)
}

/// The first name in the batch: all its features come from one phone, and an unset name is an empty text.
fn device_of(locations: &[Value]) -> Result<Option<String>, AdapterError> {
    let named = |feature: &Value| {
        let properties = feature.get("properties")?.as_object()?;
        text(properties, "unique_id")
            .or_else(|| text(properties, "device_id"))
            .map(str::to_owned)
    };
    let first = locations
        .iter()
        .enumerate()
        .find_map(|(index, feature)| Some((index, named(feature)?)));
    first.map_or(Ok(None), |(index, name)| {
        device_name(&format!("/locations/{index}/properties/device_id"), &name)
    })
}

struct Batch<'a> {
    origin: Origin<'a>,
    received_at: Timestamp,
    /// The context last written down: a batch of 1,000 fixes repeats it 1,000 times.
    known: DeviceContext,
    parsed: Parsed,
}

impl Batch<'_> {
    fn take(&mut self, feature: &Value) -> Result<(), Refused> {
        let Some(properties) = feature.get("properties").and_then(Value::as_object) else {
            return Err(Refused::new(
                "properties",
                "properties_missing",
                "a feature needs `properties` with a `timestamp`",
            ));
        };
        let geometry = feature.get("geometry").filter(|geometry| !geometry.is_null());
        let trip = text(properties, "type").filter(|kind| *kind == "trip");
        let Some(action) = text(properties, "action").or(trip) else {
            let at = clock_required(properties, "timestamp").map_err(|refused| refused.under("properties"))?;
            let Some(geometry) = geometry else {
                return Err(Refused::new(
                    "geometry",
                    "position_missing",
                    "a feature without an action needs a Point",
                ));
            };
            let fix = located(geometry, properties)?;
            // A context that cannot be read is refused, and the fix beside it counts.
            let context = self.context(at, properties);
            self.fix(at, fix);
            return context;
        };
        // An action counts whatever it lacks: the app would repeat a refused one for ever.
        let at = clock(properties, "timestamp").ok().flatten();
        self.event(at, action, feature, properties);
        if let (Some(at), Some(geometry)) = (at, geometry) {
            let fix = located(geometry, properties)?;
            self.fix(at, fix);
        }
        Ok(())
    }

    fn fix(&mut self, at: Timestamp, fix: Fix) {
        self.parsed
            .records
            .push(self.origin.record(at, Some((fix.lat, fix.lng)), RawBody::Fix(fix)));
    }

    fn event(&mut self, at: Option<Timestamp>, action: &str, feature: &Value, properties: &Fields) {
        let kept = properties
            .iter()
            .filter(|(key, value)| ACTION_PROPERTIES.contains(&key.as_str()) && !value.is_null());
        let kept: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        let event = RawBody::Event(Event {
            name: format!("{ADAPTER}.{action}"),
            properties: kept,
        });
        self.parsed.records.push(match at {
            Some(at) => self.origin.record(at, None, event),
            None => self.origin.stamped(self.received_at, &feature.to_string(), event),
        });
    }

    fn context(&mut self, at: Timestamp, properties: &Fields) -> Result<(), Refused> {
        let context = context_of(properties).map_err(|refused| refused.under("properties"))?;
        if context != self.known {
            self.known = context.clone();
            self.parsed
                .records
                .push(self.origin.record(at, None, RawBody::Context(context)));
        }
        Ok(())
    }
}

fn located(geometry: &Value, properties: &Fields) -> Result<Fix, Refused> {
    let point = geometry.get("type").and_then(Value::as_str) == Some("Point");
    let coordinates = geometry.get("coordinates").and_then(Value::as_array);
    let Some(coordinates) = coordinates.filter(|coordinates| point && coordinates.len() >= 2) else {
        return Err(Refused::new(
            "geometry",
            "geometry_unsupported",
            "the geometry must be a Point [longitude, latitude]",
        ));
    };
    let degrees = |index: usize| {
        let number = coordinates.get(index).and_then(finite);
        number.ok_or_else(|| Refused {
            position: format!("geometry/coordinates/{index}"),
            ..not_a_number("coordinates")
        })
    };
    let (lng, lat) = (degrees(0)?, degrees(1)?);
    let read = || -> Result<Fix, Refused> {
        // Core Location marks an altitude that it does not know by a negative vertical accuracy.
        let altitude_known = number(properties, "vertical_accuracy")?.is_none_or(|vertical| vertical > 0.0);
        Ok(Fix {
            lat,
            lng,
            accuracy_m: accuracy(properties, "horizontal_accuracy")?,
            speed_mps: measure(properties, "speed")?,
            heading_deg: measure(properties, "course")?,
            altitude_m: number(properties, "altitude")?.filter(|_| altitude_known),
            source: Some(ADAPTER.to_owned()),
            simulated: false,
        })
    };
    read().map_err(|refused| refused.under("properties"))
}

fn context_of(properties: &Fields) -> Result<DeviceContext, Refused> {
    let wifi = text(properties, "wifi");
    let motion = properties.get("motion").and_then(Value::as_array);
    Ok(DeviceContext {
        battery: measure(properties, "battery_level")?,
        charging: match text(properties, "battery_state") {
            Some("charging" | "full") => Some(true),
            Some("unplugged") => Some(false),
            _ => None,
        },
        network: wifi.map(|_| "wifi".to_owned()),
        // The first word names the way of moving; `stationary` beside it is a red light.
        activity: motion
            .and_then(|motion| motion.first())
            .and_then(Value::as_str)
            .map(str::to_owned),
        wifi_zone: wifi.map(str::to_owned),
        ..DeviceContext::default()
    })
}

#[cfg(test)]
#[path = "overland_tests.rs"]
mod tests;
