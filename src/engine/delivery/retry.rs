//! Retry plans: when a delivery that found no ear is tried again, by channel.

use super::ChannelKind;
use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::TimeDelta;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPlan {
    /// As FCM asks (RELIABILITY.md A6), which suits every provider: 10 s doubling to 10 min, or the provider's own time where
    /// that is longer, with up to half as much again of jitter; given up an hour after the first try.
    BackOff,
    /// A wait before each further try, within a tenth more or less; the receiver's own time where that is later.
    Schedule(&'static [TimeDelta]),
}

/// What svix does (RELIABILITY.md A9): at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h.
const WEBHOOK: [TimeDelta; 7] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(10),
];

/// After this time since the first try nothing is tried any more.
const BACK_OFF_FOR: TimeDelta = TimeDelta::minutes(60);
/// What a receiver names beyond this is beyond the life of every message.
const TOLD_MAX: TimeDelta = TimeDelta::days(366);

impl RetryPlan {
    pub fn of(channel: ChannelKind) -> Self {
        match channel {
            ChannelKind::Webhook => Self::Schedule(&WEBHOOK),
            ChannelKind::Tray
            | ChannelKind::Fcm
            | ChannelKind::Apns
            | ChannelKind::Webpush
            | ChannelKind::Sms
            | ChannelKind::Email => Self::BackOff,
        }
    }

    /// Is it given up at this time, whatever else may be left of it? `first_at` is when it was first tried.
    pub fn is_over(self, first_at: Timestamp, at: Timestamp) -> bool {
        match self {
            Self::BackOff => at >= first_at + BACK_OFF_FOR,
            // The number of its waits is its end.
            Self::Schedule(_) => false,
        }
    }

    /// How long to wait after `attempts` tries; none when that was the last one. `told` is the receiver's own word, `jitter` a
    /// draw from 0 to 1.
    pub(super) fn wait(self, attempts: u32, told: Option<TimeDelta>, jitter: f64) -> Option<TimeDelta> {
        if attempts >= limits::ATTEMPTS_MAX {
            return None;
        }
        let jitter = jitter.clamp(0.0, 1.0);
        // Who names next century names no time.
        let told = told.map(|told| told.min(TOLD_MAX));
        match self {
            Self::BackOff => {
                let doubling = TimeDelta::seconds((10_i64 << attempts.saturating_sub(1).min(6)).min(600));
                let base = told.unwrap_or_default().max(doubling);
                Some(scaled(base.num_milliseconds(), 1.0 + 0.5 * jitter))
            }
            Self::Schedule(waits) => {
                let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
                let wait = scaled(waits.get(place)?.num_milliseconds(), 0.9 + 0.2 * jitter);
                Some(told.map_or(wait, |told| told.max(wait)))
            }
        }
    }
}

fn scaled(milliseconds: i64, factor: f64) -> TimeDelta {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds of hours are far below the limit"
    )]
    let scaled = (milliseconds as f64 * factor) as i64;
    TimeDelta::milliseconds(scaled)
}
