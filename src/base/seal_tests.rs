//! Sealing gives the published vector, opens for its receiver alone, and refuses keys that are none.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use serde_json::Value;

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn vector() -> Value {
    serde_json::from_str(include_str!(
        "../../tests/data/payloads/webpush/rfc8291-appendix-a.json"
    ))
    .unwrap()
}

/// The receiver of the vector: what a browser or phone keeps to itself.
pub(crate) struct Receiver {
    secret: SecretKey,
    pub(crate) key: SealingKey,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let vector = vector();
        let text = |name: &str| vector[name].as_str().unwrap();
        Self {
            secret: SecretKey::from_slice(&bytes(text("ua_private"))).unwrap(),
            key: SealingKey::new(text("ua_public"), text("auth_secret")).unwrap(),
        }
    }

    /// What was sealed; none when it was not for this receiver, or was changed on the way.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, rest) = sealed.split_at_checked(16)?;
        let (size, rest) = rest.split_at_checked(4)?;
        let (length, rest) = rest.split_first()?;
        let (sender, record) = rest.split_at_checked(usize::from(*length))?;
        assert_eq!(size, RECORD_BYTES.to_be_bytes());
        let shared = self.secret.diffie_hellman(&PublicKey::from_sec1_bytes(sender).ok()?);
        let info = [b"WebPush: info\0", self.key.p256dh.as_slice(), sender].concat();
        let input: [u8; 32] = expand(&self.key.auth, shared.raw_secret_bytes(), &info).unwrap();
        let content_key: [u8; 16] = expand(salt, &input, b"Content-Encoding: aes128gcm\0").unwrap();
        let nonce: [u8; 12] = expand(salt, &input, b"Content-Encoding: nonce\0").unwrap();
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key).unwrap());
        let mut record = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (end, plain) = cipher
            .open_in_place(nonce, Aad::empty(), &mut record)
            .ok()?
            .split_last()?;
        assert_eq!(*end, 2);
        Some(plain.to_vec())
    }
}

#[test]
fn the_vector_of_rfc_8291_appendix_a_comes_out_byte_for_byte() {
    let vector = vector();
    let part = |name: &str| bytes(vector[name].as_str().unwrap());
    let receiver = Receiver::new();
    let salt = part("salt").try_into().unwrap();
    let seed = part("as_private").try_into().unwrap();
    let sealed = seal(&part("plaintext"), &receiver.key, salt, seed).unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.encode(&sealed),
        vector["encrypted_body"].as_str().unwrap()
    );
    assert_eq!(receiver.open(&sealed).unwrap(), part("plaintext"));
}

#[test]
fn every_length_opens_again_and_nothing_longer_than_a_record_is_sealed() {
    let receiver = Receiver::new();
    for length in [0, 1, 15, 16, 17, 1_000, PLAIN_BYTES_MAX] {
        let plain = vec![7; length];
        let sealed = seal(&plain, &receiver.key, [1; 16], [2; 32]).unwrap();
        assert!(sealed.len() <= 4_096, "{}", sealed.len());
        assert_eq!(receiver.open(&sealed).unwrap(), plain);
    }
    let long = vec![7; PLAIN_BYTES_MAX + 1];
    assert_eq!(seal(&long, &receiver.key, [1; 16], [2; 32]), Err(SealError::TooLong));
}

#[test]
fn one_changed_bit_and_another_receiver_open_nothing() {
    let receiver = Receiver::new();
    let sealed = seal(b"room 4711", &receiver.key, [1; 16], [2; 32]).unwrap();
    for place in [0, HEADER_BYTES, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert_eq!(receiver.open(&changed), None);
    }
    let other = Receiver {
        secret: SecretKey::from_slice(&[9; 32]).unwrap(),
        ..Receiver::new()
    };
    assert_eq!(other.open(&sealed), None);
}

#[test]
fn a_seed_that_is_no_key_gives_one_all_the_same() {
    let receiver = Receiver::new();
    for seed in [[0; 32], [0xff; 32]] {
        let sealed = seal(b"hello", &receiver.key, [1; 16], seed).unwrap();
        assert_eq!(receiver.open(&sealed).unwrap(), b"hello");
    }
}

#[test]
fn a_key_is_kept_in_one_text_and_shows_in_no_log() {
    let key = Receiver::new().key;
    assert_eq!(SealingKey::from_text(&key.to_text()).unwrap(), key);
    let padded = format!("{}==", key.auth());
    assert_eq!(SealingKey::new(&key.p256dh(), &padded).unwrap(), key);
    assert!(!format!("{key:?}").contains(&key.auth()));
    let off_the_curve = URL_SAFE_NO_PAD.encode([4; PUBLIC_KEY_BYTES]);
    let (p256dh, auth) = (key.p256dh(), key.auth());
    let table = [
        (off_the_curve.as_str(), auth.as_str(), SealError::PublicKey),
        (&p256dh[..80], &auth, SealError::PublicKey),
        ("", &auth, SealError::PublicKey),
        (&p256dh, "", SealError::Auth),
        (&p256dh, &p256dh, SealError::Auth),
        (&p256dh, "not base64url!", SealError::Auth),
    ];
    for (p256dh, auth, error) in table {
        assert_eq!(SealingKey::new(p256dh, auth), Err(error));
    }
    assert!(SealingKey::from_text("").is_err());
}
