//! The `Retry-After` header, in both of its forms (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

/// The longest wait that is believed. A larger value, or one that overflows, is a mistake of some machine in between.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Reads seconds or an HTTP date; a date that is past means no wait. `None` if the text is neither.
pub(crate) fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(
            text.parse()
                .map_or(RETRY_AFTER_MAX, Duration::from_secs)
                .min(RETRY_AFTER_MAX),
        );
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(RETRY_AFTER_MAX))
}

#[cfg(test)]
#[path = "retry_after_tests.rs"]
mod tests;
