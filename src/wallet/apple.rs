//! Apple Wallet: a pass as pass.json with its pictures, signed and packed.

use super::push::Push;
use super::signer::{Mismatch, Signer};
use super::{Pass, Service, file, icon, package};
use crate::base::time::Timestamp;
use crate::engine::pass::{Card, Line, Said, Symbology};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The media type of a pass.
pub const CONTENT_TYPE: &str = "application/vnd.apple.pkpass";
const SECTION: &str = "wallet.apple";

/// `[wallet.apple]`. None of it set: no passes for Apple Wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `pass.example.boarding`, as registered with Apple.
    pub pass_type_id: Option<String>,
    /// The ten characters of the developer team.
    pub team_id: Option<String>,
    /// Who issues the pass, as people read it.
    pub organization: Option<String>,
    /// The certificate of the pass type; PEM, or DER as Apple gives it.
    pub certificate_file: Option<PathBuf>,
    /// Its RSA key in PEM, without a password.
    pub key_file: Option<PathBuf>,
    /// Apple's "Worldwide Developer Relations" certificate that issued it; PEM or DER.
    pub intermediate_file: Option<PathBuf>,
    /// A square PNG; a plain ticket otherwise.
    pub icon_file: Option<PathBuf>,
    /// A PNG of at most 160 by 50 points for the upper left corner; the name of the organization otherwise.
    pub logo_file: Option<PathBuf>,
    /// Apple's push service, by which phones learn that a pass changed; only tests need another.
    pub push_endpoint: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pass_type_id: None,
            team_id: None,
            organization: None,
            certificate_file: None,
            key_file: None,
            intermediate_file: None,
            icon_file: None,
            logo_file: None,
            push_endpoint: PUSH_ENDPOINT.to_owned(),
        }
    }
}

/// Where phones are woken.
const PUSH_ENDPOINT: &str = "https://api.push.apple.com";

/// Passes can be made.
#[derive(Debug)]
pub struct Apple {
    pass_type_id: String,
    team_id: String,
    organization: String,
    signer: Signer,
    push: Push,
    /// Name in the pass and PNG.
    pictures: BTreeMap<String, Vec<u8>>,
}

/// Reads what the settings name; none when nothing is set.
pub(super) fn open(settings: &Settings, now: Timestamp) -> Result<Option<Apple>, String> {
    let without_endpoint = Settings {
        push_endpoint: PUSH_ENDPOINT.to_owned(),
        ..settings.clone()
    };
    if without_endpoint == Settings::default() {
        return Ok(None);
    }
    let text = |name, value: &'_ Option<String>, remedy| file::needed(SECTION, name, value.as_ref(), remedy).cloned();
    let path = |name, value: &'_ Option<PathBuf>, remedy| {
        let path = file::needed(SECTION, name, value.as_ref(), remedy)?;
        Ok::<_, String>((path.clone(), file::read(&format!("{SECTION}.{name}"), path, remedy)?))
    };
    let pass_type_id = text("pass_type_id", &settings.pass_type_id, PASS_TYPE)?;
    let team_id = text("team_id", &settings.team_id, TEAM)?;
    let organization = text(
        "organization",
        &settings.organization,
        "write the name people know you by",
    )?;
    let (certificate_path, certificate) = path("certificate_file", &settings.certificate_file, CERTIFICATE)?;
    let (key_path, key) = path("key_file", &settings.key_file, KEY)?;
    let (intermediate_path, intermediate) = path("intermediate_file", &settings.intermediate_file, INTERMEDIATE)?;
    let signer = Signer::new(&certificate, &key, &intermediate).map_err(|mismatch| {
        let (name, path, why, remedy) = match mismatch {
            Mismatch::Certificate(why) => ("certificate_file", certificate_path.display(), why, CERTIFICATE),
            Mismatch::Key(why) => ("key_file", key_path.display(), why, KEY),
            Mismatch::Intermediate(why) => ("intermediate_file", intermediate_path.display(), why, INTERMEDIATE),
        };
        format!("{SECTION}.{name}: {path}: {why}; {remedy}")
    })?;
    let belongs = [
        ("pass_type_id", &pass_type_id, signer.pass_type(), PASS_TYPE),
        ("team_id", &team_id, signer.team(), TEAM),
    ];
    for (name, told, certified, remedy) in belongs {
        if let Some(certified) = certified.filter(|certified| certified != told) {
            return Err(format!(
                "{SECTION}.{name}: `{told}` is not what the certificate is for, `{certified}`; {remedy}"
            ));
        }
    }
    if signer.ends_after().as_secs() <= u64::try_from(now.timestamp()).unwrap_or(0) {
        tracing::warn!(
            "wallet.apple.certificate_file: the certificate is over, and phones will refuse new passes; renew it"
        );
    }
    let identity = [signer.certificate_pem()?.as_bytes(), b"\n", &key].concat();
    let push = Push::new(&settings.push_endpoint, &pass_type_id, &identity)
        .map_err(|why| format!("{SECTION}.key_file: {}: {why}; {KEY}", key_path.display()))?;
    Ok(Some(Apple {
        pass_type_id,
        team_id,
        organization,
        signer,
        push,
        pictures: pictures(settings)?,
    }))
}

