//! The key of the service account that the test server vouches for.

use std::io;
use std::sync::OnceLock;

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::traits::PublicKeyParts;

/// The least that Google uses and that *ring* signs with.
const KEY_BITS: usize = 2_048;
/// The id that signed statements carry.
pub(super) const KEY_ID: &str = "fcm-test-key";
/// The account's name, the `iss` of signed statements.
pub(super) const CLIENT_EMAIL: &str = "sender@fcm-test.iam.gserviceaccount.com";

/// A key pair made at run time, so that no private key, not even a worthless one, is in the repository.
#[derive(Clone)]
pub(super) struct Key {
    private_pem: String,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Key {
    /// Makes the key once per process: it takes a fraction of a second, and no test needs two.
    pub(super) fn of_this_process() -> io::Result<Self> {
        static KEY: OnceLock<Result<Key, String>> = OnceLock::new();
        KEY.get_or_init(Self::make).clone().map_err(io::Error::other)
    }

    fn make() -> Result<Self, String> {
        let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS).map_err(|error| error.to_string())?;
        let private_pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| error.to_string())?
            .to_string();
        Ok(Self {
            private_pem,
            modulus: key.n().to_bytes_be(),
            exponent: key.e().to_bytes_be(),
        })
    }

    /// The private half in PKCS #8 PEM form.
    pub(super) fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// Whether this key made the RS256 signature.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let public = RsaPublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        };
        public.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
    }
}
