//! Passes outside of the app: behind signed links, and kept fresh in wallets.

pub(super) mod apple;
mod html;
pub(super) mod links;

use super::problem::Problem;
use super::server::Api;
use crate::base::limits;
use crate::base::link::Link;
use crate::base::time::Timestamp;
use crate::engine::fact::{Fact, FactRef};
use crate::store::DeviceRow;
pub(super) use crate::wallet::Standing;
use crate::wallet::{Links, Pass, Reader, Service, Wallets};

/// Where the web service for Apple's phones begins, below the public address.
const APPLE_SERVICE: &str = "/v1/wallet/apple";

/// What is needed to give passes out; without it there are none outside of the app.
#[derive(Debug)]
pub(super) struct Offer {
    pub links: Links,
    pub wallets: Wallets,
    service_url: Option<String>,
}

impl Offer {
    pub fn new(links: Links, wallets: Wallets) -> Self {
        let service_url = links.secure_url().map(|url| format!("{url}{APPLE_SERVICE}"));
        Self {
            links,
            wallets,
            service_url,
        }
    }

    /// What an Apple pass needs to ask for newer versions of itself.
    pub fn service(&self) -> Service<'_> {
        Service {
            url: self.service_url.as_deref(),
            key: self.links.key(),
        }
    }
}

/// Is the pass of this fact still told to apps? For a day after it is over, so that they take it away.
pub(super) fn is_told(fact: &Fact, now: Timestamp) -> bool {
    let over_since = fact.changed_at.max(fact.valid_to.unwrap_or(fact.changed_at));
    Standing::of(fact, now) == Standing::Good || over_since + limits::PASS_TOLD_FOR >= now
}

/// The link to the pass of a fact for one person.
pub(super) fn link_of(device: &DeviceRow, id: &FactRef) -> Link {
    Link {
        project_id: device.project_id,
        user_id: device.user_id,
        kind: id.kind.clone(),
        key: id.key.clone(),
    }
}

/// The fact of a link, if the person is still among its subjects and it still makes a pass.
pub(super) async fn fact_of(api: &Api, link: &Link) -> Result<Option<Fact>, Problem> {
    let id = FactRef {
        kind: link.kind.clone(),
        key: link.key.clone(),
    };
    let fact = api.pipeline.store().fact(link.project_id, &id).await?;
    Ok(fact.filter(|fact| fact.subjects.contains(&link.user_id) && crate::engine::pass::makes_pass(&fact.properties)))
}

/// The address of the page of this pass from now on; none for one that opens nothing any more.
pub(super) async fn page_of(api: &Api, device: &DeviceRow, id: &FactRef) -> Result<Option<String>, Problem> {
    let link = link_of(device, id);
    let now = api.pipeline.now();
    let fact = fact_of(api, &link)
        .await?
        .filter(|fact| Standing::of(fact, now) == Standing::Good);
    Ok(fact
        .zip(api.offer.as_ref())
        .map(|(fact, offer)| offer.links.page(&link, fact.valid_to, now)))
}

/// The pass of a fact for its reader.
pub(super) fn pass_of(link: Link, fact: &Fact, reader: &Reader, now: Timestamp) -> Option<Pass> {
    let voided = Standing::of(fact, now) != Standing::Good;
    Pass::of(link, fact, voided, reader.zone, reader.locale.as_deref())
}