const PASS_TYPE: &str = "copy the identifier of the pass type (pass.…) from Apple's developer site";
const TEAM: &str = "copy the team id (ten characters) from Apple's developer site";
const CERTIFICATE: &str =
    "download the certificate of the pass type from Apple's developer site (.cer), or export it as PEM";
const KEY: &str = "name the RSA key that the certificate was asked for with";
const INTERMEDIATE: &str = "download the matching `Worldwide Developer Relations` certificate from https://www.apple.com/certificateauthority/";

fn pictures(settings: &Settings) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut pictures = BTreeMap::new();
    if let Some(path) = &settings.icon_file {
        let icon = picture("icon_file", path)?;
        pictures.insert("icon.png".to_owned(), icon.clone());
        pictures.insert("icon@2x.png".to_owned(), icon);
    } else {
        for (name, side) in [("icon.png", 29), ("icon@2x.png", 58), ("icon@3x.png", 87)] {
            pictures.insert(name.to_owned(), icon::png(side)?);
        }
    }
    if let Some(path) = &settings.logo_file {
        let logo = picture("logo_file", path)?;
        pictures.insert("logo.png".to_owned(), logo.clone());
        pictures.insert("logo@2x.png".to_owned(), logo);
    }
    Ok(pictures)
}

fn picture(name: &str, path: &std::path::Path) -> Result<Vec<u8>, String> {
    let setting = format!("{SECTION}.{name}");
    let remedy = "name a PNG picture, or leave it out";
    let bytes = file::read(&setting, path, remedy)?;
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Ok(bytes)
    } else {
        Err(format!("{setting}: {}: is no PNG; {remedy}", path.display()))
    }
}

impl Apple {
    /// The pass type, by which phones ask for passes.
    pub fn pass_type_id(&self) -> &str {
        &self.pass_type_id
    }

    pub(super) fn push(&self) -> &Push {
        &self.push
    }

    /// The pass as a `.pkpass`, signed at `now`.
    ///
    /// # Errors
    /// The words of an encoder; settings that opened give it no reason.
    pub fn pkpass(&self, pass: &Pass, service: Service<'_>, now: Timestamp) -> Result<Vec<u8>, String> {
        let mut files = self.pictures.clone();
        let told = serde_json::to_vec(&self.described(pass, service)).map_err(|error| error.to_string())?;
        files.insert("pass.json".to_owned(), told);
        package::packed(files, &self.signer, now)
    }

