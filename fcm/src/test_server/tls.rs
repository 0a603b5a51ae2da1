//! A certificate for the test server that speaks TLS, made at run time like its keys.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The address in the certificate: the one that the server listens on.
const ADDRESS: &str = "127.0.0.1";

/// What the server proves itself with, and what a client must trust.
pub(super) struct Tls {
    pub(super) config: ServerConfig,
    pub(super) certificate_pem: String,
}

impl Tls {
    pub(super) fn make() -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed([ADDRESS.to_owned()]).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .map_err(io::Error::other)?;
        Ok(Self {
            config,
            certificate_pem: made.cert.pem(),
        })
    }
}
