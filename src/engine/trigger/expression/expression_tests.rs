//! What conditions accept, refuse, and answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use serde_json::{Map, Value, json};

pub(super) fn scope() -> Scope {
    use FieldType::{Bool, Double, Instant, Int, List, Text};
    Scope::new()
        .with("now", Fields::Scalar(Instant))
        .with(
            "user",
            Fields::ClosedPlus(&[("ref", Text), ("locale", Text), ("places", List), ("vip", Bool)]),
        )
        .with(
            "place",
            Fields::Closed(&[("id", Text), ("external_id", Text), ("tag", Text), ("radius_m", Double)]),
        )
        .with(
            "stay",
            Fields::Closed(&[
                ("key", Text),
                ("hotel_id", Text),
                ("status", Text),
                ("room_state", Text),
                ("room", Text),
                ("nights", Int),
                ("balance", Double),
                ("arrives_at", Instant),
            ]),
        )
        .with(
            "event",
            Fields::Closed(&[("name", Text), ("properties", FieldType::Dynamic)]),
        )
        .with("order", Fields::Open)
}

pub(super) fn scene() -> Map<String, Value> {
    let scene = json!({
        "now": "2026-05-04T12:55:00Z",
        "user": { "ref": "u1", "locale": "de-AT", "places": ["hotel", "spa"], "vip": true, "age": 34 },
        "place": { "id": "gf_1", "external_id": "H1", "tag": "hotel", "radius_m": 100 },
        "stay": { "key": "ST1", "hotel_id": "H1", "status": "booked", "room_state": "ready", "room": null,
                  "nights": 3, "balance": 12, "arrives_at": "2026-05-04T14:00:00+02:00" },
        "event": { "name": "order_placed", "properties": { "total": 12.5, "item count": 3, "note": null } },
        "order": { "placed_at": "2026-05-04T12:00:00Z", "lines": [{ "sku": "a", "shipped_at": "2026-05-04T12:30:00Z" }],
                   "called": "2026-05-04T12:00:00Z" },
    });
    scene.as_object().unwrap().clone()
}

