//! What is different in browsers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Data;

/// Options of the Web Push protocol (RFC 8030).
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WebpushConfig {
    /// Headers of the protocol, for example `TTL`, `Urgency`, `Topic` (at most 32 characters of base64url).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Key/value pairs for the page; if not empty they replace the message's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: Data,
    /// The options of the browser's `Notification`; its `title` and `body` win over the shared ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Map<String, Value>>,
    /// Options of the SDK in browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fcm_options: Option<WebpushFcmOptions>,
}

impl WebpushConfig {
    /// Adds one header of the protocol.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Makes a waiting message with the same topic be replaced (`Topic`, at most 32 characters of base64url).
    #[must_use]
    pub fn topic(self, topic: impl Into<String>) -> Self {
        self.header("Topic", topic)
    }

    /// Adds one key/value pair for the page.
    #[must_use]
    pub fn entry(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }

    /// Sets the options of the browser's `Notification`.
    #[must_use]
    pub fn notification(mut self, notification: Map<String, Value>) -> Self {
        self.notification = Some(notification);
        self
    }

    /// Sets the page that a click opens; FCM takes HTTPS only.
    #[must_use]
    pub fn link(mut self, url: impl Into<String>) -> Self {
        self.fcm_options.get_or_insert_default().link = Some(url.into());
        self
    }
}

/// Options of the SDK in browsers.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WebpushFcmOptions {
    /// The page that a click opens; FCM takes HTTPS only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The label in Google Analytics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_label: Option<String>,
}
