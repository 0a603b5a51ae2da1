//! Who reads a pass: in which zone and language, and from whom it comes.

use crate::base::link::Link;
use crate::store::{Store, StoreError};
use chrono_tz::Tz;

/// What a pass must know of the person it is for.
#[derive(Debug, Clone)]
pub struct Reader {
    pub zone: Tz,
    /// BCP 47; none when nobody said.
    pub locale: Option<String>,
    /// The name of the project.
    pub organization: String,
}

impl Reader {
    /// The zone of the device heard from last, else what the business says of the person, else the project's. The language is
    /// the business's word before the device's.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(store: &Store, link: &Link) -> Result<Self, StoreError> {
        let devices = store.devices_of(link.project_id, link.user_id).await?;
        let device = devices.into_iter().max_by_key(|device| device.last_seen_at);
        let user = store.user(link.project_id, link.user_id).await?;
        let project = store.project(link.project_id).await?;
        let (own_zone, own_locale) = user
            .map(|user| (user.profile.time_zone, user.profile.locale))
            .unwrap_or_default();
        let (zone, locale) = device
            .map(|device| (device.time_zone, device.locale))
            .unwrap_or_default();
        let (organization, settings) = project.map(|row| (row.name, row.settings)).unzip();
        let known = [zone, own_zone]
            .into_iter()
            .flatten()
            .find_map(|name| name.parse().ok());
        Ok(Self {
            zone: known.or(settings.map(|settings| settings.time_zone)).unwrap_or(Tz::UTC),
            locale: own_locale.or(locale),
            organization: organization.unwrap_or_default(),
        })
    }
}
