//! Addresses of a person's own: a phone number and a mail address, checked, in one way of writing, and shown in no log.

use std::fmt;

/// Digits of an international number (E.164): the shortest in use have 7, the longest 15.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Characters of a mail address as a whole, and of the part before the `@` (RFC 5321).
const MAIL_CHARS_MAX: usize = 254;
const LOCAL_CHARS_MAX: usize = 64;
/// Characters of one part of a domain.
const LABEL_CHARS_MAX: usize = 63;

/// How a person is reached besides their devices.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Contact {
    /// E.164, such as `+436641234567`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Contact {
    pub fn is_empty(&self) -> bool {
        self.phone.is_none() && self.email.is_none()
    }
}

/// Which addresses there are, never what they are.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("phone", &self.phone.is_some())
            .field("email", &self.email.is_some())
            .finish()
    }
}

/// A phone number in E.164: `+`, the country, the number; spaces, hyphens, dots and brackets are left out.
///
/// # Errors
/// What is wrong, and how to write it. It does not repeat the number.
pub fn phone(text: &str) -> Result<String, &'static str> {
    let hint = "not a phone number with its country: write it like `+436641234567` (7 to 15 digits after the `+`)";
    let rest = text.trim().strip_prefix('+').ok_or(hint)?;
    let digits: String = rest
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
        .collect();
    let is_number = digits.chars().all(|c| c.is_ascii_digit()) && DIGITS.contains(&digits.len());
    if is_number && !digits.starts_with('0') {
        Ok(format!("+{digits}"))
    } else {
        Err(hint)
    }
}

/// A mail address that every mail server takes: plain letters, one `@`, a domain with a dot, which is put in lower case.
///
/// # Errors
/// What is wrong, and how to write it. It does not repeat the address.
pub fn email(text: &str) -> Result<String, &'static str> {
    let hint = "not a mail address: write it like `ana@example.com` (a domain with other letters in its `xn--` form)";
    let (local, domain) = text.trim().rsplit_once('@').ok_or(hint)?;
    let is_mark = |c: char| "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let local_fits = (1..=LOCAL_CHARS_MAX).contains(&local.len())
        && local.chars().all(|c| c.is_ascii_alphanumeric() || is_mark(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let label_fits = |label: &str| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let domain_fits =
        domain.contains('.') && domain.split('.').all(label_fits) && top.chars().any(|c| c.is_ascii_alphabetic());
    if local_fits && domain_fits && local.len() + 1 + domain.len() <= MAIL_CHARS_MAX {
        Ok(format!("{local}@{}", domain.to_ascii_lowercase()))
    } else {
        Err(hint)
    }
}

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;
