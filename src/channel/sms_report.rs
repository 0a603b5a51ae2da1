//! Status callbacks of the Messages API: how they are signed, and what each status and code means.

use super::report::{Fate, Report, Reported, Unproven};
use crate::base::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Codes after which no text will ever get to this number, by Twilio's error dictionary: 21211 is no number, 21614 and 21635
/// cannot take texts (no mobile, a landline), 21610 wrote STOP. Not among them: 30003 (switched off or out of reach for now),
/// 30005 ("may no longer exist") and 30006 (a landline, or a carrier that this sender does not reach).
const DEAD: [u32; 4] = [21_211, 21_610, 21_614, 21_635];

/// Is the number of no more use after this code?
pub(super) fn is_dead(code: u32) -> bool {
    DEAD.contains(&code)
}

/// What the report says, if it is signed with this token.
///
/// # Errors
/// It is signed with another one, or changed on the way.
pub(super) fn read(token: &Secret, report: &Report<'_>) -> Result<Option<Reported>, Unproven> {
    if !is_signed(token, report) {
        return Err(Unproven);
    }
    let field = |name: &str| report.fields.iter().find(|(known, _)| known == name);
    let field = |name: &str| field(name).map_or("", |(_, value)| value.as_str());
    let code: u32 = field("ErrorCode").parse().unwrap_or_default();
    let fate = match field("MessageStatus") {
        "delivered" | "read" => Fate::Received,
        status @ ("undelivered" | "failed" | "canceled") => Fate::Failed {
            why: format!("{status}_code_{code}"),
            dead: Some(field("To").to_owned()).filter(|to| is_dead(code) && !to.is_empty()),
        },
        // "queued", "sending", "sent", and whatever a gateway has of its own: the text is still on its way.
        _ => Fate::UnderWay,
    };
    let provider_id = field("MessageSid").to_owned();
    let names_one = !provider_id.is_empty();
    Ok(names_one.then_some(Reported { provider_id, fate }))
}

/// HMAC-SHA1 over the address and every field, sorted by name, in base64; compared in constant time.
fn is_signed(token: &Secret, report: &Report<'_>) -> bool {
    let Ok(signature) = STANDARD.decode(report.signature) else {
        return false;
    };
    let mut fields: Vec<&(String, String)> = report.fields.iter().collect();
    fields.sort_unstable();
    fields.dedup();
    let mut signed = report.url.to_owned();
    for (name, value) in fields {
        signed.push_str(name);
        signed.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
}

#[cfg(test)]
#[path = "sms_report_tests.rs"]
mod tests;
