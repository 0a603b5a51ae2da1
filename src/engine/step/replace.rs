//! Replacement and correction: a message that takes the place of an earlier one, and why there may be none to replace.

use super::judge::Case;
use super::stepper::Stepper;
use crate::base::id::MessageId;
use crate::base::time::Span;
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::trigger::Replaces;
use serde_json::{Value, json};

/// The earlier message whose place is taken.
pub(super) struct Replaced {
    /// Both carry it, so that the new one replaces the old on the screen.
    pub(super) tag: String,
    /// With a correction: it goes out only if this one did.
    pub(super) corrects: Option<MessageId>,
}

impl Stepper<'_> {
    /// With `replaces`: the earlier message, or why there is nothing to replace.
    pub(super) fn replaced(&self, case: &mut Case<'_>) -> Option<Result<Replaced, ReasonCode>> {
        let replaces = case.trigger.sentence.then.replaces.clone()?;
        let (content, happened_at) = (replaces.content(), case.moment.occurred_at);
        let earlier = self.subject.sent.iter().rev().find(|sent| {
            sent.said.content == content
                && case.bound.values().all(|fact| sent.facts.contains(fact))
                && sent.at <= happened_at
        });
        let Some(sent) = earlier else {
            let says = match &replaces {
                Replaces::Any(_) => format!("`{content}` was not sent yet and will carry the news"),
                Replaces::Only(_) => format!("`{content}` was not sent: there is nothing to correct"),
            };
            case.note(Step::Replaces, false, says, Value::Null);
            return Some(Err(ReasonCode::Superseded));
        };
        let values = json!({ "message": sent.message_id, "sent_at": sent.at, "opened_at": sent.opened_at });
        let mut stop = |code, says: String| {
            case.note(Step::Replaces, false, says, values.clone());
            Some(Err(code))
        };
        let corrects = match &replaces {
            Replaces::Any(_) => None,
            Replaces::Only(_) if sent.undelivered => {
                return stop(ReasonCode::Superseded, format!("`{content}` reached nobody"));
            }
            Replaces::Only(only) if only.unopened && sent.opened_at.is_some() => {
                return stop(ReasonCode::AlreadyDone, format!("`{content}` was opened already"));
            }
            Replaces::Only(only) if only.within.is_some_and(|within| self.is_older(sent.at, within)) => {
                return stop(ReasonCode::TooLate, format!("`{content}` was sent too long ago"));
            }
            Replaces::Only(_) => Some(sent.message_id),
        };
        let tag = sent.collapse();
        let says = format!("Takes the place of `{content}`");
        case.note(Step::Replaces, true, says, values);
        Some(Ok(Replaced { tag, corrects }))
    }

    fn is_older(&self, at: crate::base::time::Timestamp, within: Span) -> bool {
        self.given.now - at > within.delta()
    }
}
