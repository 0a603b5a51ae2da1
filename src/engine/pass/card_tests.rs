//! What a card shows of a flight and of a room, in whose time and whose words.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use serde_json::json;

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";

fn card(properties: Value, locale: Option<&str>) -> Option<Card> {
    Card::of(&Source {
        key: "AC834",
        properties: properties.as_object().unwrap(),
        valid_to: None,
        changed_at: "2026-05-04T12:00:00Z".parse().unwrap(),
        zone: Tz::America__Toronto,
        locale,
    })
}

fn said(card: &Card, key: &str) -> String {
    card.line(key).unwrap_or_default()
}

#[test]
fn a_boarding_pass_shows_the_bar_code_and_what_the_business_knows_by_now() {
    let flight = json!({ "bar_code": CODE, "gate": "B7", "seat": "2C", "departs_at": "2026-05-04T18:30:00Z",
        "boarding_at": "2026-05-04T13:50:00-04:00", "status": "delayed", "terminal": 1 });
    let card = card(flight, None).unwrap();
    assert_eq!(card.title, "AC 834");
    for (key, text) in [
        ("gate", "B7"),
        ("seat", "2C"),
        ("from", "YUL"),
        ("to", "FRA"),
        ("passenger", "LUC DESMARAIS"),
        ("departs", "14:30"),
        ("boarding", "13:50"),
        ("date", "2026-05-04"),
        ("terminal", "1"),
        ("sequence", "25"),
        ("booking", "ABC123"),
        ("status", "Delayed"),
    ] {
        assert_eq!(said(&card, key), text, "{key}");
    }
    assert_eq!(card.bar_code, Some((CODE.to_owned(), Symbology::Aztec)));
    assert_eq!(card.relevant_at.unwrap().to_rfc3339(), "2026-05-04T13:50:00-04:00");
    let flight = card.flight.unwrap();
    assert_eq!((flight.carrier.as_str(), flight.number.as_str()), ("AC", "834"));
}

#[test]
fn the_bar_code_alone_is_enough() {
    let card = card(json!({ "bar_code": CODE, "gate": null }), Some("de-AT")).unwrap();
    assert_eq!(
        (said(&card, "seat").as_str(), said(&card, "date").as_str()),
        ("1A", "2026-05-04")
    );
    assert_eq!(card.line("gate"), None);
    assert_eq!(card.header[0].label, "Sitz");
}

#[test]
fn a_room_or_any_other_code_is_a_pass_as_well() {
    let stay = json!({ "room": 407, "arrives_at": "2026-05-04T19:00:00Z", "departs_at": "2026-05-06T11:00:00-04:00" });
    let room = card(stay, Some("fr")).unwrap();
    assert_eq!(
        (room.title.as_str(), said(&room, "room").as_str()),
        ("Chambre 407", "407")
    );
    assert_eq!(said(&room, "arrival"), "2026-05-04 15:00");
    assert_eq!((room.bar_code, room.flight), (None, None));
    let order = card(json!({ "bar_code": "PICKUP-99", "number": "99" }), None).unwrap();
    assert_eq!((order.title.as_str(), said(&order, "reference").as_str()), ("99", "99"));
    assert_eq!(order.bar_code, Some(("PICKUP-99".to_owned(), Symbology::Qr)));
    let far_too_long = "x".repeat(limits::BAR_CODE_BYTES_MAX + 1);
    for nothing in [
        json!({}),
        json!({ "bar_code": " " }),
        json!({ "room": "" }),
        json!({ "bar_code": far_too_long }),
    ] {
        assert_eq!(card(nothing, None), None);
    }
}
