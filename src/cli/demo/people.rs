//! The people of the demo: a path, and what their business systems say on the way.

use super::path::{Noise, Waypoint, place_at};
use super::seed::Phone;
use crate::base::clock::{Clock, SystemClock};
use crate::base::time::Timestamp;
use crate::cli::client::{Client, segment};
use crate::cli::out::Failure;
use chrono::TimeDelta;
use chrono_tz::America::Los_Angeles;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// One round of every story, in seconds.
const CYCLE_S: f64 = 180.0;
/// Between two fixes of one phone.
const FIX_EVERY: Duration = Duration::from_secs(1);
/// A good receiver under the sky.
const SIGMA_M: f64 = 1.5;
const ACCURACY_M: f64 = 5.0;

/// One person of `people.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    #[serde(rename = "ref")]
    pub(super) user_ref: String,
    pub(super) name: String,
    pub(super) platform: String,
    pub(super) locale: String,
    seed: u64,
    path: Vec<Waypoint>,
    acts: Vec<Act>,
}

/// Something a server says at a second of the story.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    at_s: f64,
    #[serde(flatten)]
    said: Said,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Fact(Value),
    Event(Value),
}

/// Plays the story of one person again and again.
pub(super) async fn play(person: Person, phone: Phone, server: Client, cycles: u32) {
    let noise = Noise::new(person.seed);
    for cycle in 1..=cycles {
        if let Err(Failure::Told { what, .. }) = once(&person, &phone, &server, &noise, cycle).await {
            tracing::warn!(person = person.user_ref, what, "the story of this round is cut short");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

async fn once(person: &Person, phone: &Phone, server: &Client, noise: &Noise, cycle: u32) -> Result<(), Failure> {
    let begun_at = SystemClock.now();
    let mut acts = person.acts.iter().peekable();
    let mut before = place_at(&person.path, 0.0);
    loop {
        let now = SystemClock.now();
        let t = (now - begun_at).as_seconds_f64();
        if t >= CYCLE_S {
            return Ok(());
        }
        while let Some(act) = acts.next_if(|act| act.at_s <= t) {
            say(server, &person.user_ref, &act.said, cycle, begun_at).await?;
        }
        let place = place_at(&person.path, t);
        phone
            .report(noise.around(place, SIGMA_M), ACCURACY_M, speed(before, place))
            .await?;
        before = place;
        tokio::time::sleep(FIX_EVERY).await;
    }
}

/// Metres per second over one interval between fixes; flat-earth, for show.
fn speed(from: (f64, f64), to: (f64, f64)) -> f64 {
    let north = (to.0 - from.0) * 111_320.0;
    let east = (to.1 - from.1) * 111_320.0 * from.0.to_radians().cos();
    north.hypot(east) / FIX_EVERY.as_secs_f64()
}

async fn say(server: &Client, user_ref: &str, said: &Said, cycle: u32, begun_at: Timestamp) -> Result<(), Failure> {
    match said {
        Said::Fact(template) => {
            let mut body = filled(template, cycle, begun_at);
            let mut name = |key: &str| {
                body.as_object_mut()
                    .and_then(|body| body.remove(key))
                    .unwrap_or_default()
            };
            let (kind, key) = (name("type"), name("key"));
            let path = format!(
                "/v1/facts/{}/{}",
                segment(kind.as_str().unwrap_or("")),
                segment(key.as_str().unwrap_or(""))
            );
            body["subjects"] = json!([user_ref]);
            server.put(&path, &body).await?;
        }
        Said::Event(template) => {
            let mut body = filled(template, cycle, begun_at);
            body["user_ref"] = json!(user_ref);
            server.post("/v1/events", &body).await?;
        }
    }
    Ok(())
}

/// `{cycle}` is the round; `{in:7200}` the instant so many seconds after it began; `{clock:4800}` the wall clock at SFO then.
fn filled(template: &Value, cycle: u32, begun_at: Timestamp) -> Value {
    match template {
        Value::String(text) => Value::String(fill(text, cycle, begun_at)),
        Value::Array(items) => items.iter().map(|item| filled(item, cycle, begun_at)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), filled(value, cycle, begun_at)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}

fn fill(text: &str, cycle: u32, begun_at: Timestamp) -> String {
    let text = text.replace("{cycle}", &cycle.to_string());
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some((kind, seconds)) = inner.and_then(|inner| inner.split_once(':')) else {
        return text;
    };
    let Some(at) = seconds
        .parse()
        .ok()
        .and_then(TimeDelta::try_seconds)
        .map(|delta| begun_at + delta)
    else {
        return text;
    };
    match kind {
        "in" => at.to_rfc3339(),
        "clock" => at.with_timezone(&Los_Angeles).format("%H:%M").to_string(),
        _ => text,
    }
}
