//! Deliveries: one message to one device by one channel, and the life that only moves forward (DESIGN.md 5.13).

mod health;
mod retry;

pub use health::Health;
pub use retry::RetryPlan;

use crate::base::id::{DeliveryId, DeviceId, EndpointId};
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
    /// With a webhook: which of the business's endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
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
    /// The address is dead: forget it on the first word. A provider may say since when: an address that was registered again
    /// after that lives on.
    Unregistered {
        why: String,
        as_of: Option<Timestamp>,
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
/// When it is tried again is the [`RetryPlan`] of its channel; given up when the life of the message ends, or the plan does.
pub fn settle(outcome: &Outcome, tried: &Tried, now: Timestamp, jitter: f64) -> Next {
    let settled = |state, why: Option<&String>| Next::Settled {
        state,
        why: why.cloned(),
    };
    match outcome {
        Outcome::Accepted { .. } => settled(DeliveryState::Accepted, None),
        Outcome::Rejected { why } | Outcome::Misconfigured { why, .. } | Outcome::Unregistered { why, .. } => {
            settled(DeliveryState::Failed, Some(why))
        }
        Outcome::Retry { after, why } => {
            let plan = RetryPlan::of(tried.channel);
            let Some(wait) = plan.wait(tried.attempts, *after, jitter) else {
                return settled(DeliveryState::Failed, Some(why));
            };
            let at = now + wait;
            if at >= tried.expires_at {
                settled(DeliveryState::Expired, Some(why))
            } else if plan.is_over(tried.first_at, at) {
                settled(DeliveryState::Failed, Some(why))
            } else {
                Next::Again { at, why: why.clone() }
            }
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
