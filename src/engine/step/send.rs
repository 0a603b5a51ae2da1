//! Where cases compete and one of them becomes a message: priority, replacement, holdout, and the send itself.

use super::guards::{Refusal, end_of_wait};
use super::judge::{Candidate, Case};
use super::ladder::told;
use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::id::{DecisionId, MessageId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::delivery::Ladder;
use crate::engine::fact::FactRef;
use crate::engine::message::{Composed, Message, Shown, compose};
use crate::engine::subject::{Course, KeyHash, Said, Sent, Special};
use crate::engine::trigger::{Audience, Class};
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::sync::Arc;

impl Stepper<'_> {
    /// Several facts, one message: the texts find them all as a list under the name and an `s`.
    pub(super) fn together<'c>(&mut self, name: &str, mut passing: Vec<Candidate<'c>>) -> Vec<Candidate<'c>> {
        let listed: Vec<Value> = passing
            .iter()
            .filter_map(|candidate| candidate.scene.get(name).cloned())
            .collect();
        let mut keys: Vec<String> = passing.iter().map(|candidate| candidate.send_key.clone()).collect();
        keys.sort();
        let mut first = passing.remove(0);
        first.scene.insert(format!("{name}s"), Value::Array(listed));
        let scene = first.scene.clone();
        let others: Vec<Bound> = passing.iter().map(|candidate| candidate.case.bound.clone()).collect();
        match self.rendered(&mut first.case, &scene, &others, &first.drawn.content) {
            Ok(shown) => first.shown = shown,
            Err(refusal) => {
                self.settle_refused(&first.case, &refusal);
                return passing;
            }
        }
        first.send_key = keys.join("+");
        first.also_spends = keys;
        first.with = passing.into_iter().map(|candidate| candidate.case).collect();
        vec![first]
    }

    /// Among triggers with a priority that would all speak at this moment, the highest does. One that a guard stops after all
    /// leaves its turn to the next.
    pub(super) fn settle_priority(&mut self, mut candidates: Vec<Candidate<'_>>) {
        let priority = |candidate: &Candidate<'_>| candidate.case.trigger.sentence.guards.priority;
        candidates.sort_by_key(|candidate| {
            let rank = priority(candidate);
            (Reverse(rank), rank.map(|_| candidate.case.trigger.id))
        });
        let mut spoke: Option<(TriggerId, i32)> = None;
        for mut candidate in candidates {
            let (trigger, rank) = (candidate.case.trigger.id, priority(&candidate));
            if let (Some(rank), Some((_, highest))) = (rank, spoke.filter(|(first, _)| *first != trigger)) {
                let says = "A trigger with a higher priority speaks at this moment";
                let values = json!({ "priority": rank, "highest": highest });
                candidate.case.note(Step::Priority, false, says, values);
                self.decide_for_all(&candidate, ReasonCode::Superseded);
            } else if self.send_unless_held_out(candidate) {
                spoke = spoke.or(rank.map(|rank| (trigger, rank)));
            }
        }
        self.go_where_it_was_said();
    }

    /// A message that speaks for several cases answers all of them, also when it is not sent.
    fn decide_for_all(&mut self, candidate: &Candidate<'_>, code: ReasonCode) {
        for case in candidate.cases() {
            let at = self.decide(case, code, None);
            if let Some(decision) = at.and_then(|at| self.out.decisions.get_mut(at)) {
                decision.arm = candidate
                    .drawn
                    .arm()
                    .map(str::to_owned)
                    .filter(|_| code == ReasonCode::Holdout);
            }
        }
    }

    /// Cases that were looked at side by side do not know of one another's messages: the once-key and the frequency are
    /// asked again when it is their turn.
    fn still_allowed(&self, candidate: &mut Candidate<'_>) -> Result<(), Refusal> {
        if self.is_spent(&candidate.send_key) {
            let values = json!({ "send_key": candidate.send_key });
            candidate
                .case
                .note(Step::OnceKey, false, "This was said a moment ago", values);
            return Err(Refusal::drop(ReasonCode::AlreadyDone));
        }
        self.within_frequency(&mut candidate.case)
    }

    /// Says whether it spoke, or would have but for the holdout.
    fn send_unless_held_out(&mut self, mut candidate: Candidate<'_>) -> bool {
        if let Err(refusal) = self.still_allowed(&mut candidate) {
            self.decide_for_all(&candidate, refusal.code);
            return false;
        }
        if let Some(replaced) = self.replaced(&mut candidate.case) {
            match replaced {
                Ok(replaced) => {
                    candidate.shown.tag = replaced.tag;
                    candidate.corrects = replaced.corrects;
                }
                Err(code) => {
                    self.decide_for_all(&candidate, code);
                    return false;
                }
            }
        }
        let share = candidate.case.trigger.sentence.guards.holdout.unwrap_or(0.0);
        if share > 0.0 {
            let held = self.is_held_out(&candidate.case, &candidate.drawn, share);
            let says = if held {
                "Held back to measure the effect; would have been sent"
            } else {
                "Not held back"
            };
            candidate
                .case
                .note(Step::Holdout, !held, says, json!({ "share": share }));
            if held {
                candidate.drawn.note_arm(&mut candidate.case);
                self.decide_for_all(&candidate, ReasonCode::Holdout);
                for case in candidate.cases() {
                    self.close_waits(case, "Held back at a newer moment");
                }
                return true;
            }
        }
        candidate.drawn.note_arm(&mut candidate.case);
        self.send(candidate)
    }

    /// Staff do not read what language the guest reads.
    fn readers_locale(&self, to: Audience) -> Option<String> {
        match to {
            Audience::User => self.user_locale(),
            Audience::Business => None,
        }
    }

    /// What the person would read. `others` are the facts of further cases that the same text speaks of.
    pub(super) fn rendered(
        &self,
        case: &mut Case<'_>,
        scene: &Map<String, Value>,
        others: &[Bound],
        name: &str,
    ) -> Result<Shown, Refusal> {
        let Some(content) = self.given.catalogue.contents.get(name) else {
            case.note(
                Step::Compose,
                false,
                format!("There is no content named `{name}`"),
                Value::Null,
            );
            return Err(Refusal::drop(ReasonCode::RenderError));
        };
        let mut facts = self.bound_facts(&case.bound);
        for (name, other) in others.iter().flat_map(|bound| self.bound_facts(bound)) {
            // What one of them marks as sensitive is sensitive in a text that names them all.
            if let Some(fact) = facts.get_mut(&name) {
                fact.sensitive.extend(other.sensitive);
            }
        }
        match compose(
            content,
            self.readers_locale(case.trigger.sentence.then.to).as_deref(),
            scene.clone(),
            &facts,
            &self.given.catalogue.project_name,
            self.is_past_its_limit(case),
        ) {
            Composed::Shown(shown) => Ok(noted(case, name, *shown)),
            Composed::Wait { missing } => {
                case.note(
                    Step::Compose,
                    false,
                    format!("Waits for `{missing}`"),
                    json!({ "missing": missing }),
                );
                Err(Refusal {
                    code: ReasonCode::WaitingFact,
                    due_at: None,
                    ends_at: Some(end_of_wait(case)),
                    held_by_time: false,
                })
            }
            Composed::Missing { missing } => {
                case.note(
                    Step::Compose,
                    false,
                    format!("`{missing}` has no value"),
                    json!({ "missing": missing }),
                );
                Err(Refusal::drop(ReasonCode::MissingData))
            }
            Composed::Failed { why } => {
                case.note(Step::Compose, false, why, Value::Null);
                Err(Refusal::drop(ReasonCode::RenderError))
            }
        }
    }

    /// The decisions of a message, one for each case it speaks for; the id of the first.
    fn decide_sent(&mut self, candidate: &Candidate<'_>, message_id: MessageId) -> Option<DecisionId> {
        let mut first = None;
        for case in candidate.cases() {
            let at = self.decide(case, ReasonCode::Sent, None);
            if let Some(decision) = at.and_then(|at| self.out.decisions.get_mut(at)) {
                decision.message_id = Some(message_id);
                decision.late = candidate.late;
                decision.arm = candidate.drawn.arm().map(str::to_owned);
                first.get_or_insert(decision.id);
            }
        }
        first
    }

    fn send(&mut self, mut candidate: Candidate<'_>) -> bool {
        let to = candidate.case.trigger.sentence.then.to;
        let expires_at = self.end_of_life(&candidate);
        let Some(ladder) = self.addressee_of(&mut candidate, to, expires_at) else {
            return false;
        };
        let message_id: MessageId = self.ids.draw();
        if candidate.shown.tag.is_empty() {
            candidate.shown.tag = format!("{message_id}");
        }
        let Some(decision_id) = self.decide_sent(&candidate, message_id) else {
            return false;
        };
        let facts = self.close_all(&candidate);
        let first = ladder.open.clone();
        let deliveries = first.into_iter().flat_map(|way| self.first_deliveries(way)).collect();
        self.remember(&candidate, message_id, expires_at, &facts, ladder);
        let Candidate {
            case,
            send_key,
            shown,
            drawn,
            corrects,
            ..
        } = candidate;
        self.out.messages.push(Message {
            id: message_id,
            user_id: self.subject.user_id,
            decision_id,
            trigger_id: case.trigger.id,
            content: drawn.content,
            send_key,
            created_at: self.given.now,
            expires_at,
            facts,
            shown,
            promo: case.trigger.sentence.class == Class::Promo,
            corrects,
            silent: false,
            to,
            deliveries,
        });
        true
    }

    /// Notes what is said now, and what it covers on the screen.
    fn remember(
        &mut self,
        candidate: &Candidate<'_>,
        message_id: MessageId,
        expires_at: Timestamp,
        facts: &[FactRef],
        ladder: Ladder,
    ) {
        let case = &candidate.case;
        let also_spends = candidate.also_spends.iter().map(|key| KeyHash::of(key)).collect();
        let sent = Sent {
            at: self.given.now,
            expires_at: Some(expires_at),
            opened_at: None,
            message_id,
            moment_id: case.moment.id,
            send_key: KeyHash::of(&candidate.send_key),
            undelivered: false,
            called_back: false,
            said: Arc::new(Said {
                trigger_id: case.trigger.id,
                revision: case.trigger.revision,
                content: candidate.drawn.content.clone(),
                promo: case.trigger.sentence.class == Class::Promo,
                tags: case.trigger.sentence.tags.clone(),
            }),
            facts: facts.into(),
            course: Arc::new(Course {
                tried: ladder.open.iter().filter_map(|way| way.device_id).collect(),
                ladder,
            }),
            tag: Sent::tag_of(message_id, &candidate.shown.tag),
            special: Special::of(also_spends, candidate.corrects),
        };
        self.out.superseded.extend(self.subject.superseded_by(&sent));
        self.subject.remember(sent);
    }

    /// Ends the waits of every case the message speaks for, and gives the facts it is about.
    fn close_all(&mut self, candidate: &Candidate<'_>) -> Vec<FactRef> {
        let mut facts: Vec<FactRef> = Vec::new();
        for case in candidate.cases() {
            facts.extend(case.bound.values().cloned());
            self.close_waits(case, "Sent at a newer moment");
        }
        facts
    }

    /// Where the message goes, first and then; without a place to go, that is the decision.
    fn addressee_of(&mut self, candidate: &mut Candidate<'_>, to: Audience, expires_at: Timestamp) -> Option<Ladder> {
        let fallback = &candidate.case.trigger.sentence.then.fallback;
        let ways = self.ways_on(fallback, Some(expires_at));
        let found = self.addressee(to).map(|way| (way, 0));
        let found = found.or_else(|| self.first_address(fallback));
        let case = &mut candidate.case;
        let Some((way, taken)) = found else {
            case.note(Step::Deliver, false, "No device can be reached", Value::Null);
            self.decide_for_all(candidate, ReasonCode::NoToken);
            return None;
        };
        let mut handed_to = json!({ "device": way.device_id, "channel": way.channel });
        let ways = ways.get(taken..).unwrap_or_default();
        if !ways.is_empty() {
            handed_to["fallback"] = told(ways);
        }
        case.note(Step::Deliver, true, "Handed to the channel", handed_to);
        let ahead = ways.iter().filter(|(_, is)| is.is_ok()).map(|(rung, _)| *rung);
        Some(Ladder::beginning(way, ahead.collect()))
    }

    /// The life of the content, cut where the content says that it is over, or else where the trigger's window ends.
    fn end_of_life(&self, candidate: &Candidate<'_>) -> Timestamp {
        let content = self.given.catalogue.contents.get(&candidate.drawn.content);
        let life = content.map(|content| content.content.ttl.delta());
        let end = self.given.now + life.unwrap_or_default();
        let window = candidate
            .case
            .trigger
            .window_to
            .as_ref()
            .and_then(|to| to.evaluate_instant(&candidate.scene).ok());
        candidate.shown.ends_at.or(window).map_or(end, |to| end.min(to))
    }
}

/// The text, noted as one that could be made.
fn noted(case: &mut Case<'_>, content: &str, shown: Shown) -> Shown {
    let values = json!({ "content": content, "locale": shown.locale, "sensitive": shown.sensitive });
    case.note_passed(Step::Compose, "The text could be made", values);
    shown
}
