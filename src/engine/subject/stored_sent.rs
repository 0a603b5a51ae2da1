//! The stored form of sends: a row for each, and beside them, once, what rows have in common. States of before, which told
//! everything of each message, are read as well.

use super::sent::{Course, KeyHash, Said, Sent, Special};
use crate::base::id::{DeviceId, MessageId, MomentId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::delivery::Ladder;
use crate::engine::fact::FactRef;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::Arc;
use thin_vec::ThinVec;
use uuid::Uuid;

/// All sends of one subject.
#[derive(Serialize, Deserialize)]
struct Book<S, F, C, T> {
    said: Vec<S>,
    facts: Vec<F>,
    courses: Vec<C>,
    tags: Vec<T>,
    sent: Vec<Row>,
}

type Written<'a> = Book<&'a Said, &'a [FactRef], &'a Course, &'a str>;
type Read = Book<Said, Vec<FactRef>, Course, String>;

/// One message: when it was made, the end of its life, its id, that of its moment, its send key, the places of what it has in
/// common with others, and what few have.
#[derive(Serialize, Deserialize)]
struct Row(
    Timestamp,
    Option<Timestamp>,
    Short,
    Short,
    Short,
    usize,
    usize,
    usize,
    #[serde(default, skip_serializing_if = "Rest::is_empty")] Rest,
);

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    undelivered: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    called_back: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_spends: Vec<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<MessageId>,
}

impl Rest {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An id in 22 characters, base64url: a person's ids are by far the most of what is stored of them.
#[derive(PartialEq)]
struct Short(Uuid);

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        Uuid::from_slice(&bytes).map(Self).map_err(D::Error::custom)
    }
}

/// Where `shared` stands in `table`; it is put there when it does not yet. What is equal is shared already, mostly with one lately.
fn place<'a, T: ?Sized>(table: &mut Vec<&'a T>, shared: &'a Arc<T>) -> usize {
    let known = table
        .iter()
        .rposition(|known| std::ptr::eq(*known, Arc::as_ptr(shared)));
    known.unwrap_or_else(|| {
        table.push(shared);
        table.len() - 1
    })
}

impl<'a> Written<'a> {
    fn of(sent: &'a [Sent]) -> Self {
        let mut book = Self {
            said: Vec::new(),
            facts: Vec::new(),
            courses: Vec::new(),
            tags: Vec::new(),
            sent: Vec::with_capacity(sent.len()),
        };
        for sent in sent {
            let special = sent.special.as_deref();
            let also = special
                .map(|special| special.also_spends.as_slice())
                .unwrap_or_default();
            let rest = Rest {
                opened_at: sent.opened_at,
                undelivered: sent.undelivered,
                called_back: sent.called_back,
                tag: sent.tag.as_ref().map(|tag| place(&mut book.tags, tag)),
                also_spends: also.iter().map(|key| Short(key.0)).collect(),
                corrects: sent.corrects(),
            };
            book.sent.push(Row(
                sent.at,
                sent.expires_at,
                Short(sent.message_id.uuid()),
                Short(sent.moment_id.uuid()),
                Short(sent.send_key.0),
                place(&mut book.said, &sent.said),
                place(&mut book.facts, &sent.facts),
                place(&mut book.courses, &sent.course),
                rest,
            ));
        }
        book
    }
}

impl Read {
    /// None when a row names what is not there.
    fn sent(self) -> Option<ThinVec<Sent>> {
        let said: Vec<Arc<Said>> = self.said.into_iter().map(Arc::new).collect();
        let facts: Vec<Arc<[FactRef]>> = self.facts.into_iter().map(Arc::from).collect();
        let courses: Vec<Arc<Course>> = self.courses.into_iter().map(Arc::new).collect();
        let tags: Vec<Arc<str>> = self.tags.into_iter().map(Arc::from).collect();
        let sent = |Row(at, expires_at, message, moment, key, its_said, its_facts, its_course, rest): Row| {
            let also_spends = rest.also_spends.into_iter().map(|key| KeyHash(key.0)).collect();
            let tag = match rest.tag {
                Some(place) => Some(Arc::clone(tags.get(place)?)),
                None => None,
            };
            Some(Sent {
                at,
                expires_at,
                opened_at: rest.opened_at,
                message_id: message.0.into(),
                moment_id: moment.0.into(),
                send_key: KeyHash(key.0),
                undelivered: rest.undelivered,
                called_back: rest.called_back,
                said: Arc::clone(said.get(its_said)?),
                facts: Arc::clone(facts.get(its_facts)?),
                course: Arc::clone(courses.get(its_course)?),
                tag,
                special: Special::of(also_spends, rest.corrects),
            })
        };
        self.sent.into_iter().map(sent).collect()
    }
}

pub(super) fn serialize<S: Serializer>(sent: &[Sent], serializer: S) -> Result<S::Ok, S::Error> {
    Written::of(sent).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ThinVec<Sent>, D::Error> {
    deserializer.deserialize_any(Either)
}

/// A map is a book; a list is what was stored before there were books.
struct Either;

impl<'de> serde::de::Visitor<'de> for Either {
    type Value = ThinVec<Sent>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the messages that were made")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<ThinVec<Sent>, A::Error> {
        let book = Read::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        book.sent()
            .ok_or_else(|| A::Error::custom("a message names what is not stored"))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<ThinVec<Sent>, A::Error> {
        let mut sent = ThinVec::new();
        while let Some(former) = list.next_element::<Former>()? {
            sent.push(former.into());
        }
        super::sent::share_all(&mut sent);
        Ok(sent)
    }
}

/// A message as it was stored before there were books.
#[derive(Deserialize)]
struct Former {
    at: Timestamp,
    message_id: MessageId,
    moment_id: MomentId,
    trigger_id: TriggerId,
    #[serde(default)]
    revision: i64,
    send_key: String,
    #[serde(default)]
    also_spends: Vec<String>,
    content: String,
    collapse: String,
    facts: Vec<FactRef>,
    promo: bool,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    opened_at: Option<Timestamp>,
    #[serde(default)]
    tried: Vec<DeviceId>,
    #[serde(default)]
    undelivered: bool,
    #[serde(default)]
    corrects: Option<MessageId>,
    #[serde(default)]
    ladder: Ladder,
    #[serde(default)]
    called_back: bool,
}

impl From<Former> for Sent {
    fn from(former: Former) -> Self {
        let also_spends = former.also_spends.iter().map(|key| KeyHash::of(key)).collect();
        Self {
            at: former.at,
            expires_at: former.expires_at,
            opened_at: former.opened_at,
            message_id: former.message_id,
            moment_id: former.moment_id,
            send_key: KeyHash::of(&former.send_key),
            undelivered: former.undelivered,
            called_back: former.called_back,
            tag: Self::tag_of(former.message_id, &former.collapse),
            said: Arc::new(Said {
                trigger_id: former.trigger_id,
                revision: former.revision,
                content: former.content,
                promo: former.promo,
                tags: former.tags,
            }),
            facts: former.facts.into(),
            course: Arc::new(Course {
                tried: former.tried,
                ladder: former.ladder,
            }),
            special: Special::of(also_spends, former.corrects),
        }
    }
}

#[cfg(test)]
#[path = "stored_sent_tests.rs"]
mod tests;
