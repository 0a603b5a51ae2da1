//! An Apple pass is signed so that others verify it, opens with one reader like the passes of airlines, and has their shape.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::secret::Secret;
use crate::base::secret::hex;
use crate::engine::fact::{FactRef, Lifecycle};
use ::rsa::pkcs8::{EncodePrivateKey, LineEnding};
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::{Decode, Encode};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/payloads/pkpass");

/// Keys and certificates as an operator has them, made once: RSA keys take their time.
pub(crate) struct Operator {
    pub folder: TempDir,
    pub settings: Settings,
    /// Of the service account, as Google would have it: PKCS #1 in DER.
    pub google_public: Vec<u8>,
}

pub(crate) static OPERATOR: LazyLock<Operator> = LazyLock::new(operator);

fn new_key() -> (String, ::rsa::RsaPrivateKey) {
    let key = ::rsa::RsaPrivateKey::new(&mut ::rsa::rand_core::OsRng, 2048).unwrap();
    (key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(), key)
}

fn operator() -> Operator {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (authority_key, (key, _)) = (new_key().0, new_key());
    let signs = |pem: &str| KeyPair::from_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority
        .distinguished_name
        .push(DnType::CommonName, "Worldwide Developer Relations, but of this test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let intermediate = authority.self_signed(&signs(&authority_key)).unwrap();
    let issuer = Issuer::new(authority, signs(&authority_key));
    let mut leaf = CertificateParams::new(Vec::new()).unwrap();
    let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    leaf.distinguished_name.push(uid, "pass.example.boarding");
    leaf.distinguished_name
        .push(DnType::CommonName, "Pass Type ID: pass.example.boarding");
    leaf.distinguished_name
        .push(DnType::OrganizationalUnitName, "A1B2C3D4E5");
    let certificate = leaf.signed_by(&signs(&key), &issuer).unwrap();
    let (google_key, google) = new_key();
    let account = json!({ "client_email": "usher@project.example", "private_key_id": "k1", "private_key": google_key });
    let settings = Settings {
        apple: apple::Settings {
            pass_type_id: Some("pass.example.boarding".into()),
            team_id: Some("A1B2C3D4E5".into()),
            organization: Some("Air Example".into()),
            certificate_file: Some(file("pass.pem", &certificate.pem())),
            key_file: Some(file("key.pem", &key)),
            intermediate_file: Some(file("wwdr.pem", &intermediate.pem())),
            icon_file: None,
            logo_file: None,
            push_endpoint: "http://127.0.0.1:9".into(),
        },
        google: google::Settings {
            issuer_id: Some("3388000000000000000".into()),
            service_account_file: Some(file("account.json", &account.to_string())),
            organization: Some("Air Example".into()),
            api_endpoint: "http://127.0.0.1:9".into(),
        },
    };
    use ::rsa::pkcs1::EncodeRsaPublicKey as _;
    let google_public = google.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec();
    Operator {
        folder,
        settings,
        google_public,
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at("2026-05-04T12:00:00Z")
}

pub(crate) fn wallets() -> Wallets {
    Wallets::open(&OPERATOR.settings, now()).unwrap()
}

pub(crate) fn pass(kind: &str, properties: Value, voided: bool) -> Pass {
    let id = FactRef {
        kind: kind.into(),
        key: "K1".into(),
    };
    let link = Link {
        project_id: uuid::Uuid::from_u128(1).into(),
        user_id: uuid::Uuid::from_u128(2).into(),
        kind: id.kind.clone(),
        key: id.key.clone(),
    };
    let fact = Fact {
        id,
        seq: 1,
        subjects: Vec::new(),
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: Some(at("2026-05-05T06:00:00Z")),
        sensitive: Vec::new(),
        properties: properties.as_object().unwrap().clone(),
        changed_at: now(),
    };
    Pass::of(link, &fact, voided, Tz::Europe__Vienna, Some("en")).unwrap()
}

pub(crate) fn flight() -> Value {
    json!({ "bar_code": CODE, "gate": "B7", "terminal": "1", "departs_at": "2026-05-04T18:30:00-04:00",
        "boarding_at": "2026-05-04T17:50:00-04:00", "status": "on_time" })
}

/// Every file of a pass. Bounded in what it unpacks: a pass is someone else's file.
pub(crate) fn opened(pkpass: &[u8]) -> BTreeMap<String, Vec<u8>> {
    const BYTES_MAX: u64 = 4 * 1024 * 1024;
    let mut archive = zip::ZipArchive::new(Cursor::new(pkpass)).unwrap();
    assert!(archive.len() <= 100);
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut left = BYTES_MAX;
    let mut files = BTreeMap::new();
    for name in names {
        let mut bytes = Vec::new();
        archive
            .by_name(&name)
            .unwrap()
            .take(left + 1)
            .read_to_end(&mut bytes)
            .unwrap();
        left = left.checked_sub(bytes.len() as u64).unwrap();
        files.insert(name, bytes);
    }
    files
}

pub(crate) fn pass_json(pkpass: &[u8]) -> Value {
    serde_json::from_slice(&opened(pkpass)["pass.json"]).unwrap()
}

fn made(pass: &Pass) -> Vec<u8> {
    let key = LinkKey::new(&Secret::new("of the server"));
    let service = Service {
        url: Some("https://usher.example/v1/wallet/apple"),
        key: &key,
    };
    wallets().apple.unwrap().pkpass(pass, service, now()).unwrap()
}

#[test]
fn the_manifest_names_every_file_by_its_hash() {
    let files = opened(&made(&pass("flight", flight(), false)));
    let manifest: BTreeMap<String, String> = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let named: Vec<&String> = manifest.keys().collect();
    assert_eq!(named, ["icon.png", "icon@2x.png", "icon@3x.png", "pass.json"]);
    for (name, hash) in &manifest {
        assert_eq!(
            &hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &files[name]).as_ref()),
            hash,
            "{name}"
        );
    }
    let mut others: Vec<&String> = files.keys().filter(|name| !manifest.contains_key(*name)).collect();
    others.sort();
    assert_eq!(others, ["manifest.json", "signature"]);
    let side = |name: &str| {
        let decoder = png::Decoder::new(Cursor::new(files[name].clone()));
        decoder.read_info().unwrap().info().size()
    };
    assert_eq!((side("icon.png"), side("icon@2x.png")), ((29, 29), (58, 58)));
}

