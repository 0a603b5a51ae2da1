//! The people of a walk: who they are, whose a device is, and who somebody without a name turns out to be.

use super::format::WalkUser;
use super::run::Runner;
use crate::base::id::{DeviceId, UserId};
use crate::engine::delivery::ChannelKind;
use crate::engine::step::{DeviceNews, Input};
use crate::engine::subject::{Consent, Profile, Subject, reached_by};

impl Runner {
    pub(super) fn meet(&mut self, user: &WalkUser) {
        let (user_id, _) = self.stage.user(&user.user_ref);
        let profile = Profile {
            user_ref: Some(user.user_ref.clone()),
            locale: user.locale.clone(),
            time_zone: user.time_zone.clone(),
            attributes: user.attributes.clone(),
            reached_by: reached_by(&user.contact),
        };
        self.step(user_id, &Input::Profile(profile));
        let at = self.now;
        let consents = user
            .consents
            .iter()
            .map(|(purpose, granted)| (*purpose, Consent { granted: *granted, at }));
        self.step(user_id, &Input::Consents(consents.collect()));
        for device in &user.devices {
            let device_id = self.stage.ids.draw::<DeviceId>();
            self.stage.devices.insert(device.id.clone(), device_id);
            let news = DeviceNews {
                platform: device.platform.clone(),
                locale: device.locale.clone(),
                time_zone: device.time_zone.clone(),
                notifications: Some(device.notifications),
                channel: device.push.then_some(ChannelKind::Tray),
            };
            self.news.insert(device_id, news);
            self.hand_over(device_id, user_id);
        }
    }

    /// The device belongs to this user from now on.
    pub(super) fn hand_over(&mut self, device_id: DeviceId, to: UserId) {
        let from = self
            .owners
            .get(&device_id)
            .and_then(|owners| owners.last())
            .map(|(_, user)| *user);
        if from == Some(to) {
            return;
        }
        self.owners.entry(device_id).or_default().push((self.now, to));
        match from {
            Some(from) if self.turns_out_to_be(from, to) => {
                let known = self.subjects.remove(&from).unwrap_or_else(|| Subject::new(from));
                self.wakes.remove(&from);
                self.merged.insert(from, to);
                self.step(to, &Input::Merge(Box::new(known)));
            }
            Some(from) => self.step(from, &Input::DeviceGone(device_id)),
            None => {}
        }
        let device = self.news.get(&device_id).cloned().unwrap_or_default();
        self.step(to, &Input::Device { device_id, device });
    }

    /// Somebody without a name signs in.
    fn turns_out_to_be(&self, from: UserId, to: UserId) -> bool {
        let named = |user: UserId| {
            let subject = self.subjects.get(&user);
            subject.is_some_and(|subject| subject.profile.user_ref.is_some())
        };
        !named(from) && named(to)
    }
}
