//! `Debug` for everything that carries texts: which fields are set, never what they hold.

use std::fmt;

use serde::Serialize;

use super::{
    AndroidConfig, AndroidConfigV2, AndroidFcmOptions, AndroidNotification, AndroidNotificationV2,
    AndroidRemoteNotification, ApnsConfig, ApnsFcmOptions, FcmOptions, Message, Notification, WebpushConfig,
    WebpushFcmOptions,
};

/// Writes `Name(field, field)`. The names come from the serialised form, so a new field cannot be forgotten here and a
/// derived `Debug` cannot sneak back in through a nested struct.
fn write_shape(f: &mut fmt::Formatter<'_>, name: &str, part: &impl Serialize) -> fmt::Result {
    let json = serde_json::to_value(part).unwrap_or_default();
    let fields: Vec<&str> = json
        .as_object()
        .map(|map| map.keys().map(String::as_str).collect())
        .unwrap_or_default();
    write!(f, "{name}({})", fields.join(", "))
}

impl fmt::Debug for AndroidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "AndroidConfig", self)
    }
}

impl fmt::Debug for AndroidConfigV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "AndroidConfigV2", self)
    }
}

impl fmt::Debug for AndroidFcmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "AndroidFcmOptions", self)
    }
}

impl fmt::Debug for AndroidNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "AndroidNotification", self)
    }
}

impl fmt::Debug for AndroidNotificationV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "AndroidNotificationV2", self)
    }
}

impl fmt::Debug for AndroidRemoteNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "AndroidRemoteNotification", self)
    }
}

impl fmt::Debug for ApnsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "ApnsConfig", self)
    }
}

impl fmt::Debug for ApnsFcmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "ApnsFcmOptions", self)
    }
}

impl fmt::Debug for FcmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "FcmOptions", self)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "Message", self)
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "Notification", self)
    }
}

impl fmt::Debug for WebpushConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "WebpushConfig", self)
    }
}

impl fmt::Debug for WebpushFcmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shape(f, "WebpushFcmOptions", self)
    }
}
