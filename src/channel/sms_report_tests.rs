//! Status callbacks: Twilio's published signatures, and what is understood of a report.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const NUMBER: &str = "+436601234567";

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn verdict(token: &str, url: &str, pairs: &[(&str, &str)], signature: &str) -> bool {
    let report = Report {
        url,
        signature,
        fields: &fields(pairs),
    };
    read(&Secret::new(token), &report).is_ok()
}

/// From the tests of Twilio's own libraries; each of them has the same ones.
#[test]
fn the_published_signatures_hold_and_nothing_else_does() {
    let caller = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];
    let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    assert!(verdict("12345", URL, &caller, signature));
    let reversed: Vec<_> = caller.iter().rev().copied().collect();
    assert!(verdict("12345", URL, &reversed, signature), "fields have no order");
    let repeated = [
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ];
    assert!(verdict("12345", URL, &repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="));
    let mut changed = caller;
    changed[2].1 = "12345";
    assert!(!verdict("12345", URL, &changed, signature));
    assert!(!verdict("12345", URL, &caller[..4], signature));
    assert!(!verdict("12346", URL, &caller, signature));
    assert!(!verdict("12345", "https://mycompany.com/myapp.php", &caller, signature));
    for forged in ["", "FAIL", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "AAAA"] {
        assert!(!verdict("12345", URL, &caller, forged), "{forged}");
    }
}

fn said(pairs: &[(&str, &str)]) -> Option<Reported> {
    let (token, fields) = (Secret::new("12345"), fields(pairs));
    let mut sorted = fields.clone();
    sorted.sort();
    let signed: String = sorted
        .iter()
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
    let signature = STANDARD.encode(hmac::sign(&key, format!("{URL}{signed}").as_bytes()));
    let report = Report {
        url: URL,
        signature: &signature,
        fields: &fields,
    };
    read(&token, &report).unwrap()
}

#[test]
fn each_status_means_one_thing_and_only_final_codes_cost_the_number() {
    let fate = |status: &str, code: &str| {
        let pairs = [
            ("MessageSid", "SM1"),
            ("MessageStatus", status),
            ("ErrorCode", code),
            ("To", NUMBER),
        ];
        said(&pairs).unwrap().fate
    };
    for status in ["queued", "sending", "sent", "of its own"] {
        assert_eq!(fate(status, ""), Fate::UnderWay, "{status}");
    }
    assert_eq!(fate("delivered", ""), Fate::Received);
    let failed = |why: &str, dead: bool| Fate::Failed {
        why: why.to_owned(),
        dead: dead.then(|| NUMBER.to_owned()),
    };
    assert_eq!(fate("failed", ""), failed("failed_code_0", false));
    for code in [30_003, 30_005, 30_006, 30_007, 30_008, 21_617] {
        let why = format!("undelivered_code_{code}");
        assert_eq!(fate("undelivered", &code.to_string()), failed(&why, false));
    }
    for code in [21_211, 21_610, 21_614, 21_635] {
        let why = format!("undelivered_code_{code}");
        assert_eq!(fate("undelivered", &code.to_string()), failed(&why, true));
    }
    assert_eq!(said(&[("MessageStatus", "delivered")]), None, "it names no text");
    let shown = format!("{:?}", fate("failed", "21211"));
    assert!(!shown.contains(NUMBER), "{shown}");
}