pub(super) fn truth(text: &str) -> Expression {
    Expression::compile(text, &scope(), Wanted::Truth).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(super) fn verdict(text: &str) -> Verdict {
    truth(text).judge(&scene()).verdict
}

#[test]
fn conditions_hold_and_fail() {
    for text in [
        "place.external_id == stay.hotel_id && stay.status == 'booked'",
        "stay.nights + 1 == 4",
        "stay.nights / 2 == 1",
        "place.radius_m / 2.0 == 50.0",
        "stay.balance > 11.5",
        "event.properties.total >= 12.5",
        "event.properties['item count'] == 3",
        "user['ref'] == 'u1'",
        "user.age == 34",
        "'spa' in user.places",
        "user.places[0] == 'hotel' && size(user.places) == 2",
        "stay.hotel_id in ['H1', 'H2']",
        "now - stay.arrives_at < PT1H && now > stay.arrives_at",
        "now - stay.arrives_at == duration('55m') && duration('PT55M') == PT55M",
        "stay.arrives_at.getHours('Europe/Vienna') == 14",
        "stay.arrives_at.getHours() == 14",
        "order.placed_at < now && order.lines[0].shipped_at < now",
        "order.called == '2026-05-04T12:00:00Z'",
        "user.locale.startsWith('de') && user.locale.matches('^[a-z]{2}-[A-Z]{2}$')",
        "matches(user.locale, 'AT$')",
        "stay.room == null",
        "user.vip ? stay.nights > 1 : false",
        "!(stay.status == 'cancelled')",
        "type(stay.nights) == int",
        "string(stay.nights) + 'x' == '3x'",
        "true",
    ] {
        assert_eq!(verdict(text), Verdict::Holds, "{text}");
    }
    for text in [
        "stay.nights > 3",
        "has(stay.room)",
        "false || user.locale == 'en'",
        "stay.room == 'x'",
    ] {
        assert_eq!(verdict(text), Verdict::Fails, "{text}");
    }
}

#[test]
fn has_is_false_for_absent_and_null_at_any_depth() {
    for text in [
        "has(stay.room)",
        "has(user.nickname)",
        "has(order.address.city)",
        "has(event.properties.note)",
        "has(event.properties.note.deep)",
    ] {
        assert_eq!(verdict(text), Verdict::Fails, "{text}");
    }
    assert_eq!(verdict("has(stay.key) && has(event.properties.total)"), Verdict::Holds);
    let bare = Map::new();
    assert_eq!(truth("has(stay.key)").judge(&bare).verdict, Verdict::Fails);
}

#[test]
fn what_is_missing_is_named_by_its_path() {
    let missing = |path: &str| Verdict::Missing(path.to_owned());
    assert_eq!(verdict("user.nickname == 'x'"), missing("user.nickname"));
    assert_eq!(verdict("order.address.city == 'Vienna'"), missing("order.address.city"));
    assert_eq!(
        truth("stay.room == '12'").judge(&Map::new()).verdict,
        missing("stay.room")
    );
    assert_eq!(
        truth("now > timestamp('2026-01-01T00:00:00Z')")
            .judge(&Map::new())
            .verdict,
        missing("now")
    );
    assert_eq!(
        verdict("event.properties.note > 3"),
        missing("event.properties.note"),
        "null where a number is needed"
    );
    assert!(matches!(verdict("event.properties.total > 'a'"), Verdict::Error(_)));
    assert!(matches!(verdict("1 / (stay.nights - 3) == 1"), Verdict::Error(_)));
}

#[test]
fn errors_are_absorbed_as_in_cel() {
    assert_eq!(verdict("user.nickname == 'x' && stay.nights > 3"), Verdict::Fails);
    assert_eq!(verdict("stay.nights > 3 && user.nickname == 'x'"), Verdict::Fails);
    assert_eq!(verdict("user.nickname == 'x' || stay.nights == 3"), Verdict::Holds);
    assert_eq!(verdict("has(user.nickname) && user.nickname == 'x'"), Verdict::Fails);
    assert_eq!(
        verdict("stay.nights == 3 && user.nickname == 'x'"),
        Verdict::Missing("user.nickname".to_owned())
    );
}

#[test]
fn every_clause_is_shown_with_its_values() {
    let text = "(place.tag == 'hotel' && stay.nights > 5) && user.nickname == 'a && b' && has(stay.room)";
    let judgement = truth(text).judge(&scene());
    assert_eq!(judgement.verdict, Verdict::Fails);
    let shown: Vec<_> = judgement
        .clauses
        .iter()
        .map(|clause| (clause.text.as_str(), clause.holds))
        .collect();
    assert_eq!(
        shown,
        [
            ("(place.tag == 'hotel' && stay.nights > 5)", Some(false)),
            ("user.nickname == 'a && b'", None),
            ("has(stay.room)", Some(false)),
        ]
    );
    assert_eq!(
        json!(judgement.clauses[0].values),
        json!({ "place.tag": "hotel", "stay.nights": 3 })
    );
    assert!(judgement.clauses[1].values.is_empty());
    assert_eq!(json!(judgement.clauses[2].values), json!({ "stay.room": null }));
    assert_eq!(
        truth("((stay.nights == 3) && (user.vip))")
            .judge(&scene())
            .clauses
            .len(),
        2
    );
    assert_eq!(
        truth("stay.nights == 3 && user.vip || false")
            .judge(&scene())
            .clauses
            .len(),
        1
    );
    assert_eq!(
        truth(r"stay.key == r'\' && user.vip // why && not")
            .judge(&scene())
            .clauses
            .len(),
        2
    );
}

#[test]
fn fields_are_listed_once_and_sorted() {
    let expression =
        truth("stay.status == 'booked' && place.external_id == stay.hotel_id && has(stay.room) && stay.status != ''");
    assert_eq!(
        expression.fields(),
        ["place.external_id", "stay.hotel_id", "stay.room", "stay.status"]
    );
    assert_eq!(expression.clone().text(), expression.text());
}

#[test]
fn once_keys_and_times_are_evaluated() {
    let text = |source: &str| {
        Expression::compile(source, &scope(), Wanted::Text)
            .unwrap()
            .evaluate_text(&scene())
    };
    assert_eq!(text("stay.key + ':' + user.ref"), Ok("ST1:u1".to_owned()));
    assert_eq!(
        text("order.nothing"),
        Err(EvaluationError::Missing("order.nothing".to_owned()))
    );
    assert_eq!(text("stay.room"), Err(EvaluationError::Missing("stay.room".to_owned())));
    assert!(matches!(
        text("event.properties.total"),
        Err(EvaluationError::Failed(_))
    ));
    let mut long = scene();
    long.insert("user".to_owned(), json!({ "ref": "x".repeat(600) }));
    let key = Expression::compile("user.ref", &scope(), Wanted::Text).unwrap();
    assert_eq!(key.evaluate_text(&long), Err(EvaluationError::TooLong));
    let instant = |source: &str| {
        Expression::compile(source, &scope(), Wanted::Instant)
            .unwrap()
            .evaluate_instant(&scene())
    };
    assert_eq!(
        instant("stay.arrives_at - PT3H").unwrap().to_rfc3339(),
        "2026-05-04T09:00:00+00:00"
    );
    assert_eq!(
        instant("order.placed_at + duration('90m')").unwrap().to_rfc3339(),
        "2026-05-04T13:30:00+00:00"
    );
    assert!(matches!(instant("order.called"), Err(EvaluationError::Failed(_))));
    let wrong = Expression::compile("stay.nights", &scope(), Wanted::Instant).unwrap_err();
    assert_eq!(wrong.code, ExpressionCode::WrongType);
}

#[test]
fn expressions_travel_between_threads() {
    fn travels<T: Send + Sync + Clone>(_: &T) {}
    travels(&truth("user.vip"));
}
