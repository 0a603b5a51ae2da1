//! One exchange over HTTP: bounded in time and size, never redirected, and what its failure means.

use super::answer::Answer;
use super::outside::{OutsideError, understood};
use crate::engine::delivery::Outcome;
use std::net::IpAddr;
use std::time::Duration;

/// Makes the exchange. That no answer came is an outcome too: it may have arrived, so it is tried again under the same tag.
pub(super) async fn exchange(request: reqwest::RequestBuilder) -> Result<Answer, Outcome> {
    let response = request.send().await.map_err(lost)?;
    // The status is what counts: words that do not come are done without.
    Ok(Answer::read(response).await.0)
}

fn lost(error: reqwest::Error) -> Outcome {
    let again = |why: &str| Outcome::Retry {
        after: None,
        why: why.to_owned(),
    };
    match understood(error) {
        OutsideError::Refused(refused) => Outcome::Rejected {
            why: refused.to_string(),
        },
        OutsideError::Timeout => again("timeout"),
        OutsideError::Address(_) | OutsideError::NameUnknown | OutsideError::Connect(_) | OutsideError::Transport => {
            again("transport")
        }
    }
}

/// The provider refuses who we are or what we are set up with, and will refuse it again.
pub(super) fn configuration(setting: &str, why: String) -> Outcome {
    Outcome::Misconfigured {
        why,
        detail: format!("check {setting}"),
    }
}

/// What every client of a provider has in common: both time-outs, and no redirects, which would carry message and credentials
/// to an address that nobody configured.
pub(super) fn builder(timeout_s: u64) -> reqwest::ClientBuilder {
    // An error means that a provider of TLS is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeout = Duration::from_secs(timeout_s.clamp(1, 60));
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
}

/// `https`, or `http` to this machine, where it cannot be overheard.
pub(super) fn is_private(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}
