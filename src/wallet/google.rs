//! Google Wallet: a pass as a class and an object, the signed link that saves them, and what is patched of them later.

use super::objects::{self, Objects};
use super::push::Woken;
use super::rsa::RsaKey;
use super::{Pass, file};
use crate::base::time::Timestamp;
use crate::engine::pass::{Card, Flight, Symbology};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::PathBuf;

const SECTION: &str = "wallet.google";
/// How long a statement that asks for an access token may be used; Google allows an hour.
const ASSERTION_LIFE_S: i64 = 600;
/// What the signed text is appended to.
const SAVE: &str = "https://pay.google.com/gp/v/save/";

/// `[wallet.google]`. None of it set: no links to Google Wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The number of the issuer account.
    pub issuer_id: Option<String>,
    /// The JSON key of a service account that may issue for it.
    pub service_account_file: Option<PathBuf>,
    /// Who issues the pass, as people read it.
    pub organization: Option<String>,
    /// Google's interface for what was saved, by which it is kept fresh; only tests need another.
    pub api_endpoint: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer_id: None,
            service_account_file: None,
            organization: None,
            api_endpoint: API_ENDPOINT.to_owned(),
        }
    }
}

/// Where what was saved is patched.
const API_ENDPOINT: &str = "https://walletobjects.googleapis.com";

/// Links can be made, and what they saved kept fresh.
#[derive(Debug)]
pub struct Google {
    issuer_id: String,
    organization: String,
    account: Account,
    objects: Objects,
}

#[derive(Debug)]
struct Account {
    email: String,
    key_id: String,
    key: RsaKey,
    token_uri: String,
}

/// What a service account's JSON holds that is used.
#[derive(Deserialize)]
struct AccountFile {
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    private_key: String,
    token_uri: Option<String>,
}

const ACCOUNT: &str =
    "name the JSON key of a service account that was added to the issuer in the Google Pay & Wallet console";

/// Reads what the settings name; none when nothing is set.
pub(super) fn open(settings: &Settings) -> Result<Option<Google>, String> {
    let without_endpoint = Settings {
        api_endpoint: API_ENDPOINT.to_owned(),
        ..settings.clone()
    };
    if without_endpoint == Settings::default() {
        return Ok(None);
    }
    if !objects::is_private(&settings.api_endpoint) {
        return Err(format!(
            "{SECTION}.api_endpoint: must be an address that begins with https://; leave it out for Google's own"
        ));
    }
    let issuer = "copy the issuer id from the Google Pay & Wallet console";
    let issuer_id = file::needed(SECTION, "issuer_id", settings.issuer_id.as_ref(), issuer)?;
    if !issuer_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{SECTION}.issuer_id: `{issuer_id}` is no number; {issuer}"));
    }
    let known_by = "write the name people know you by";
    let organization = file::needed(SECTION, "organization", settings.organization.as_ref(), known_by)?;
    let path = file::needed(
        SECTION,
        "service_account_file",
        settings.service_account_file.as_ref(),
        ACCOUNT,
    )?;
    let bytes = file::read(&format!("{SECTION}.service_account_file"), path, ACCOUNT)?;
    // The parser's words could quote the key.
    let wrong = |why: &str| format!("{SECTION}.service_account_file: {}: {why}; {ACCOUNT}", path.display());
    let told: AccountFile =
        serde_json::from_slice(&bytes).map_err(|_| wrong("is no JSON with client_email and private_key"))?;
    let key = RsaKey::from_pem(told.private_key.as_bytes()).map_err(|why| wrong(&format!("private_key {why}")))?;
    let token_uri = told.token_uri.unwrap_or_else(|| objects::TOKEN_URI.to_owned());
    if !objects::is_private(&token_uri) {
        return Err(wrong("token_uri does not begin with https://"));
    }
    let objects = Objects::new(&settings.api_endpoint, token_uri.clone()).map_err(|why| format!("{SECTION}: {why}"))?;
    Ok(Some(Google {
        issuer_id: issuer_id.clone(),
        organization: organization.clone(),
        objects,
        account: Account {
            email: told.client_email,
            key_id: told.private_key_id,
            key,
            token_uri,
        },
    }))
}

