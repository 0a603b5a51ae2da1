//! RSA keys of the operator: read from PEM, and used to sign with SHA-256.

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use std::fmt;

/// A private key.
pub(super) struct RsaKey(RsaKeyPair);

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey(…)")
    }
}

impl RsaKey {
    /// From PEM, PKCS #8 or PKCS #1, of 2,048 to 4,096 bits.
    ///
    /// # Errors
    /// What it is instead, and the command that makes it right. The key itself is never quoted.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let (label, der) = der::pem::decode_vec(pem).map_err(|_| {
            "is no key in PEM; a .p12 file becomes one with `openssl pkcs12 -legacy -in pass.p12 -nocerts -nodes -out key.pem`"
        })?;
        let key = match label {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
            "ENCRYPTED PRIVATE KEY" => {
                return Err("is locked with a password; unlock it with `openssl pkey -in locked.pem -out key.pem` and let only \
                            this user read the result"
                    .to_owned());
            }
            other => return Err(format!("holds a `{other}`, not a private key")),
        };
        key.map(Self)
            .map_err(|error| format!("is no RSA key of 2,048 to 4,096 bits ({error})"))
    }

    /// The public key as DER (PKCS #1), as certificates have it.
    pub(super) fn public(&self) -> &[u8] {
        self.0.public().as_ref()
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self
            .0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed
            .map(|()| signature)
            .map_err(|_| "the key does not sign".to_owned())
    }
}
