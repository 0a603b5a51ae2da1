//! Deliveries: one message to one device by one channel, and the life that only moves forward (DESIGN.md 5.13).

use crate::base::id::{DeliveryId, DeviceId};
use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The transports Usher has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Built in: shows on a local page what the phone's screen would show.
    Tray,
    /// Firebase Cloud Messaging, HTTP v1.
    Fcm,
    /// Apple Push Notification service, without Firebase.
    Apns,
    /// Web Push (RFC 8030), to a browser's subscription.
    Webpush,
    /// A text message to the user's phone number.
    Sms,
    /// A mail to the user's address.
    Email,
    /// An HTTP request to the business's own systems.
    Webhook,
}

impl ChannelKind {
    pub const ALL: [Self; 7] = [
        Self::Tray,
        Self::Fcm,
        Self::Apns,
        Self::Webpush,
        Self::Sms,
        Self::Email,
        Self::Webhook,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tray => "tray",
            Self::Fcm => "fcm",
            Self::Apns => "apns",
            Self::Webpush => "webpush",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Queued,
    Sending,
    Accepted,
    Received,
    Displayed,
    Opened,
    Failed,
    Expired,
    Cancelled,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Received => "received",
            Self::Displayed => "displayed",
            Self::Opened => "opened",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Is something still to be done for it?
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Sending)
    }

    /// A receipt moves a delivered message forward, never back; one for a message never handed over says it got there all the same.
    #[must_use]
    pub fn after_receipt(self, seen: Self) -> Self {
        match self {
            Self::Queued | Self::Failed | Self::Expired | Self::Cancelled => self,
            Self::Sending | Self::Accepted | Self::Received | Self::Displayed | Self::Opened => self.max(seen),
        }
    }
}

/// A delivery as it is planned by the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub id: DeliveryId,
    /// None for a message to the business.
    #[serde(default)]
    pub device_id: Option<DeviceId>,
    pub channel: ChannelKind,
}

/// What the provider said to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Accepted {
        provider_id: String,
    },
    /// Try again, not before `after` when the provider named a time.
    Retry {
        after: Option<TimeDelta>,
        why: String,
    },
    /// Never again: the message is at fault.
    Rejected {
        why: String,
    },
    /// Never again, and the operator must hear of it: keys, permissions or senders are at fault, not this message.
    Misconfigured {
        why: String,
        /// The provider's own words.
        detail: String,
    },
    /// The address is dead: forget it on the first word.
    Unregistered {
        why: String,
    },
}

impl Outcome {
    /// As it stands on record.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Retry { .. } => "retry",
            Self::Rejected { .. } => "rejected",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unregistered { .. } => "unregistered",
        }
    }
}

/// What is to be done after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Settled { state: DeliveryState, why: Option<String> },
    Again { at: Timestamp, why: String },
}

/// How a channel tries again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPlan {
    /// The wait before the first retry; it doubles with every further one.
    pub first: TimeDelta,
    /// The longest wait.
    pub longest: TimeDelta,
    /// After this time since the first attempt nothing is tried any more.
    pub give_up_after: TimeDelta,
    /// A wait grows by up to this share of itself, so that what failed together does not come back together.
    pub jitter: f64,
}

impl RetryPlan {
    /// As FCM asks (RELIABILITY.md A6), which suits every push service.
    pub const PUSH: Self = Self {
        first: TimeDelta::seconds(10),
        longest: TimeDelta::minutes(10),
        give_up_after: TimeDelta::minutes(60),
        jitter: 0.5,
    };

    /// The plan of this channel.
    pub fn of(channel: ChannelKind) -> Self {
        match channel {
            ChannelKind::Tray
            | ChannelKind::Fcm
            | ChannelKind::Apns
            | ChannelKind::Webpush
            | ChannelKind::Sms
            | ChannelKind::Email
            | ChannelKind::Webhook => Self::PUSH,
        }
    }

    /// The wait after so many attempts, before jitter.
    fn wait(&self, attempts: u32) -> TimeDelta {
        let doublings = attempts.saturating_sub(1).min(20);
        (self.first * (1 << doublings)).min(self.longest)
    }
}

/// What a provider names beyond this is beyond the life of every message.
const AFTER_MAX: TimeDelta = TimeDelta::days(366);

/// What is known of a delivery when an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    pub channel: ChannelKind,
    /// Counts this attempt.
    pub attempts: u32,
    pub first_at: Timestamp,
    /// The end of the message's life.
    pub expires_at: Timestamp,
}

/// Settles one attempt; `jitter` is a draw from 0 to 1.
///
/// Tried again only when the receiver may take it later: never before the time it named, never sooner than the back-off of the
/// channel's [`RetryPlan`]; given up when the life of the message or the plan ends, or after [`limits::ATTEMPTS_MAX`].
pub fn settle(outcome: &Outcome, tried: &Tried, now: Timestamp, jitter: f64) -> Next {
    match outcome {
        Outcome::Accepted { .. } => Next::Settled {
            state: DeliveryState::Accepted,
            why: None,
        },
        Outcome::Rejected { why } | Outcome::Misconfigured { why, .. } | Outcome::Unregistered { why } => {
            Next::Settled {
                state: DeliveryState::Failed,
                why: Some(why.clone()),
            }
        }
        Outcome::Retry { after, why } => {
            let over = |state| Next::Settled {
                state,
                why: Some(why.clone()),
            };
            if tried.attempts >= limits::ATTEMPTS_MAX {
                return over(DeliveryState::Failed);
            }
            let plan = RetryPlan::of(tried.channel);
            // A provider that names next century names no time.
            let wait = after.unwrap_or_default().min(AFTER_MAX).max(plan.wait(tried.attempts));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "milliseconds of hours are far below the limit"
            )]
            let spread = (wait.num_milliseconds() as f64 * plan.jitter * jitter.clamp(0.0, 1.0)) as i64;
            let at = now + wait + TimeDelta::milliseconds(spread);
            if at >= tried.expires_at {
                return over(DeliveryState::Expired);
            }
            if at >= tried.first_at + plan.give_up_after {
                return over(DeliveryState::Failed);
            }
            Next::Again { at, why: why.clone() }
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
