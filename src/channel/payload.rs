//! What the app on a phone or in a browser is given, alike by every push channel: what a provider may read, and what is sealed.

use super::Push;
use crate::base::id::MessageId;
use crate::base::seal::{SealError, SealingKey, seal};
use crate::engine::message::{Action, Shown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The field that carries a sealed text beside the public one.
pub(super) const SEALED: &str = "sealed";
/// Bytes of a payload that APNs and FCM take.
pub(super) const PAYLOAD_BYTES_MAX: usize = 4_096;

/// What a device reads once it has opened what was sealed to it: a part of what `GET /v1/devices/me/messages/{id}` answers.
#[derive(Serialize)]
struct Whole<'a> {
    id: MessageId,
    title: &'a str,
    body: &'a str,
    sensitive: bool,
    tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Action]>::is_empty")]
    actions: &'a [Action],
}

/// The whole message as the device gets it sealed, in JSON.
pub(super) fn whole(push: &Push<'_>) -> Vec<u8> {
    let shown = &push.message.shown;
    let whole = Whole {
        id: push.message.id,
        title: &shown.title,
        body: &shown.body,
        sensitive: shown.sensitive,
        tag: &bounded(&shown.tag),
        link: shown.link.as_deref(),
        image: shown.image.as_deref(),
        actions: &shown.actions,
    };
    // Texts and lists of texts: they are always expressible.
    serde_json::to_vec(&whole).unwrap_or_default()
}

/// `plain` sealed to `key`, with chance drawn for this one time.
pub(super) fn seal_now(push: &Push<'_>, plain: &[u8], key: &SealingKey) -> Result<Vec<u8>, SealError> {
    let (mut salt, mut seed) = ([0; 16], [0; 32]);
    push.entropy.fill(&mut salt);
    push.entropy.fill(&mut seed);
    seal(plain, key, salt, seed)
}

/// The whole text of a sensitive message for the one device that can open it, in base64url. None when nothing needs to be
/// sealed, the device has no key, or the text is too long: then the app fetches it by the message's id.
pub(super) fn sealed(push: &Push<'_>) -> Option<String> {
    let is_wanted = push.message.shown.sensitive && !push.message.silent;
    let key = push.sealing_key.filter(|_| is_wanted)?;
    let sealed = seal_now(push, &whole(push), key).ok()?;
    Some(URL_SAFE_NO_PAD.encode(sealed))
}

/// What the app needs beside the text, readable by providers: nothing here is sensitive, since what would be was left out when
/// the message was composed.
pub(super) fn entries(push: &Push<'_>) -> Vec<(&'static str, String)> {
    let (message, shown) = (push.message, &push.message.shown);
    if message.silent {
        return vec![("usher", "fix".to_owned()), ("message_id", message.id.to_string())];
    }
    let mut entries = vec![("message_id", message.id.to_string()), ("tag", bounded(&shown.tag))];
    entries.extend(shown.link.iter().map(|link| ("link", link.clone())));
    if !shown.actions.is_empty() {
        entries.push(("actions", json!(shown.actions).to_string()));
    }
    if shown.sensitive {
        entries.push(("sensitive", "true".to_owned()));
    }
    entries
}

pub(super) fn public_title(shown: &Shown) -> &str {
    shown.public_title.as_deref().unwrap_or_default()
}

/// What a provider may read: the text itself, or its public stand-in.
pub(super) fn readable(shown: &Shown) -> (&str, &str) {
    if shown.sensitive {
        (public_title(shown), shown.public_body.as_deref().unwrap_or_default())
    } else {
        (&shown.title, &shown.body)
    }
}

/// Apple takes at most this many bytes, in a header.
const COLLAPSE_ID_BYTES_MAX: usize = 64;

/// One tag for every platform: itself where a header takes it, else its hash. Equal tags stay equal.
pub(super) fn bounded(tag: &str) -> String {
    if tag.len() <= COLLAPSE_ID_BYTES_MAX && tag.bytes().all(|byte| byte.is_ascii_graphic()) {
        tag.to_owned()
    } else {
        hashed(tag)
    }
}

/// 32 characters of the base64url alphabet, as RFC 8030 asks of a topic.
pub(super) fn hashed(tag: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(tag.as_bytes())[..24])
}
