//! What a phone shows: notifications, of which one with the same tag replaces the other.

use serde_json::Value;

/// One notification on a screen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Shown {
    /// What a later notification must carry to replace this one.
    pub tag: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The text.
    pub body: Option<String>,
    /// The whole message.
    pub message: Value,
}

/// The notifications of one phone, oldest first.
#[derive(Debug, Default)]
pub(super) struct Screen {
    shown: Vec<Shown>,
}

impl Screen {
    /// Shows a message unless it is for the app alone.
    pub(super) fn show(&mut self, message: &Value) {
        let Some(new) = read(message) else { return };
        let same_tag = self
            .shown
            .iter_mut()
            .find(|old| new.tag.is_some() && old.tag == new.tag);
        match same_tag {
            Some(old) => *old = new,
            None => self.shown.push(new),
        }
    }

    pub(super) fn shown(&self) -> Vec<Shown> {
        self.shown.clone()
    }
}

/// The notification of a message; a message without one is shown by the app, if its data holds a tag, or not at all.
fn read(message: &Value) -> Option<Shown> {
    let data = &message["data"];
    let places = [
        &message["android"]["notification"],
        &message["androidV2"]["remoteNotification"]["notification"],
        &message["webpush"]["notification"],
        &message["apns"]["payload"]["aps"]["alert"],
        &message["notification"],
    ];
    let is_for_app = places.iter().all(|place| place.is_null());
    let tag = if is_for_app {
        Some(text(&data["tag"])?)
    } else {
        notification_tag(message)
    };
    let find = |name: &str| {
        places
            .iter()
            .copied()
            .chain([data])
            .find_map(|place| text(&place[name]))
    };
    // APNs also takes the alert as a plain text.
    let body = find("body").or_else(|| text(&message["apns"]["payload"]["aps"]["alert"]));
    Some(Shown {
        tag,
        title: find("title"),
        body,
        message: message.clone(),
    })
}

fn notification_tag(message: &Value) -> Option<String> {
    let v2 = &message["androidV2"]["remoteNotification"]["notification"];
    text(&message["android"]["notification"]["tag"])
        .or_else(|| match (text(&v2["tag"]), v2["id"].as_i64()) {
            (tag, Some(id)) => Some(format!("{}#{id}", tag.unwrap_or_default())),
            (tag, None) => tag,
        })
        .or_else(|| header(&message["apns"]["headers"], "apns-collapse-id"))
        .or_else(|| header(&message["webpush"]["headers"], "topic"))
        .or_else(|| text(&message["webpush"]["notification"]["tag"]))
}

/// Names of headers do not distinguish case.
fn header(headers: &Value, name: &str) -> Option<String> {
    headers
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .and_then(|(_, value)| text(value))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