#[test]
fn the_signature_is_right_by_our_own_reading() {
    let files = opened(&made(&pass("flight", flight(), false)));
    let info = ContentInfo::from_der(&files["signature"]).unwrap();
    let data = SignedData::from_der(&info.content.to_der().unwrap()).unwrap();
    assert!(data.encap_content_info.econtent.is_none(), "it is detached");
    let signer = data.signer_infos.0.get(0).unwrap();
    let attributes = signer.signed_attrs.as_ref().unwrap();
    let digest = Sha256::digest(&files["manifest.json"]);
    let told = attributes
        .iter()
        .find(|attribute| attribute.oid == const_oid::db::rfc5911::ID_MESSAGE_DIGEST);
    assert_eq!(told.unwrap().values.get(0).unwrap().value(), digest.as_slice());
    assert!(
        attributes
            .iter()
            .any(|attribute| attribute.oid == const_oid::db::rfc5911::ID_SIGNING_TIME)
    );
    let certificates: Vec<Vec<u8>> = data
        .certificates
        .unwrap()
        .0
        .iter()
        .map(|one| one.to_der().unwrap())
        .collect();
    assert_eq!(certificates.len(), 2, "the intermediate goes along");
    let leaf = certificates
        .iter()
        .map(|der| x509_cert::Certificate::from_der(der).unwrap())
        .find(|certificate| certificate.tbs_certificate.subject != certificate.tbs_certificate.issuer);
    let key = leaf.unwrap().tbs_certificate.subject_public_key_info;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.subject_public_key.raw_bytes())
        .verify(&attributes.to_der().unwrap(), signer.signature.as_bytes())
        .unwrap();
}

#[test]
fn openssl_verifies_the_signature_where_it_is_there() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let files = opened(&made(&pass("flight", flight(), false)));
    let folder = tempfile::tempdir().unwrap();
    for name in ["signature", "manifest.json"] {
        std::fs::write(folder.path().join(name), &files[name]).unwrap();
    }
    let verified = |content: &Path| {
        let mut openssl = Command::new("openssl");
        openssl.args(["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-in"]);
        openssl
            .arg(folder.path().join("signature"))
            .arg("-content")
            .arg(content)
            .arg("-CAfile");
        openssl.arg(OPERATOR.settings.apple.intermediate_file.as_ref().unwrap());
        openssl.output().unwrap()
    };
    let good = verified(&folder.path().join("manifest.json"));
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let other = folder.path().join("other.json");
    std::fs::write(&other, b"{}").unwrap();
    assert!(!verified(&other).status.success(), "another manifest");
}

