//! The person: consent, profile and devices coming and going.

use super::DeviceNews;
use super::stepper::Stepper;
use crate::base::id::DeviceId;
use crate::engine::subject::{Consent, Profile, Purpose};

impl Stepper<'_> {
    /// The last word on each purpose wins; an older one that comes late changes nothing.
    pub(super) fn apply_consents(&mut self, consents: &[(Purpose, Consent)]) {
        let located = self.subject.has_consent(Purpose::Location);
        for (purpose, consent) in consents {
            let known = self.subject.consents.get(purpose);
            if known.is_none_or(|known| known.at <= consent.at) {
                self.subject.consents.insert(*purpose, *consent);
                self.dirty = true;
            }
        }
        if located && !self.subject.has_consent(Purpose::Location) {
            self.forget_places();
        }
    }

    /// Without consent to location nothing is known of where the person is.
    fn forget_places(&mut self) {
        for device in self.subject.devices.values_mut() {
            device.presence.clear();
            device.flagged.clear();
            device.last_fix = None;
        }
        self.subject.visits.clear();
        self.end_waits_about_places();
    }

    pub(super) fn apply_profile(&mut self, profile: &Profile) {
        if *self.subject.profile != *profile {
            self.subject.profile = profile.clone().into();
            self.dirty = true;
            self.judge_waits_on(None);
        }
    }

    pub(super) fn apply_device(&mut self, device_id: DeviceId, news: &DeviceNews) {
        let now = self.given.now;
        let device = self.device(device_id);
        let lost_address = device.about.channel.is_some() && news.channel.is_none();
        device.describe(|about| {
            about.platform.clone_from(&news.platform);
            about.locale = news.locale.clone().or(about.locale.take());
            about.time_zone = news.time_zone.clone().or(about.time_zone.take());
            about.notifications = news.notifications.unwrap_or(about.notifications);
            about.channel = news.channel;
        });
        // A person who just signed in or registered is holding this device; that its address died says nothing of them.
        if !lost_address {
            device.last_seen_at = device.last_seen_at.max(Some(now.into()));
        }
        self.dirty = true;
    }

    /// Signed out: what this device knew of the person's place is no evidence any more, and no crossing either.
    pub(super) fn apply_device_gone(&mut self, device_id: DeviceId) {
        if self.subject.devices.remove(&device_id).is_none() {
            return;
        }
        self.dirty = true;
        let devices = &self.subject.devices;
        self.subject.visits.retain(|fence, visit| {
            visit.left_at.is_some() || devices.values().any(|device| device.presence.contains_key(fence))
        });
    }
}