/// The kinds of passes Google tells apart that we make, with what shows all alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// `flight` or `generic`.
    pub kind: &'static str,
    pub class: Value,
    pub object: Value,
}

impl Google {
    /// The link that saves this pass; whoever has it has the pass.
    ///
    /// # Errors
    /// The words of an encoder; settings that opened give it no reason.
    pub fn save_link(&self, pass: &Pass, now: Timestamp) -> Result<String, String> {
        let Saved { kind, class, object } = self.saved(pass);
        let payload = json!({ format!("{kind}Classes"): [class], format!("{kind}Objects"): [object] });
        let claims = json!({
            "iss": self.account.email, "aud": "google", "typ": "savetowallet", "iat": now.timestamp(), "origins": [],
            "payload": payload,
        });
        Ok(format!("{SAVE}{}", self.account.signed(&claims)?))
    }

    /// The name of the object that the pass of this serial number is at Google.
    pub fn object_id(&self, serial: &str) -> String {
        format!("{}.{}", self.issuer_id, hashed(serial))
    }

    /// Brings what was saved of this pass up to date. Of somebody whose pass it is not any more, only that it ended is told.
    pub(super) async fn refresh(&self, pass: &Pass, is_theirs: bool, now: Timestamp) -> Woken {
        let Saved { kind, class, object } = self.saved(pass);
        let resource = |what: &str, saved: &Value| format!("{kind}{what}/{}", saved["id"].as_str().unwrap_or_default());
        let (of_object, of_class) = (resource("Object", &object), resource("Class", &class));
        let assertion = || self.assertion(now);
        if !is_theirs {
            let ended = json!({ "state": object["state"] });
            return self.objects.patch(&of_object, &ended, now, assertion).await;
        }
        let told = self
            .objects
            .patch(&of_object, &object_patch(object), now, assertion)
            .await;
        // Only a flight has something of its own in what everybody on it shares: gate and times.
        if told != Woken::Yes || kind != "flight" {
            return told;
        }
        self.objects.patch(&of_class, &class_patch(class), now, assertion).await
    }

    /// What is exchanged for an access token (RFC 7523).
    fn assertion(&self, now: Timestamp) -> Result<String, String> {
        let Account { email, token_uri, .. } = &self.account;
        let (from, to) = (now.timestamp(), now.timestamp() + ASSERTION_LIFE_S);
        self.account
            .signed(&json!({ "iss": email, "scope": objects::SCOPE, "aud": token_uri, "iat": from, "exp": to }))
    }

    /// What is saved: a flight when its departure is known, which Google demands; else the same as a generic pass.
    pub fn saved(&self, pass: &Pass) -> Saved {
        let id = self.object_id(&pass.link.serial());
        let state = if pass.voided { "INACTIVE" } else { "ACTIVE" };
        let flight = pass.card.flight.as_ref();
        let departing = flight.and_then(|flight| Some((flight, flight.departs_at?)));
        let (kind, class, mut object) = match departing {
            Some((flight, departs_at)) => {
                let local = |at: chrono::DateTime<chrono::FixedOffset>| at.format("%Y-%m-%dT%H:%M:%S").to_string();
                let departs = local(departs_at);
                let boarding = flight.boarding_at.map(local);
                let class = self.flight_class(pass, flight, &departs, boarding);
                ("flight", class, flight_object(flight))
            }
            None => (
                "generic",
                json!({ "id": format!("{}.usher", self.issuer_id) }),
                self.generic(&pass.card),
            ),
        };
        object["id"] = json!(id);
        object["classId"] = class["id"].clone();
        object["state"] = json!(state);
        if let Some((text, symbology)) = pass.card.bar_code.as_ref().filter(|_| !pass.voided) {
            object["barcode"] =
                json!({ "type": format_of(*symbology), "value": text, "alternateText": pass.card.title });
        }
        Saved { kind, class, object }
    }

