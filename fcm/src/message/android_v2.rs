//! What is different on Android, in the form that will replace `android`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AndroidFcmOptions, Data, LightSettings, NotificationPriority, Visibility};

/// Options for Android: either a notification now or a background sync when the phone likes.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AndroidConfigV2 {
    /// Of waiting messages with the same key only the last is delivered; at most four keys at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapse_key: Option<String>,
    /// How long FCM keeps the message for a phone that is away: at most and by default 28 days; zero is now or never.
    /// FCM rounds down to whole seconds.
    #[serde(default, with = "super::wire::optional", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// The token must belong to this package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_package_name: Option<String>,
    /// Key/value pairs for the app; if not empty they replace the message's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: Data,
    /// Deliver while the phone has been restarted and not yet unlocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_boot_ok: Option<bool>,
    /// Deliver over a network of constrained bandwidth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_constrained_ok: Option<bool>,
    /// Deliver over a restricted satellite network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_satellite_ok: Option<bool>,
    /// Options of the SDK on Android.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fcm_options: Option<AndroidFcmOptions>,
    /// A notification, delivered at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_notification: Option<AndroidRemoteNotification>,
    /// A sync for the app, delivered when it suits the battery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_sync: Option<AndroidBackgroundSync>,
}

impl AndroidConfigV2 {
    /// Lets later messages with the same key replace this one while it waits.
    #[must_use]
    pub fn collapse_key(mut self, collapse_key: impl Into<String>) -> Self {
        self.collapse_key = Some(collapse_key.into());
        self
    }

    /// Sets how long FCM keeps the message for a phone that is away.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Restricts the message to one package.
    #[must_use]
    pub fn restricted_package_name(mut self, restricted_package_name: impl Into<String>) -> Self {
        self.restricted_package_name = Some(restricted_package_name.into());
        self
    }

    /// Allows delivery before the first unlock after a restart.
    #[must_use]
    pub fn direct_boot_ok(mut self, direct_boot_ok: bool) -> Self {
        self.direct_boot_ok = Some(direct_boot_ok);
        self
    }

    /// Sets the notification.
    #[must_use]
    pub fn remote_notification(mut self, remote_notification: AndroidRemoteNotification) -> Self {
        self.remote_notification = Some(remote_notification);
        self
    }

    /// Asks for a background sync.
    #[must_use]
    pub fn background_sync(mut self, background_sync: AndroidBackgroundSync) -> Self {
        self.background_sync = Some(background_sync);
        self
    }

    /// Adds one key/value pair for the app.
    #[must_use]
    pub fn entry(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }

    /// Labels the message for Google Analytics.
    #[must_use]
    pub fn analytics_label(mut self, label: impl Into<String>) -> Self {
        self.fcm_options = Some(AndroidFcmOptions {
            analytics_label: Some(label.into()),
        });
        self
    }
}

/// A sync without urgency. It has no fields: that it is there says everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AndroidBackgroundSync {}

/// A notification that is delivered at once.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AndroidRemoteNotification {
    /// What to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<AndroidNotificationV2>,
    /// Let the app change the notification when it arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutable_content: Option<bool>,
    /// Deliver it to older clients as a message for the app, without the notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_as_v1_data_message: Option<bool>,
}

impl AndroidRemoteNotification {
    /// Sets what to show.
    #[must_use]
    pub fn notification(mut self, notification: AndroidNotificationV2) -> Self {
        self.notification = Some(notification);
        self
    }

    /// Lets the app change the notification when it arrives.
    #[must_use]
    pub fn mutable_content(mut self, mutable_content: bool) -> Self {
        self.mutable_content = Some(mutable_content);
        self
    }
}

/// The notification on Android.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AndroidNotificationV2 {
    /// With `tag` the identity of the notification within the app: the same pair replaces what is on the screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// The title; it wins over the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The text; it wins over the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The name of a drawable of the app; without it the launcher icon of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// The colour of the icon, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// `default` or a file in the app's `/res/raw/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// A notification with the same tag replaces the one on the screen; without it each send adds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The intent filter of the activity that a tap opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_action: Option<String>,
    /// The key of the text in the app's string resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_loc_key: Option<String>,
    /// The values for the placeholders of `body_loc_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_loc_args: Vec<String>,
    /// The key of the title in the app's string resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_loc_key: Option<String>,
    /// The values for the placeholders of `title_loc_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub title_loc_args: Vec<String>,
    /// The notification channel; the app must have created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<String>,
    /// The text for accessibility services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticker: Option<String>,
    /// Whether the notification stays after a tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<bool>,
    /// When the event happened; the panel sorts by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<DateTime<Utc>>,
    /// Whether it is for this device alone and not bridged, say, to a watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_only: Option<bool>,
    /// How much of the user's attention it deserves, on Android 7.1 and lower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_priority: Option<NotificationPriority>,
    /// Use the sound of the framework.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_sound: Option<bool>,
    /// Use the vibration of the framework; it wins over `vibrate_timings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_vibrate_timings: Option<bool>,
    /// Use the light of the framework; `light_settings` wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_light_settings: Option<bool>,
    /// Off, on, off, on ...: how long each.
    #[serde(default, with = "super::wire::list", skip_serializing_if = "Vec::is_empty")]
    pub vibrate_timings: Vec<Duration>,
    /// How much a locked screen shows; without it [`Visibility::Private`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The number on the badge; zero or nothing counts up by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_count: Option<i32>,
    /// How the light blinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light_settings: Option<LightSettings>,
    /// The URL of a picture; it wins over the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl AndroidNotificationV2 {
    /// Sets the number that is, with the tag, the identity of the notification.
    #[must_use]
    pub fn id(mut self, id: i32) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Makes it replace a shown notification with the same tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Sets how much a locked screen shows.
    #[must_use]
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = Some(visibility);
        self
    }

    /// Sets the notification channel.
    #[must_use]
    pub fn channel_id(mut self, channel_id: impl Into<String>) -> Self {
        self.channel_id = Some(channel_id.into());
        self
    }

    /// Sets the intent filter of the activity that a tap opens.
    #[must_use]
    pub fn click_action(mut self, click_action: impl Into<String>) -> Self {
        self.click_action = Some(click_action.into());
        self
    }

    /// Sets the URL of a picture.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Sets the icon.
    #[must_use]
    pub fn icon(mut self, icon: impl Into<String>) -> Self {
        self.icon = Some(icon.into());
        self
    }

    /// Sets the colour of the icon, `#rrggbb`.
    #[must_use]
    pub fn color(mut self, color: impl Into<String>) -> Self {
        self.color = Some(color.into());
        self
    }

    /// Sets the sound.
    #[must_use]
    pub fn sound(mut self, sound: impl Into<String>) -> Self {
        self.sound = Some(sound.into());
        self
    }

    /// Sets when the event happened.
    #[must_use]
    pub fn event_time(mut self, event_time: DateTime<Utc>) -> Self {
        self.event_time = Some(event_time);
        self
    }

    /// Sets the priority on Android 7.1 and lower.
    #[must_use]
    pub fn notification_priority(mut self, notification_priority: NotificationPriority) -> Self {
        self.notification_priority = Some(notification_priority);
        self
    }
}
