//! Who signs Apple passes: the operator's certificate with its key, and the CMS signature (RFC 5652) they make.

use super::rsa::RsaKey;
use crate::base::time::Timestamp;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, DigestAlgorithmIdentifiers, EncapsulatedContentInfo, SignedAttributes, SignedData,
    SignerIdentifier, SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_DATA, ID_MESSAGE_DIGEST, ID_SIGNED_DATA, ID_SIGNING_TIME};
use const_oid::db::rfc5912::{ID_SHA_256, RSA_ENCRYPTION};
use der::asn1::{Any, OctetString, SetOfVec, UtcTime};
use der::pem::LineEnding;
use der::{DateTime, Decode, DecodePem, Encode, EncodePem, Tag};
use sha2::{Digest, Sha256};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// Where Apple writes the pass type into a certificate's subject (RFC 4519 `uid`).
const USER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
/// Where it writes the team (`ou`).
const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// The pass certificate, its key, and Apple's intermediate certificate, which go together.
#[derive(Debug)]
pub(super) struct Signer {
    certificate: Certificate,
    intermediate: Certificate,
    key: RsaKey,
}

/// Why the three do not go together: which of them is to blame, and how.
#[derive(Debug)]
pub(super) enum Mismatch {
    Certificate(String),
    Key(String),
    Intermediate(String),
}

impl Signer {
    /// From the files as Apple gives them (DER) or as tools write them (PEM).
    ///
    /// # Errors
    /// A certificate or key that does not read, or that does not belong to the others.
    pub(super) fn new(certificate: &[u8], key: &[u8], intermediate: &[u8]) -> Result<Self, Mismatch> {
        let certificate = read_certificate(certificate).map_err(Mismatch::Certificate)?;
        let key = RsaKey::from_pem(key).map_err(Mismatch::Key)?;
        let intermediate = read_certificate(intermediate).map_err(Mismatch::Intermediate)?;
        let certified = &certificate.tbs_certificate.subject_public_key_info.subject_public_key;
        if certified.raw_bytes() != key.public() {
            return Err(Mismatch::Key("is not the key of the certificate".to_owned()));
        }
        if intermediate.tbs_certificate.subject != certificate.tbs_certificate.issuer {
            let issuer = &certificate.tbs_certificate.issuer;
            return Err(Mismatch::Intermediate(format!(
                "did not issue the pass certificate; `{issuer}` did"
            )));
        }
        Ok(Self {
            certificate,
            intermediate,
            key,
        })
    }

    /// The pass type the certificate is for, where it says so.
    pub(super) fn pass_type(&self) -> Option<String> {
        self.named(USER_ID)
    }

    /// The team it belongs to, where it says so.
    pub(super) fn team(&self) -> Option<String> {
        self.named(UNIT)
    }

    /// From this instant on the certificate is worth nothing.
    pub(super) fn ends_after(&self) -> Duration {
        self.certificate.tbs_certificate.validity.not_after.to_unix_duration()
    }

    /// The certificate in PEM, for those who know the operator by it.
    pub(super) fn certificate_pem(&self) -> Result<String, String> {
        self.certificate
            .to_pem(LineEnding::LF)
            .map_err(|error| error.to_string())
    }

    fn named(&self, oid: ObjectIdentifier) -> Option<String> {
        let names = self
            .certificate
            .tbs_certificate
            .subject
            .0
            .iter()
            .flat_map(|name| name.0.iter());
        let found = names.rev().find(|attribute| attribute.oid == oid)?;
        String::from_utf8(found.value.value().to_vec()).ok()
    }

    /// A detached signature over these bytes, as DER.
    ///
    /// # Errors
    /// The encoder's words; what was read once has no way to fail.
    pub(super) fn sign(&self, content: &[u8], at: Timestamp) -> Result<Vec<u8>, String> {
        self.signed(content, at)
            .map_err(|error| format!("the pass cannot be signed: {error}"))
    }

    fn signed(&self, content: &[u8], at: Timestamp) -> Result<Vec<u8>, String> {
        let seconds = Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or(0));
        let attributes = attributes(content, seconds).map_err(|error| error.to_string())?;
        let told = attributes.to_der().map_err(|error| error.to_string())?;
        let signature = self.key.sign(&told)?;
        self.enclosed(attributes, signature).map_err(|error| error.to_string())
    }

    fn enclosed(&self, attributes: SignedAttributes, signature: Vec<u8>) -> der::Result<Vec<u8>> {
        let subject = &self.certificate.tbs_certificate;
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: subject.issuer.clone(),
                serial_number: subject.serial_number.clone(),
            }),
            digest_alg: sha256(),
            signed_attrs: Some(attributes),
            signature_algorithm: AlgorithmIdentifierOwned {
                oid: RSA_ENCRYPTION,
                parameters: Some(Any::null()),
            },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let certificates = [&self.certificate, &self.intermediate];
        let certificates = certificates.map(|certificate| CertificateChoices::Certificate(certificate.clone()));
        let data = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: DigestAlgorithmIdentifiers::try_from(vec![sha256()])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ID_DATA,
                econtent: None,
            },
            certificates: Some(CertificateSet(SetOfVec::try_from(certificates.to_vec())?)),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        ContentInfo {
            content_type: ID_SIGNED_DATA,
            content: Any::encode_from(&data)?,
        }
        .to_der()
    }
}

/// What is signed besides the content: its digest, and when it was signed, as Apple asks.
fn attributes(content: &[u8], at: Duration) -> der::Result<SignedAttributes> {
    let attribute = |oid, value| {
        Ok(Attribute {
            oid,
            values: SetOfVec::try_from(vec![value])?,
        })
    };
    let signed_at = UtcTime::from_date_time(DateTime::from_unix_duration(at)?)?;
    let attributes: der::Result<Vec<Attribute>> = [
        (ID_CONTENT_TYPE, Any::encode_from(&ID_DATA)?),
        (ID_SIGNING_TIME, Any::encode_from(&signed_at)?),
        (
            ID_MESSAGE_DIGEST,
            Any::new(Tag::OctetString, Sha256::digest(content).as_slice())?,
        ),
    ]
    .into_iter()
    .map(|(oid, value)| attribute(oid, value))
    .collect();
    SignedAttributes::try_from(attributes?)
}

fn sha256() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: ID_SHA_256,
        parameters: None,
    }
}

fn read_certificate(bytes: &[u8]) -> Result<Certificate, String> {
    let is_pem = bytes.trim_ascii_start().starts_with(b"-----BEGIN");
    let read = if is_pem {
        Certificate::from_pem(bytes)
    } else {
        Certificate::from_der(bytes)
    };
    read.map_err(|error| format!("is no certificate ({error})"))
}