    /// What pass.json says.
    pub(super) fn described(&self, pass: &Pass, service: Service<'_>) -> Value {
        let card = &pass.card;
        let serial = pass.link.serial();
        let mut told = json!({
            "formatVersion": 1,
            "passTypeIdentifier": self.pass_type_id,
            "teamIdentifier": self.team_id,
            "organizationName": self.organization,
            "serialNumber": serial,
            "description": format!("{} {}", self.organization, card.title),
            "logoText": self.organization,
            "foregroundColor": "rgb(255, 255, 255)",
            "backgroundColor": "rgb(16, 42, 76)",
            "labelColor": "rgb(164, 190, 224)",
            // Who holds the pass opens the door or boards: it is not for passing on.
            "sharingProhibited": true,
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some((told, value)) = told.as_object_mut().zip(value) {
                told.insert(name.to_owned(), value);
            }
        };
        if let Some(url) = service.url {
            add("webServiceURL", Some(json!(url)));
            add("authenticationToken", Some(json!(service.key.pass_secret(&serial))));
        }
        add("relevantDate", card.relevant_at.map(|at| json!(at.to_rfc3339())));
        add("expirationDate", card.ends_at.map(|at| json!(at.to_rfc3339())));
        add("voided", pass.voided.then_some(json!(true)));
        let bar_code = card.bar_code.as_ref().filter(|_| !pass.voided);
        let bar_code = bar_code.map(|(text, symbology)| bar_code_of(card, text, *symbology));
        add("barcodes", bar_code.clone().map(|code| json!([code])));
        // What phones before iOS 9 read.
        add("barcode", bar_code);
        let style = if card.flight.is_some() {
            "boardingPass"
        } else {
            "generic"
        };
        add(style, Some(fields(card)));
        told
    }
}

fn bar_code_of(card: &Card, text: &str, symbology: Symbology) -> Value {
    let format = match symbology {
        Symbology::Aztec => "PKBarcodeFormatAztec",
        Symbology::Qr => "PKBarcodeFormatQR",
        Symbology::Pdf417 => "PKBarcodeFormatPDF417",
    };
    let encoding = if text.chars().all(|letter| u32::from(letter) < 256) {
        "iso-8859-1"
    } else {
        "utf-8"
    };
    json!({ "format": format, "message": text, "messageEncoding": encoding, "altText": card.title })
}

fn fields(card: &Card) -> Value {
    let places = [
        ("headerFields", &card.header),
        ("primaryFields", &card.primary),
        ("secondaryFields", &card.secondary),
        ("auxiliaryFields", &card.auxiliary),
        ("backFields", &card.back),
    ];
    let mut fields = Map::new();
    for (place, lines) in places {
        let lines: Vec<Value> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| field(index, line))
            .collect();
        fields.insert(place.to_owned(), Value::Array(lines));
    }
    if card.flight.is_some() {
        fields.insert("transitType".to_owned(), json!("PKTransitTypeAir"));
    }
    Value::Object(fields)
}

/// One field; keys are unique in a pass, and a phone that gets a new version says what changed.
fn field(index: usize, line: &Line) -> Value {
    let key = if line.key == "next_flight" {
        format!("{}_{index}", line.key)
    } else {
        line.key.to_owned()
    };
    let mut field = json!({ "key": key, "label": line.label, "changeMessage": format!("{}: %@", line.label) });
    let styled: &[(&str, Value)] = match &line.said {
        Said::Text(text) => &[("value", json!(text))],
        Said::Time(at) => &[
            ("value", json!(at.to_rfc3339())),
            ("timeStyle", json!("PKDateStyleShort")),
            ("dateStyle", json!("PKDateStyleNone")),
            ("ignoresTimeZone", json!(true)),
        ],
        Said::Moment(at) => &[
            ("value", json!(at.to_rfc3339())),
            ("timeStyle", json!("PKDateStyleShort")),
            ("dateStyle", json!("PKDateStyleMedium")),
            ("ignoresTimeZone", json!(true)),
        ],
        Said::Day(day) => &[
            ("value", json!(format!("{day}T12:00:00+00:00"))),
            ("timeStyle", json!("PKDateStyleNone")),
            ("dateStyle", json!("PKDateStyleMedium")),
            ("ignoresTimeZone", json!(true)),
        ],
    };
    for (name, value) in styled {
        field[*name] = value.clone();
    }
    field
}
