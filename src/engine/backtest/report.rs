//! The report of a backtest: how many moments there were, what held them back in the order of the guards, and what is left.

use super::Cases;
use super::log::Known;
use crate::base::id::MomentId;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::decision::ReasonCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What would have become of a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Moments the trigger listened to.
    pub moments: u64,
    /// Moments by the facts they were judged for: this many answers there are in `attrition` and `would_send.cases` together.
    pub cases: u64,
    /// What held cases back, in the order in which the guards look.
    pub attrition: Vec<Attrition>,
    pub would_send: WouldSend,
}

/// Cases that ended for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attrition {
    pub code: ReasonCode,
    pub count: u64,
    /// The reason in a few words.
    pub says: String,
    /// The first stored moments among them.
    #[schema(max_items = 10)]
    pub examples: Vec<MomentId>,
}

/// What is left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WouldSend {
    pub cases: u64,
    /// One message may speak for several cases.
    pub messages: u64,
    pub users: u64,
    #[schema(max_items = 10)]
    pub examples: Vec<MomentId>,
}

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Counted {
    moments: u64,
    cases: u64,
    messages: u64,
    users: u64,
    by_code: BTreeMap<ReasonCode, (u64, BTreeSet<MomentId>)>,
    #[cfg(test)]
    pub(super) outcomes: BTreeMap<MomentId, Vec<ReasonCode>>,
}

impl Counted {
    /// Adds what one person came to.
    pub(super) fn add(&mut self, known: &Known, cases: Cases, messages: u64) {
        self.messages += messages;
        self.users += u64::from(messages > 0);
        for (moment, answers) in cases {
            self.moments += 1;
            let stored = known.stored(moment);
            for code in answers.into_values() {
                self.cases += 1;
                let (count, examples) = self.by_code.entry(code).or_default();
                *count += 1;
                if let Some(stored) = stored.filter(|_| examples.len() < limits::EXAMPLES_PER_REASON_MAX) {
                    examples.insert(stored);
                }
                #[cfg(test)]
                self.outcomes.entry(stored.unwrap_or(moment)).or_default().push(code);
            }
        }
    }

    pub(super) fn report(mut self, from: Timestamp, to: Timestamp) -> Report {
        let (cases, examples) = self.by_code.remove(&ReasonCode::Sent).unwrap_or_default();
        let would_send = WouldSend {
            cases,
            messages: self.messages,
            users: self.users,
            examples: examples.into_iter().collect(),
        };
        let mut attrition: Vec<Attrition> = self
            .by_code
            .into_iter()
            .map(|(code, (count, examples))| Attrition {
                code,
                count,
                says: place_and_words(code).1.to_owned(),
                examples: examples.into_iter().collect(),
            })
            .collect();
        attrition.sort_by_key(|reason| place_and_words(reason.code).0);
        Report {
            from,
            to,
            moments: self.moments,
            cases: self.cases,
            attrition,
            would_send,
        }
    }
}

/// Where the guard behind a code stands in the public order (DESIGN.md 5.9), and what it says.
fn place_and_words(code: ReasonCode) -> (u8, &'static str) {
    match code {
        ReasonCode::NoFact => (0, "there was no such fact about the person"),
        ReasonCode::FactInactive => (1, "no such fact was active"),
        ReasonCode::ConditionFalse => (2, "the condition did not hold"),
        ReasonCode::ConditionError => (3, "the condition could not be evaluated"),
        ReasonCode::MissingData => (4, "a value was missing"),
        ReasonCode::NotInside => (5, "the person was not in the place"),
        ReasonCode::Paused => (6, "it was paused"),
        ReasonCode::NoConsent => (7, "the person never consented"),
        ReasonCode::OptedOut => (8, "the person had withdrawn consent"),
        ReasonCode::NoPermission => (9, "notifications were switched off"),
        ReasonCode::NoToken => (10, "no device could be reached"),
        ReasonCode::Simulated => (11, "the place was made up"),
        ReasonCode::Implausible => (12, "the place was impossibly far away"),
        ReasonCode::LowAccuracy => (13, "the place was too uncertain"),
        ReasonCode::Stale => (14, "the moment came too late"),
        ReasonCode::WaitingTime => (15, "still waits for time to pass"),
        ReasonCode::WaitingFact => (16, "still waits for a fact"),
        ReasonCode::Expired => (17, "what it waited for did not come in time"),
        ReasonCode::Cancelled => (18, "what it was about was called off while it waited"),
        ReasonCode::TooEarly => (19, "still waits for its window"),
        ReasonCode::TooLate => (20, "its window was over"),
        ReasonCode::OutsideWindow => (21, "outside of its times of day"),
        ReasonCode::HoursClosed => (22, "the place was closed"),
        ReasonCode::AlreadyDone => (23, "it was said before"),
        ReasonCode::Cooldown => (24, "it was said a short time ago"),
        ReasonCode::Cap => (25, "enough was said in this time"),
        ReasonCode::QuietDeferred => (26, "still waits for the end of the night"),
        ReasonCode::QuietExpired => (27, "the night lasted longer than it was worth"),
        ReasonCode::RenderError => (28, "the text could not be rendered"),
        ReasonCode::Superseded => (29, "another message took its place"),
        ReasonCode::Holdout => (30, "held back to measure the effect"),
        ReasonCode::Sent => (31, "would be sent"),
        ReasonCode::ProviderError => (32, "the provider refused it"),
        ReasonCode::Erased => (33, "the person was erased"),
    }
}
