//! What conditions accept, refuse, and answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn scope() -> Scope {
    use FieldType::{Bool, Double, Instant, Int, List, Text};
    Scope::new()
        .with("now", Fields::Scalar(Instant))
        .with("user", Fields::ClosedPlus(&[("ref", Text), ("locale", Text), ("places", List), ("vip", Bool)]))
        .with("place", Fields::Closed(&[("id", Text), ("external_id", Text), ("tag", Text), ("radius_m", Double)]))
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
        .with("event", Fields::Closed(&[("name", Text), ("properties", FieldType::Dynamic)]))
        .with("order", Fields::Open)
}

fn scene() -> Map<String, Value> {
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

fn truth(text: &str) -> Expression {
    Expression::compile(text, &scope(), Wanted::Truth).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn verdict(text: &str) -> Verdict {
    truth(text).judge(&scene()).verdict
}

fn refusal(text: &str) -> ExpressionError {
    match Expression::compile(text, &scope(), Wanted::Truth) {
        Err(error) => error,
        Ok(_) => panic!("accepted: {text}"),
    }
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
    for text in ["stay.nights > 3", "has(stay.room)", "false || user.locale == 'en'", "stay.room == 'x'"] {
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
    assert_eq!(truth("stay.room == '12'").judge(&Map::new()).verdict, missing("stay.room"));
    assert_eq!(truth("now > timestamp('2026-01-01T00:00:00Z')").judge(&Map::new()).verdict, missing("now"));
    assert_eq!(verdict("event.properties.note > 3"), missing("event.properties.note"), "null where a number is needed");
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
    let shown: Vec<_> = judgement.clauses.iter().map(|clause| (clause.text.as_str(), clause.holds)).collect();
    assert_eq!(
        shown,
        [
            ("(place.tag == 'hotel' && stay.nights > 5)", Some(false)),
            ("user.nickname == 'a && b'", None),
            ("has(stay.room)", Some(false)),
        ]
    );
    assert_eq!(json!(judgement.clauses[0].values), json!({ "place.tag": "hotel", "stay.nights": 3 }));
    assert!(judgement.clauses[1].values.is_empty());
    assert_eq!(json!(judgement.clauses[2].values), json!({ "stay.room": null }));
    assert_eq!(truth("((stay.nights == 3) && (user.vip))").judge(&scene()).clauses.len(), 2);
    assert_eq!(truth("stay.nights == 3 && user.vip || false").judge(&scene()).clauses.len(), 1);
    assert_eq!(truth(r"stay.key == r'\' && user.vip // why && not").judge(&scene()).clauses.len(), 2);
}

#[test]
fn fields_are_listed_once_and_sorted() {
    let expression = truth("stay.status == 'booked' && place.external_id == stay.hotel_id && has(stay.room) && stay.status != ''");
    assert_eq!(expression.fields(), ["place.external_id", "stay.hotel_id", "stay.room", "stay.status"]);
    assert_eq!(expression.clone().text(), expression.text());
}

#[test]
fn once_keys_and_times_are_evaluated() {
    let text = |source: &str| Expression::compile(source, &scope(), Wanted::Text).unwrap().evaluate_text(&scene());
    assert_eq!(text("stay.key + ':' + user.ref"), Ok("ST1:u1".to_owned()));
    assert_eq!(text("order.nothing"), Err(EvaluationError::Missing("order.nothing".to_owned())));
    assert_eq!(text("stay.room"), Err(EvaluationError::Missing("stay.room".to_owned())));
    assert!(matches!(text("event.properties.total"), Err(EvaluationError::Failed(_))));
    let mut long = scene();
    long.insert("user".to_owned(), json!({ "ref": "x".repeat(600) }));
    let key = Expression::compile("user.ref", &scope(), Wanted::Text).unwrap();
    assert_eq!(key.evaluate_text(&long), Err(EvaluationError::TooLong));
    let instant = |source: &str| Expression::compile(source, &scope(), Wanted::Instant).unwrap().evaluate_instant(&scene());
    assert_eq!(instant("stay.arrives_at - PT3H").unwrap().to_rfc3339(), "2026-05-04T09:00:00+00:00");
    assert_eq!(instant("order.placed_at + duration('90m')").unwrap().to_rfc3339(), "2026-05-04T13:30:00+00:00");
    assert!(matches!(instant("order.called"), Err(EvaluationError::Failed(_))));
    let wrong = Expression::compile("stay.nights", &scope(), Wanted::Instant).unwrap_err();
    assert_eq!(wrong.code, ExpressionCode::WrongType);
}

#[test]
fn refusals_say_what_where_and_what_instead() {
    let table: &[(&str, ExpressionCode, usize, Option<&str>)] = &[
        ("stya.status == 'x'", ExpressionCode::UnknownVariable, 0, Some("did you mean `stay.status`?")),
        ("status == 'booked'", ExpressionCode::UnknownVariable, 0, Some("did you mean `stay.status`?")),
        ("true && stay.statsu == 'x'", ExpressionCode::UnknownField, 12, Some("did you mean `stay.status`?")),
        ("stay.status.length == 1", ExpressionCode::UnknownField, 11, None),
        ("user.locale.startswith('de')", ExpressionCode::UnknownFunction, 22, Some("did you mean `startsWith`?")),
        ("now.nothing() == 1", ExpressionCode::UnknownFunction, 11, None),
        ("user.places.exists(p, p == 'a')", ExpressionCode::MacroRefused, 18, None),
        ("user.places.all(p, true)", ExpressionCode::MacroRefused, 15, None),
        ("size(user.places.map(p, p)) == 1", ExpressionCode::MacroRefused, 20, None),
        ("stay.status == 3", ExpressionCode::WrongType, 12, Some("convert with string(...), int(...) or double(...)")),
        ("stay.arrives_at > '2026-05-04'", ExpressionCode::WrongType, 16, None),
        ("stay.nights", ExpressionCode::WrongType, 0, None),
        ("user.vip && stay.nights", ExpressionCode::WrongType, 9, None),
        ("place.radius_m * 2 > 1.0", ExpressionCode::WrongType, 15, None),
        ("'x' in stay.status", ExpressionCode::WrongType, 4, None),
        ("size(stay.nights) == 1", ExpressionCode::WrongType, 4, None),
        ("stay.key.contains('a', 'b')", ExpressionCode::WrongArguments, 17, Some("write x.contains(...)")),
        ("has(stay)", ExpressionCode::Syntax, 4, None),
        ("stay.nights = 3", ExpressionCode::Syntax, 12, Some("compare with ==")),
        ("stay.nights == 3 and true", ExpressionCode::Syntax, 17, Some("join conditions with &&")),
        ("'ö' == stay.stat", ExpressionCode::UnknownField, 11, Some("did you mean `stay.status`?")),
        ("", ExpressionCode::Syntax, 0, None),
        ("'ööö' == 'x' ==", ExpressionCode::Syntax, 15, None),
        ("user.vip &&\n'ö' = 3", ExpressionCode::Syntax, 16, None),
        ("now > timestamp('soon')", ExpressionCode::BadLiteral, 16, None),
        ("now - now > duration('3 hours')", ExpressionCode::BadLiteral, 21, None),
        ("stay.key.matches(user.ref)", ExpressionCode::BadPattern, 21, None),
        ("stay.key.matches('(')", ExpressionCode::BadPattern, 17, None),
        ("stay.key.matches('a{1000}{1000}')", ExpressionCode::BadPattern, 17, None),
        ("Stay{key: 'a'} == null", ExpressionCode::Unsupported, 4, None),
        ("order.?a == 1", ExpressionCode::Syntax, 5, None),
    ];
    for (text, code, position, hint) in table {
        let error = refusal(text);
        assert_eq!((error.code, error.position), (*code, *position), "{text}: {error}");
        if hint.is_some() {
            assert_eq!(error.hint.as_deref(), *hint, "{text}");
        }
    }
}

#[test]
fn every_bound_refuses_what_is_over_it() {
    let code = |text: &str| refusal(text).code;
    assert_eq!(code(&format!("stay.key == '{}'", "x".repeat(1024))), ExpressionCode::TooLong);
    assert_eq!(code(&format!("{}true{}", "(".repeat(200), ")".repeat(200))), ExpressionCode::TooDeep);
    assert_eq!(code(&format!("{}true", "!(".repeat(40))), ExpressionCode::TooDeep);
    assert_eq!(code(&format!("order{} == 1", ".a".repeat(400))), ExpressionCode::TooDeep);
    assert_eq!(code(&format!("1{} == 1", "+1".repeat(400))), ExpressionCode::TooDeep);
    assert_eq!(code(&format!("'a'{} == 'a'", " + order.a".repeat(20))), ExpressionCode::TooManyJoins);
    assert_eq!(code(&format!("{}1 == 1", "true ? 1 : ".repeat(60))), ExpressionCode::TooDeep);
    assert_eq!(code(&format!("stay.key.matches('{}')", "a".repeat(257))), ExpressionCode::BadPattern);
    let chain = vec!["user.vip"; 80].join(" && ");
    assert_eq!(truth(&chain).judge(&scene()).clauses.len(), 80);
    assert_eq!(verdict(&vec!["user.vip"; 80].join(" || ")), Verdict::Holds);
    let names: std::collections::BTreeSet<_> = ExpressionCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ExpressionCode::ALL.len());
}

#[test]
fn expressions_travel_between_threads() {
    fn travels<T: Send + Sync + Clone>(_: &T) {}
    travels(&truth("user.vip"));
}

const SEEDS: [&str; 8] = [
    "place.external_id == stay.hotel_id && stay.status == 'booked'",
    "now - stay.arrives_at < PT1H || user.locale.matches('^d')",
    "has(stay.room) ? stay.nights + 1 > 2 : !(user.vip)",
    "event.properties['total'] * 2.5 / -1.0 >= 1e3",
    "'a' in ['a', \"b\", r'\\c', '''d'''] && {'k': 1}.k == 1",
    "size(user.places) % 2 == 0x1F && b'\\x01' != b'a'",
    "order.lines[0].sku.startsWith('\\u00e4') // done",
    "timestamp('2026-05-04T12:00:00Z').getDayOfYear('Europe/Vienna') == 3",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        let _ = Expression::compile(&text, &scope(), Wanted::Truth).map(|found| found.judge(&scene()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Expression::compile(&text, &scope(), Wanted::Truth).map(|found| found.judge(&scene()));
    }

    #[test]
    fn no_soup_of_tokens_makes_it_panic(tokens in proptest::collection::vec(proptest::sample::select(vec![
        "stay", ".", "nights", "(", ")", "[", "]", "{", "}", "'", "\"", "&&", "||", "!", "-", "+", "*", "/", "%", "?", ":",
        ",", "==", "<", "in", "has", "size", "1", "2.5", "3u", "null", "true", "now", "PT1H", "`", "\\", "r", "b", "\n", " ",
        "matches", "duration", "timestamp", "9223372036854775807", "order", "a", "getFullYear", "//",
    ]), 0..40)) {
        let text = tokens.concat();
        let _ = Expression::compile(&text, &scope(), Wanted::Truth).map(|found| found.judge(&scene()));
    }

    #[test]
    fn no_mutation_makes_it_panic(seed in 0..SEEDS.len(), at in any::<prop::sample::Index>(), cut in 0..6_usize, put in "\\PC{0,3}") {
        let mut chars: Vec<char> = SEEDS[seed].chars().collect();
        let start = at.index(chars.len());
        let end = (start + cut).min(chars.len());
        chars.splice(start..end, put.chars());
        let text: String = chars.into_iter().collect();
        match Expression::compile(&text, &scope(), Wanted::Truth) {
            Ok(found) => { found.judge(&scene()); }
            Err(error) => prop_assert!(error.position <= text.chars().count()),
        }
    }
}
