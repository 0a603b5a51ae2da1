//! What is remembered of a message that was made: as little as what may still be asked of it.

use super::Subject;
use crate::base::id::{DeviceId, MessageId, MomentId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::delivery::Ladder;
use crate::engine::fact::FactRef;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// A message that was made.
///
/// Every part has somebody who may ask for it as long as sends are remembered, also when its life is over: caps and cool-downs
/// for when and by whom, once-keys, later messages that take its place, answers, and providers who say late that it failed.
/// There are up to 300 of it for each person, so what repeats from one to the next is shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub at: Timestamp,
    /// The end of its life.
    pub expires_at: Option<Timestamp>,
    /// When it was opened or answered.
    pub opened_at: Option<Timestamp>,
    pub message_id: MessageId,
    pub moment_id: MomentId,
    pub send_key: KeyHash,
    /// It reached nobody: it was called back, or every channel refused it.
    pub undelivered: bool,
    /// The business took it back: what did not go out yet must not go any more.
    pub called_back: bool,
    pub said: Arc<Said>,
    pub facts: Arc<[FactRef]>,
    pub course: Arc<Course>,
    /// Its tag on the screen; none where that is its own id.
    pub tag: Option<Arc<str>>,
    /// What few messages have.
    pub special: Option<Box<Special>>,
}

/// What was said, by which trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub trigger_id: TriggerId,
    /// The revision that spoke.
    pub revision: i64,
    pub content: String,
    pub promo: bool,
    /// The tags of its trigger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Which ways it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Devices it was planned for, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<DeviceId>,
    /// The ways it takes, and those that are still to come.
    #[serde(default, skip_serializing_if = "Ladder::is_empty")]
    pub ladder: Ladder,
}

/// What few messages have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Special {
    /// When it spoke of several facts at once: the key each would have had alone, so that none is said again.
    pub also_spends: Vec<KeyHash>,
    /// It goes out only if this one did.
    pub corrects: Option<MessageId>,
}

/// A send key, known again without its text: 122 bits of its SHA-1. That two keys of one person are taken for one is as likely
/// as that two ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub(super) Uuid);

impl KeyHash {
    pub fn of(key: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::nil(), key.as_bytes()))
    }
}

impl Special {
    /// None when there is nothing special about a message.
    pub fn of(also_spends: Vec<KeyHash>, corrects: Option<MessageId>) -> Option<Box<Self>> {
        let is_plain = also_spends.is_empty() && corrects.is_none();
        (!is_plain).then(|| Box::new(Self { also_spends, corrects }))
    }
}

impl Sent {
    /// How the tag of a message is kept.
    pub fn tag_of(message_id: MessageId, collapse: &str) -> Option<Arc<str>> {
        (collapse.parse() != Ok(message_id)).then(|| collapse.into())
    }

    /// Its tag on the screen: both of two that carry it replace one another.
    pub fn collapse(&self) -> String {
        self.tag
            .as_ref()
            .map_or_else(|| self.message_id.to_string(), ToString::to_string)
    }

    pub fn spends(&self, key: KeyHash) -> bool {
        let mut also = self.special.iter().flat_map(|special| &special.also_spends);
        self.send_key == key || also.any(|spent| *spent == key)
    }

    pub fn corrects(&self) -> Option<MessageId> {
        self.special.as_ref().and_then(|special| special.corrects)
    }

    /// Its ways, to be changed: what others share with it stays as it is.
    pub fn ladder_mut(&mut self) -> &mut Ladder {
        &mut Arc::make_mut(&mut self.course).ladder
    }

    /// Gives up the ways that are still to come.
    pub fn drop_ways_ahead(&mut self) {
        if !self.course.ladder.ahead.is_empty() {
            self.ladder_mut().ahead.clear();
        }
    }

    /// Takes what it has in common with earlier ones from them.
    fn share_with(&mut self, earlier: &[Self]) {
        share(&mut self.said, earlier.iter().map(|sent| &sent.said));
        share(&mut self.facts, earlier.iter().map(|sent| &sent.facts));
        share(&mut self.course, earlier.iter().map(|sent| &sent.course));
        if let Some(tag) = &mut self.tag {
            share(tag, earlier.iter().filter_map(|sent| sent.tag.as_ref()));
        }
    }

    /// Was it said to the business rather than to the person?
    pub fn is_to_business(&self) -> bool {
        self.course.tried.is_empty() && self.course.ladder.addressed.is_empty()
    }

    /// Does `newer`, made after this one, take its place on the screen? A correction waits for what it corrects, and the tray of
    /// the business is no screen of the person.
    fn gives_way_to(&self, newer: &Self) -> bool {
        let same_screen = self.is_to_business() == newer.is_to_business();
        let is_its_correction = newer.corrects() == Some(self.message_id);
        self.has_tag_of(newer) && same_screen && !is_its_correction && !newer.undelivered
    }

    fn has_tag_of(&self, other: &Self) -> bool {
        let is_id = |tag: &str, id: MessageId| tag.parse() == Ok(id);
        match (&self.tag, &other.tag) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (Some(mine), None) => is_id(mine, other.message_id),
            (None, Some(theirs)) => is_id(theirs, self.message_id),
            (None, None) => self.message_id == other.message_id,
        }
    }
}

impl Subject {
    /// Remembers one more message. What it has in common with earlier ones is shared with them.
    pub(in crate::engine) fn remember(&mut self, mut sent: Sent) {
        sent.share_with(&self.sent);
        // Sends are rare and remembered for long: no room is held for others.
        self.sent.reserve_exact(1);
        self.sent.push(sent);
    }

    /// Has a newer message taken the place of this one on the screen? Sent again, it would cover what is true now.
    pub fn is_superseded(&self, message_id: MessageId) -> bool {
        let mut later = self.sent.iter().skip_while(|sent| sent.message_id != message_id);
        later
            .next()
            .is_some_and(|sent| later.any(|newer| sent.gives_way_to(newer)))
    }

    /// The living messages whose place this one takes, before it is among those that were sent.
    pub(in crate::engine) fn superseded_by(&self, newer: &Sent) -> Vec<MessageId> {
        let living = self
            .sent
            .iter()
            .filter(|sent| sent.expires_at.is_some_and(|end| end > newer.at));
        living
            .filter(|sent| sent.gives_way_to(newer))
            .map(|sent| sent.message_id)
            .collect()
    }

    /// Did the business take this message back?
    pub fn is_called_back(&self, message_id: MessageId) -> bool {
        let mut sent = self.sent.iter();
        sent.any(|sent| sent.message_id == message_id && sent.called_back)
    }
}

/// Shares among all of them what they have in common.
pub(super) fn share_all(sent: &mut [Sent]) {
    for place in 1..sent.len() {
        let (earlier, rest) = sent.split_at_mut(place);
        if let Some(one) = rest.first_mut() {
            one.share_with(earlier);
        }
    }
}

/// One of `known` instead of its equal; mostly that is among the last.
fn share<'a, T: ?Sized + PartialEq + 'a>(mine: &mut Arc<T>, known: impl DoubleEndedIterator<Item = &'a Arc<T>>) {
    if let Some(same) = known.rev().find(|known| **known == *mine) {
        *mine = Arc::clone(same);
    }
}
