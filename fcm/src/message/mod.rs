//! One message: who gets it, what every platform shows, and what each platform does differently.
//!
//! The structs follow the discovery document of the API (`discovery/fcm.v1.discovery.json`, revision 20261023) field by
//! field. Every field is public and optional; the methods that return `Self` are there for the fields most messages set.
//! The structs are `#[non_exhaustive]` because Google adds fields: start from `default()` or `new()`.
//!
//! `Debug` never shows a token, a text or a value, only which fields are set, so that a message may be logged.

mod android;
mod android_v2;
mod apns;
#[cfg(test)]
pub(crate) mod samples;
mod shape;
pub(crate) mod size;
mod webpush;
pub(crate) mod wire;

pub use android::{
    AndroidConfig, AndroidFcmOptions, AndroidNotification, Color, LightSettings, MessagePriority, NotificationPriority,
    Proxy, Visibility,
};
pub use android_v2::{AndroidBackgroundSync, AndroidConfigV2, AndroidNotificationV2, AndroidRemoteNotification};
pub use apns::{ApnsConfig, ApnsFcmOptions};
pub use webpush::{WebpushConfig, WebpushFcmOptions};

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Key/value pairs handed to the app. FCM takes strings only, and a map in a fixed order makes the request reproducible.
pub type Data = BTreeMap<String, String>;

/// Who gets the message. FCM wants exactly one of these, so there is no way to write none or two.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The registration token of one installation of an app. Google is replacing it by [`Target::Fid`] and accepts a
    /// Firebase installation id here during the transition.
    Token(String),
    /// The Firebase installation id of one installation of an app.
    Fid(String),
    /// The name of a topic, without the `/topics/` prefix.
    Topic(String),
    /// A condition over topics, for example `'foo' in topics && 'bar' in topics`.
    Condition(String),
}

impl Target {
    /// Whether the message goes to one installation, so that a refusal of the receiver means "forget this one".
    pub(crate) fn is_one_device(&self) -> bool {
        match self {
            Self::Token(_) | Self::Fid(_) => true,
            Self::Topic(_) | Self::Condition(_) => false,
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::Fid(_) => "Fid(..)",
            Self::Topic(_) => "Topic(..)",
            Self::Condition(_) => "Condition(..)",
        })
    }
}

/// A message to send.
///
/// ```
/// use std::time::Duration;
/// use fcm::{AndroidConfig, AndroidNotification, Message, MessagePriority, Notification, Visibility};
///
/// let message = Message::to_token("the token the app reported")
///     .notification(Notification::new("Your room is ready", "Tap to see it"))
///     .entry("message_id", "018f4f6e")
///     .android(
///         AndroidConfig::default()
///             .priority(MessagePriority::High)
///             .ttl(Duration::from_secs(900))
///             .notification(AndroidNotification::default().tag("room").visibility(Visibility::Private)),
///     );
/// assert!(message.size_bytes() < fcm::PAYLOAD_MAX_BYTES);
/// assert!(!format!("{message:?}").contains("room is ready"));
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Message {
    /// Who gets it.
    #[serde(flatten)]
    pub target: Target,
    /// Key/value pairs for the app. Keys must not be `from`, `message_type` or start with `google.` or
    /// `gcm.notification.`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: Data,
    /// What every platform shows, unless its own block says otherwise. Without it the message is for the app alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Notification>,
    /// What is different on Android. FCM refuses a message with this and [`Message::android_v2`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub android: Option<AndroidConfig>,
    /// What is different on Android, in the form that will replace [`Message::android`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub android_v2: Option<AndroidConfigV2>,
    /// What is different on Apple's platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apns: Option<ApnsConfig>,
    /// What is different in browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webpush: Option<WebpushConfig>,
    /// Options of the SDK on all platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fcm_options: Option<FcmOptions>,
}

impl Message {
    /// A message without content.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            data: Data::new(),
            notification: None,
            android: None,
            android_v2: None,
            apns: None,
            webpush: None,
            fcm_options: None,
        }
    }

    /// A message for one installation, by its registration token.
    pub fn to_token(token: impl Into<String>) -> Self {
        Self::new(Target::Token(token.into()))
    }

    /// A message for one installation, by its Firebase installation id.
    pub fn to_fid(fid: impl Into<String>) -> Self {
        Self::new(Target::Fid(fid.into()))
    }

    /// A message for everyone who subscribed to a topic.
    pub fn to_topic(topic: impl Into<String>) -> Self {
        Self::new(Target::Topic(topic.into()))
    }

    /// A message for everyone whose topics fulfil a condition.
    pub fn to_condition(condition: impl Into<String>) -> Self {
        Self::new(Target::Condition(condition.into()))
    }

    /// Sets what every platform shows.
    #[must_use]
    pub fn notification(mut self, notification: Notification) -> Self {
        self.notification = Some(notification);
        self
    }

    /// Adds one key/value pair for the app.
    #[must_use]
    pub fn entry(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }

    /// Replaces all key/value pairs for the app.
    #[must_use]
    pub fn data(mut self, data: Data) -> Self {
        self.data = data;
        self
    }

    /// Sets what is different on Android.
    #[must_use]
    pub fn android(mut self, android: AndroidConfig) -> Self {
        self.android = Some(android);
        self
    }

    /// Sets what is different on Android, in the newer form.
    #[must_use]
    pub fn android_v2(mut self, android: AndroidConfigV2) -> Self {
        self.android_v2 = Some(android);
        self
    }

    /// Sets what is different on Apple's platforms.
    #[must_use]
    pub fn apns(mut self, apns: ApnsConfig) -> Self {
        self.apns = Some(apns);
        self
    }

    /// Sets what is different in browsers.
    #[must_use]
    pub fn webpush(mut self, webpush: WebpushConfig) -> Self {
        self.webpush = Some(webpush);
        self
    }

    /// Labels the message for Google Analytics on all platforms.
    #[must_use]
    pub fn analytics_label(mut self, label: impl Into<String>) -> Self {
        self.fcm_options = Some(FcmOptions {
            analytics_label: Some(label.into()),
        });
        self
    }
}

/// The texts that every platform shows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Notification {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The text below the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The URL of a picture that the phone downloads; Android takes up to 1 MB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Notification {
    /// A notification with a title and a text.
    pub fn new(title: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            title: Some(title.into()),
            body: Some(body.into()),
            image: None,
        }
    }

    /// Sets the URL of a picture.
    #[must_use]
    pub fn image(mut self, url: impl Into<String>) -> Self {
        self.image = Some(url.into());
        self
    }
}

/// Options of the SDK on all platforms.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FcmOptions {
    /// The label in Google Analytics: up to 50 of `a-z A-Z 0-9 - _ . ~ %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_label: Option<String>,
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
