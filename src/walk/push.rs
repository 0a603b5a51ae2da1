//! What becomes of a push in a walk: the tray takes everything, but for an address that the provider calls dead.

use super::run::Runner;
use crate::base::id::{DeviceId, MessageId, UserId};
use crate::engine::step::{Effects, Input};

impl Runner {
    /// The provider knows no such address: the device loses it, and what was pushed to it may go elsewhere.
    pub(super) fn call_dead(&mut self, user_id: UserId, message_id: MessageId, device_id: DeviceId, silent: bool) {
        let device = self.news.entry(device_id).or_default();
        device.channel = None;
        let device = device.clone();
        self.step(user_id, &Input::Device { device_id, device });
        if !silent {
            let device_id = Some(device_id);
            let why = "UNREGISTERED".to_owned();
            self.step(
                user_id,
                &Input::Undelivered {
                    message_id,
                    device_id,
                    channel: None,
                    why,
                },
            );
        }
    }
}

/// What a step pushes: message, device, and whether it only asks.
pub(super) fn pushed(effects: &Effects) -> Vec<(MessageId, DeviceId, bool)> {
    let made = effects.messages.iter().flat_map(|message| {
        let deliveries = message.deliveries.iter();
        deliveries.map(|planned| (message.id, planned, message.silent))
    });
    let redirected = effects
        .redirected
        .iter()
        .map(|(message, planned)| (*message, planned, false));
    made.chain(redirected)
        .filter_map(|(message, planned, silent)| Some((message, planned.device_id?, silent)))
        .collect()
}