/// What each of the three samples says, with the folders of a style flattened to `boardingPass.primaryFields`.
fn samples() -> Vec<(PathBuf, Value)> {
    let files = std::fs::read_dir(SAMPLES).unwrap().map(|entry| entry.unwrap().path());
    let passes = files.filter(|path| path.extension().is_some_and(|extension| extension == "pkpass"));
    passes
        .map(|path| (path.clone(), pass_json(&std::fs::read(&path).unwrap())))
        .collect()
}

fn style(pass: &Value) -> (&'static str, &Value) {
    let mut styles = ["boardingPass", "eventTicket", "generic"].into_iter();
    styles.find_map(|style| Some((style, pass.get(style)?))).unwrap()
}

/// Apple's rules for every pass.
fn is_well_formed(pass: &Value, place: &Path) {
    for needed in ["formatVersion", "passTypeIdentifier", "organizationName", "description"] {
        assert!(pass.get(needed).is_some(), "{} lacks {needed}", place.display());
    }
    assert_eq!(pass["formatVersion"], 1);
    let (style, parts) = style(pass);
    assert_eq!(parts.get("transitType").is_some(), style == "boardingPass");
    let mut keys = Vec::new();
    for (part, fields) in parts.as_object().unwrap() {
        for field in fields.as_array().into_iter().flatten() {
            assert!(
                field["label"].is_string() && !field["value"].is_null(),
                "{part}: {field}"
            );
            keys.push(field["key"].as_str().unwrap());
        }
    }
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count, "keys are unique");
    if let Some(code) = pass.get("barcode") {
        for needed in ["format", "message", "messageEncoding"] {
            assert!(code[needed].is_string(), "{} lacks {needed}", place.display());
        }
    }
}

#[test]
fn our_pass_has_the_shape_of_those_of_airlines_and_hotels() {
    let samples = samples();
    assert_eq!(samples.len(), 3);
    for (place, sample) in &samples {
        is_well_formed(sample, place);
    }
    let ours = pass_json(&made(&pass("flight", flight(), false)));
    is_well_formed(&ours, Path::new("ours"));
    for (place, sample) in samples.iter().filter(|(_, sample)| style(sample).0 == "boardingPass") {
        for part in style(sample).1.as_object().unwrap().keys() {
            assert!(ours["boardingPass"].get(part).is_some(), "{}: {part}", place.display());
        }
        for needed in ["passTypeIdentifier", "organizationName", "description", "relevantDate"] {
            assert!(ours[needed].is_string(), "{needed}");
        }
    }
    assert_eq!(ours["barcodes"][0]["format"], "PKBarcodeFormatAztec");
    assert_eq!(
        (&ours["barcodes"][0]["message"], &ours["barcode"]["message"]),
        (&json!(CODE), &json!(CODE))
    );
    assert_eq!(ours["boardingPass"]["primaryFields"][0]["value"], "YUL");
    assert_eq!(ours["relevantDate"], "2026-05-04T17:50:00-04:00");
    assert_eq!(ours["expirationDate"], "2026-05-05T06:00:00+00:00");
    assert!(
        ours["authenticationToken"].as_str().unwrap().len() >= 16,
        "Apple asks for that many"
    );
    assert_eq!(ours["webServiceURL"], "https://usher.example/v1/wallet/apple");
}

#[test]
fn a_room_is_a_generic_pass_and_what_is_void_has_no_bar_code() {
    let stay = json!({ "room": "407", "bar_code": "DOOR-407", "arrives_at": "2026-05-04T13:00:00Z" });
    let room = pass_json(&made(&pass("stay", stay, false)));
    is_well_formed(&room, Path::new("room"));
    assert_eq!(room["generic"]["primaryFields"][0]["value"], "407");
    assert_eq!(room["barcode"]["format"], "PKBarcodeFormatQR");
    let void = pass_json(&made(&pass("flight", flight(), true)));
    assert_eq!(
        (&void["voided"], void.get("barcode"), void.get("barcodes")),
        (&json!(true), None, None)
    );
    assert_eq!(
        void["serialNumber"],
        pass("flight", flight(), false).link.serial(),
        "it is still the same pass"
    );
}