    /// Everybody on one flight has one class, by the day in the bar code: a delay past midnight leaves its name as it is.
    fn flight_class(&self, pass: &Pass, flight: &Flight, departs: &str, boarding: Option<String>) -> Value {
        let day = flight.scheduled_on.or(flight.date);
        let day = day.map(|date| date.to_string()).unwrap_or_default();
        let project = pass.link.project_id;
        let one = format!("{project} {}{} {} {day}", flight.carrier, flight.number, flight.from);
        let mut origin = json!({ "airportIataCode": flight.from });
        for (name, value) in [("terminal", &flight.terminal), ("gate", &flight.gate)] {
            if let Some(value) = value {
                origin[name] = json!(value);
            }
        }
        let mut class = json!({
            "id": format!("{}.{}", self.issuer_id, hashed(&one)),
            "issuerName": self.organization,
            "reviewStatus": "UNDER_REVIEW",
            "localScheduledDepartureDateTime": departs,
            "flightHeader": { "carrier": { "carrierIataCode": flight.carrier }, "flightNumber": flight.number },
            "origin": origin,
            "destination": { "airportIataCode": flight.to },
        });
        if let Some(boarding) = boarding {
            class["localBoardingDateTime"] = json!(boarding);
        }
        class
    }

    fn generic(&self, card: &Card) -> Value {
        let localized = |text: &str| json!({ "defaultValue": { "language": "en", "value": text } });
        let lines: Vec<Value> = card
            .lines()
            .map(|line| json!({ "id": line.key, "header": line.label, "body": line.said.text() }))
            .collect();
        json!({
            "cardTitle": localized(&self.organization),
            "header": localized(&card.title),
            "textModulesData": lines,
            "hexBackgroundColor": "#102a4c",
        })
    }
}

fn flight_object(flight: &Flight) -> Value {
    let mut seating = json!({});
    for (name, value) in [("seatNumber", &flight.seat), ("sequenceNumber", &flight.sequence)] {
        if let Some(value) = value {
            seating[name] = json!(value);
        }
    }
    let mut object = json!({ "passengerName": flight.passenger, "boardingAndSeatingInfo": seating });
    if !flight.booking.is_empty() {
        object["reservationInfo"] = json!({ "confirmationCode": flight.booking });
    }
    object
}

/// What is not there any more is cleared, by a null.
fn object_patch(mut object: Value) -> Value {
    let Some(fields) = object.as_object_mut() else {
        return object;
    };
    fields.remove("id");
    fields.remove("classId");
    fields.entry("barcode").or_insert(Value::Null);
    object
}

/// As an update of a class must be. Google wants its scheduled departure left alone once it is near: a new time of departure is
/// an estimate.
fn class_patch(mut class: Value) -> Value {
    for name in ["gate", "terminal"] {
        if class["origin"].get(name).is_none() {
            class["origin"][name] = Value::Null;
        }
    }
    let Some(fields) = class.as_object_mut() else {
        return class;
    };
    fields.remove("id");
    fields.entry("localBoardingDateTime").or_insert(Value::Null);
    if let Some(departs) = fields.remove("localScheduledDepartureDateTime") {
        fields.insert("localEstimatedOrActualDepartureDateTime".to_owned(), departs);
    }
    class
}

fn format_of(symbology: Symbology) -> &'static str {
    match symbology {
        Symbology::Aztec => "AZTEC",
        Symbology::Qr => "QR_CODE",
        Symbology::Pdf417 => "PDF_417",
    }
}

/// Ids of Google have letters and digits; equal names have equal ones.
fn hashed(name: &str) -> String {
    Sha256::digest(name.as_bytes())[..16]
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

impl Account {
    /// A JSON Web Token (RFC 7519) of these claims, signed with RS256.
    fn signed(&self, claims: &Value) -> Result<String, String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let told = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(told.as_bytes())?;
        Ok(format!("{told}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
