//! The server under load: one of our own in a folder of its own, or one that runs elsewhere.

use super::BenchArguments;
use super::child::{Scratch, Served, write_config};
use super::crowd::{Crowd, Mix, Phone};
use super::seed::{self, Amount, GREETED, Seeded, is_greeted, sentences, visited};
use super::show::Show;
use super::workload::{Drawn, Workload};
use crate::cli::client::{Client, http, random_name};
use crate::cli::import;
use crate::cli::out::Failure;
use crate::engine::delivery::ChannelKind;
use serde_json::{Value, json};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Geofences of one import through the API.
const PER_IMPORT: usize = 2_000;

/// Where the load goes, and with whom.
pub struct Target {
    pub address: SocketAddr,
    pub url: String,
    pub key: String,
    pub crowd: Arc<Crowd>,
    pub http: reqwest::Client,
    pub ready: Option<Duration>,
    pub sync: Option<Duration>,
    /// Before the folder: the server ends before its files go.
    pub served: Option<Served>,
    /// What the server stores is in there, and goes with it; none with a server of somebody else's.
    pub scratch: Option<Scratch>,
}

impl Target {
    /// Sets up what the arguments ask for.
    ///
    /// # Errors
    /// The server does not start or answer, or cannot be filled.
    pub async fn ready(arguments: &BenchArguments, mix: Mix, show: Show) -> Result<Self, Failure> {
        let http = http()?;
        match &arguments.url {
            Some(url) => Self::elsewhere(arguments, url, mix, http, show).await,
            None => Self::own(arguments, mix, http, show).await,
        }
    }

    async fn own(arguments: &BenchArguments, mix: Mix, http: reqwest::Client, show: Show) -> Result<Self, Failure> {
        let scratch = Scratch::inside(&arguments.data)?;
        let folder = scratch.path().to_owned();
        let probed = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || super::meter::median_sync(&folder).ok()
        });
        let sync = probed.await.ok().flatten();
        let total = arguments.fences + arguments.devices + arguments.users;
        show.line(&format!(
            "filling a store with {} geofences, {} phones and {} idle users",
            arguments.fences, arguments.devices, arguments.users
        ))?;
        let bar = show.bar(total as u64, "filling a store");
        let amount = Amount {
            fences: arguments.fences,
            phones: arguments.devices,
            idle: arguments.users,
            mix,
            channel: ChannelKind::Tray,
        };
        let Seeded { phones, secret_key } = seed::fill(&folder, amount, |rows| bar.inc(rows)).await?;
        bar.finish_and_clear();
        let config = write_config(&folder, "")?;
        let executable = executable()?;
        let started = tokio::task::spawn_blocking(move || {
            Served::start(&executable, &["serve", "--config", &config.display().to_string()])
        });
        let served = started
            .await
            .map_err(|error| Failure::new(error.to_string(), "run it again"))??;
        let ready = served.ready(&http).await?;
        Ok(Self {
            address: served.address,
            url: served.url(),
            key: secret_key,
            crowd: Arc::new(Crowd::new(phones, mix, random_name())),
            http,
            ready: Some(ready),
            sync,
            served: Some(served),
            scratch: Some(scratch),
        })
    }

    async fn elsewhere(
        arguments: &BenchArguments,
        url: &str,
        mix: Mix,
        http: reqwest::Client,
        show: Show,
    ) -> Result<Self, Failure> {
        let key = arguments.key.as_deref().unwrap_or_default();
        let address = address_of(url)?;
        let server = Client::new(url, key)?;
        show.line(&format!(
            "writing {} geofences and a trigger to {url}",
            arguments.fences
        ))?;
        let drawn: Vec<Drawn> = Workload::new().fences(arguments.fences).collect();
        for (chunk, first) in drawn.chunks(PER_IMPORT).zip((0..).step_by(PER_IMPORT)) {
            import::send(
                &server,
                "application/geo+json",
                features(chunk, first, mix),
                None,
                false,
            )
            .await?;
        }
        let (content, trigger) = sentences();
        server.put("/v1/contents/welcome", &content).await?;
        server.put("/v1/triggers/on-arrival", &trigger).await?;
        let accepting = json!({ "accept": ["fence_never_entered"], "reason": "a load test" });
        // Published by an earlier run already: there is nothing to publish, and that is well.
        let _ = server.post("/v1/triggers/on-arrival/publish", &accepting).await;
        let named = json!({ "kind": "publishable", "label": "bench" });
        let publishable = text_in(&server.post("/v1/keys", &named).await?, "token")?;
        let app = server.with_token(&publishable);
        show.line(&format!("registering {} phones", arguments.devices))?;
        let bar = show.bar(arguments.devices as u64, "registering phones");
        let mut phones = Vec::with_capacity(arguments.devices);
        for (fence, place) in visited(&drawn, arguments.devices) {
            phones.push(register(&app, place, is_greeted(fence, mix)).await?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Self {
            address,
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            crowd: Arc::new(Crowd::new(phones, mix, random_name())),
            http,
            ready: None,
            sync: None,
            served: None,
            scratch: None,
        })
    }

    pub fn pid(&self) -> Option<u32> {
        self.served.as_ref().map(Served::pid)
    }
}

