//! What is different on Apple's platforms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Options for the Apple Push Notification service.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApnsConfig {
    /// Request headers of APNs, for example `apns-priority`, `apns-expiration`, `apns-collapse-id` (at most 64 bytes).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The APNs payload: the `aps` dictionary and whatever the app wants beside it. It wins over the shared title and body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
    /// Options of the SDK on Apple's platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fcm_options: Option<ApnsFcmOptions>,
    /// The push token or push-to-start token of a Live Activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_activity_token: Option<String>,
}

impl ApnsConfig {
    /// Adds one request header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Makes later messages with the same id replace this one on the screen (`apns-collapse-id`, at most 64 bytes).
    #[must_use]
    pub fn collapse_id(self, id: impl Into<String>) -> Self {
        self.header("apns-collapse-id", id)
    }

    /// Sets the payload, `aps` included.
    #[must_use]
    pub fn payload(mut self, payload: Map<String, Value>) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Sets the options of the SDK.
    #[must_use]
    pub fn fcm_options(mut self, options: ApnsFcmOptions) -> Self {
        self.fcm_options = Some(options);
        self
    }

    /// Addresses a Live Activity.
    #[must_use]
    pub fn live_activity_token(mut self, token: impl Into<String>) -> Self {
        self.live_activity_token = Some(token.into());
        self
    }
}

/// Options of the SDK on Apple's platforms.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApnsFcmOptions {
    /// The label in Google Analytics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_label: Option<String>,
    /// The URL of a picture; it wins over the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl ApnsFcmOptions {
    /// Sets the label in Google Analytics.
    #[must_use]
    pub fn analytics_label(mut self, label: impl Into<String>) -> Self {
        self.analytics_label = Some(label.into());
        self
    }

    /// Sets the URL of a picture.
    #[must_use]
    pub fn image(mut self, url: impl Into<String>) -> Self {
        self.image = Some(url.into());
        self
    }
}
