//! Deliveries: one message to one device by one channel, and the life that only moves forward (DESIGN.md 5.13).

use crate::base::id::{DeliveryId, DeviceId};
use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod ladder;

pub use ladder::{Ladder, Rung, Way};

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

    /// Does it reach a person by an address of their own, on no device of ours?
    pub fn is_personal(self) -> bool {
        match self {
            Self::Sms | Self::Email => true,
            Self::Tray | Self::Fcm | Self::Apns | Self::Webpush | Self::Webhook => false,
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
    /// With a further way of the same message: why it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
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
    /// Never again: the message or the set-up is at fault.
    Rejected {
        why: String,
    },
    /// The address is dead: forget it on the first word.
    Unregistered {
        why: String,
    },
}

/// What is to be done after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Settled { state: DeliveryState, why: Option<String> },
    Again { at: Timestamp, why: String },
}

/// Settles one attempt. `attempts` counts this one; `jitter` is a draw from 0 to 1.
///
/// Back-off as FCM asks (RELIABILITY.md A6): the provider's time if it named one, else 10 s doubling to 10 min, with up to
/// half as much again of jitter; given up when the life of the message ends or after [`limits::ATTEMPTS_MAX`].
pub fn settle(outcome: &Outcome, attempts: u32, expires_at: Timestamp, now: Timestamp, jitter: f64) -> Next {
    match outcome {
        Outcome::Accepted { .. } => Next::Settled {
            state: DeliveryState::Accepted,
            why: None,
        },
        Outcome::Rejected { why } | Outcome::Unregistered { why } => Next::Settled {
            state: DeliveryState::Failed,
            why: Some(why.clone()),
        },
        Outcome::Retry { after, why } => {
            if attempts >= limits::ATTEMPTS_MAX {
                return Next::Settled {
                    state: DeliveryState::Failed,
                    why: Some(why.clone()),
                };
            }
            let doubling = (10_i64 << attempts.saturating_sub(1).min(6)).min(600) * 1000;
            let base = after.map_or(doubling, |after| after.num_milliseconds());
            #[expect(
                clippy::cast_possible_truncation,
                reason = "milliseconds of minutes are far below the limit"
            )]
            let spread = (base as f64 * 0.5 * jitter.clamp(0.0, 1.0)) as i64;
            let at = now + TimeDelta::milliseconds(base + spread);
            if at >= expires_at {
                return Next::Settled {
                    state: DeliveryState::Expired,
                    why: Some(why.clone()),
                };
            }
            Next::Again { at, why: why.clone() }
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
