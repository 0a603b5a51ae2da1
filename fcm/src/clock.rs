//! The only place that asks the machine for the time: a library without a surrounding service has nobody to take it from.

use std::time::{Instant, SystemTime};

/// The time of day, for what is compared with other machines: signed statements and `Retry-After` dates.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate that reads the clock"
)]
pub(crate) fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// Seconds since 1970, for signed statements.
pub(crate) fn unix_s() -> u64 {
    time_of_day()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// A time that never goes back, for how long something has lived.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate that reads the clock"
)]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
