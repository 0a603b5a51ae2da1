//! The demo's world: project and keys from inside, everything else through the public API.

use super::bus::Journey;
use super::people::Person;
use crate::base::clock::{Clock, SystemClock};
use crate::cli::client::{Client, random_name, segment};
use crate::cli::import;
use crate::cli::keys::{new_key, project_or_new};
use crate::cli::out::Failure;
use crate::cli::tracks::read_track;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::store::{KeyKind, Store};
use chrono_tz::America::Los_Angeles;
use serde_json::{Value, json};

const PLACES: &str = include_str!("../../../examples/demo/places.geojson");
const CATALOGUE: &str = include_str!("../../../examples/demo/catalogue.json");
const PEOPLE: &str = include_str!("../../../examples/demo/people.json");
const BUS: &str = include_str!("../../../examples/demo/bus.csv");

/// The world, and who moves in it.
pub(super) struct Seeded {
    pub(super) secret_key: String,
    pub(super) publishable_key: String,
    pub(super) people: Vec<(Person, Phone)>,
    pub(super) buses: Vec<(Journey, Phone)>,
}

/// One registered device with its token.
pub(super) struct Phone(Client);

impl Phone {
    /// Uploads one fix, as an app does.
    pub(super) async fn report(&self, (lat, lng): (f64, f64), accuracy_m: f64, speed_mps: f64) -> Result<(), Failure> {
        let now = SystemClock.now();
        let fix = json!({ "id": random_name(), "at": now, "type": "fix", "lat": lat, "lng": lng, "accuracy_m": accuracy_m,
                          "speed_mps": speed_mps, "source": "gps" });
        self.0
            .post("/v1/track", &json!({ "sent_at": now, "records": [fix] }))
            .await
            .map(|_| ())
    }
}

fn built_in(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(
        format!("{what} of the demo: {error}"),
        "this is a fault in Usher: please report it",
    )
}

pub(super) async fn seed(store: &Store, url: &str) -> Result<Seeded, Failure> {
    let now = SystemClock.now();
    let (project, _) = project_or_new(store, "demo", Mode::Test, now).await?;
    // Whoever looks at the demo at night should see it speak.
    let settings = ProjectSettings {
        time_zone: Los_Angeles,
        quiet_hours: None,
        ..ProjectSettings::default()
    };
    store.update_settings(project.id, &settings).await?;
    let (secret, secret_key) = new_key(
        &project,
        KeyKind::Secret,
        vec!["all".to_owned()],
        "demo".to_owned(),
        now,
    );
    let (publishable, publishable_key) = new_key(&project, KeyKind::Publishable, Vec::new(), "demo".to_owned(), now);
    store.create_key(&secret).await?;
    store.create_key(&publishable).await?;
    let server = Client::new(url, secret_key.expose())?;
    let imported = import::send(&server, "application/geo+json", PLACES.as_bytes().to_vec(), None, false).await?;
    // An import takes what is sound and reports the rest; the demo without one of its terminals would look right and be wrong.
    if imported.get("invalid").and_then(Value::as_u64) != Some(0) {
        return Err(built_in("the places", imported));
    }
    write_catalogue(&server).await?;
    let app = server.with_token(publishable_key.expose());
    let everybody: Vec<Person> = serde_json::from_str(PEOPLE).map_err(|error| built_in("the people", error))?;
    let mut people = Vec::new();
    for person in everybody {
        let phone = register(
            &app,
            &person.user_ref,
            &person.name,
            &person.platform,
            &person.locale,
            Los_Angeles.name(),
        )
        .await?;
        people.push((person, phone));
    }
    let file = read_track("bus.csv", BUS.as_bytes()).map_err(|error| built_in("the bus", error))?;
    let mut buses = Vec::new();
    for track in file.tracks {
        let vehicle = track.vehicle.clone().unwrap_or_default();
        let name = format!("Bus {vehicle}");
        let phone = register(&app, &format!("bus-{vehicle}"), &name, "android", "en", "Europe/London").await?;
        buses.push((Journey::of(&track.records), phone));
    }
    Ok(Seeded {
        secret_key: secret_key.expose().to_owned(),
        publishable_key: publishable_key.expose().to_owned(),
        people,
        buses,
    })
}

/// Contents first: a trigger that names none of them is refused.
async fn write_catalogue(server: &Client) -> Result<(), Failure> {
    let catalogue: Value = serde_json::from_str(CATALOGUE).map_err(|error| built_in("the catalogue", error))?;
    let list = |key: &str| {
        catalogue
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let path = |kind: &str, body: &Value| {
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
        format!("/v1/{kind}/{}", segment(name))
    };
    for content in list("contents") {
        server.put(&path("contents", &content), &content).await?;
    }
    for trigger in list("triggers") {
        let path = path("triggers", &trigger);
        server.put(&path, &trigger).await?;
        // Whoever looks at the demo at night should see it speak, and its phones know their place well enough for a small hotel.
        let accepting = json!({
            "accept": ["promo_without_quiet_hours", "fence_never_entered"],
            "reason": "a demo: it speaks at any hour, to phones that see the sky",
        });
        server.post(&format!("{path}/publish"), &accepting).await?;
    }
    Ok(())
}

/// Registers a device as an app does at its first start, signs the person in and asks for consent.
async fn register(
    app: &Client,
    user_ref: &str,
    name: &str,
    platform: &str,
    locale: &str,
    zone: &str,
) -> Result<Phone, Failure> {
    let consents = json!({ "location": true, "service": true, "promo": true, "analytics": true });
    let device = json!({ "installation_id": random_name(), "platform": platform, "locale": locale, "time_zone": zone,
                         "notifications": "granted", "push": { "channel": "tray", "address": format!("tray-{user_ref}") },
                         "consents": consents });
    let registered = app.post("/v1/devices", &device).await?;
    let token = registered
        .get("token")
        .and_then(Value::as_str)
        .ok_or_else(|| built_in("the devices", "no token came back"))?;
    let phone = app.with_token(token);
    let identity = json!({ "user_ref": user_ref, "locale": locale, "time_zone": zone, "attributes": { "name": name, "first_name": name } });
    phone.post("/v1/devices/me/identify", &identity).await?;
    phone.post("/v1/devices/me/consents", &consents).await?;
    Ok(Phone(phone))
}
