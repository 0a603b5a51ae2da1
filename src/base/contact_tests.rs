//! Phone numbers and mail addresses: taken, put in one form, or refused.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::{Contact, email, phone};

#[test]
fn a_phone_number_has_its_country_and_one_way_of_writing() {
    for text in ["+43 664 123-45.67", " +436641234567 ", "+43 (664) 1234567"] {
        assert_eq!(phone(text).unwrap(), "+436641234567", "{text}");
    }
    assert_eq!(phone("+1 212 555 0100").unwrap(), "+12125550100");
    let wrong = [
        "",
        "+",
        "0664 1234567",
        "00436641234567",
        "+0664123456",
        "+43664abc4567",
        "+123456",
        "+1234567890123456",
        "+43664\n1234567",
        "+43664\u{0661}234567",
        "++436641234567",
    ];
    for text in wrong {
        assert!(phone(text).is_err(), "{text}");
    }
}

#[test]
fn a_mail_address_is_plain_and_has_a_domain_with_a_dot() {
    assert_eq!(
        email(" Ana.Silva+stay@Example.COM ").unwrap(),
        "Ana.Silva+stay@example.com"
    );
    assert_eq!(email("a@xn--mnchen-3ya.de").unwrap(), "a@xn--mnchen-3ya.de");
    let long = format!("{}@example.com", "a".repeat(65));
    let wrong = [
        "",
        "ana",
        "@example.com",
        "ana@",
        "ana@localhost",
        "ana@example.com\r\nBcc: all@example.com",
        "ana silva@example.com",
        "ana@exa mple.com",
        "\"ana\"@example.com",
        "ana@@example.com",
        ".ana@example.com",
        "an..a@example.com",
        "ana@-example.com",
        "ana@example..com",
        "ana@[127.0.0.1]",
        "ana@127.0.0.1",
        "aná@example.com",
        "ana@münchen.de",
        "<ana@example.com>",
        &long,
    ];
    for text in wrong {
        assert!(email(text).is_err(), "{text}");
    }
}

#[test]
fn a_contact_shows_in_no_log() {
    let contact = Contact {
        phone: Some("+436641234567".to_owned()),
        email: Some("ana@example.com".to_owned()),
    };
    let text = format!("{contact:?}");
    assert!(!text.contains("664") && !text.contains("example"), "{text}");
}