/// This executable: the servers under test are started from it.
///
/// # Errors
/// The system does not tell.
pub fn executable() -> Result<std::path::PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            format!("this executable is not known: {error}"),
            "name a server with --url",
        )
    })
}

fn address_of(url: &str) -> Result<SocketAddr, Failure> {
    let wrong = || {
        Failure::new(
            format!("`{url}` is no address the load can go to"),
            "write it as http://host:port",
        )
    };
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let host = rest.trim_end_matches('/');
    let host = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    host.to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(wrong)
}

/// Geofences as a file of GeoJSON.
fn features(drawn: &[Drawn], first: usize, mix: Mix) -> Vec<u8> {
    let feature = |(fence, number): (&Drawn, usize)| {
        let shape = fence.shape().ok()?;
        let tag = if is_greeted(number, mix) { GREETED } else { "quiet" };
        let mut properties =
            json!({ "name": format!("Place {number}"), "tag": tag, "external_id": format!("p{number}") });
        let geometry = match fence {
            Drawn::Circle { center, radius_m } => {
                properties["radius_m"] = json!(radius_m);
                json!({ "type": "Point", "coordinates": [center.lng, center.lat] })
            }
            Drawn::Polygon { .. } => shape.to_geojson(),
        };
        Some(json!({ "type": "Feature", "properties": properties, "geometry": geometry }))
    };
    let features: Vec<Value> = drawn.iter().zip(first..).filter_map(feature).collect();
    json!({ "type": "FeatureCollection", "features": features })
        .to_string()
        .into_bytes()
}

async fn register(app: &Client, place: (f64, f64), greeted: bool) -> Result<Phone, Failure> {
    let device = json!({ "installation_id": random_name(), "platform": "android", "locale": "en", "time_zone": "UTC",
        "notifications": "granted", "push": { "channel": "tray", "address": format!("tray-{}", random_name()) },
        "consents": { "location": true, "service": true } });
    let registered = app.post("/v1/devices", &device).await?;
    Ok(Phone {
        token: text_in(&registered, "token")?,
        device_id: text_in(&registered, "device_id")?,
        place,
        greeted,
        made: AtomicU64::new(0),
    })
}

fn text_in(answer: &Value, key: &str) -> Result<String, Failure> {
    let text = answer.get(key).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("the server sent no `{key}`"), "is it an Usher of this version?"))
}

/// Where a file beside the figures goes: the same name with another ending.
pub fn beside(file: &Path, ending: &str) -> std::path::PathBuf {
    file.with_extension(ending)
}
