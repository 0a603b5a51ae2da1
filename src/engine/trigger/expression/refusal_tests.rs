//! What expressions refuse, and that no text whatever makes them panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::tests::{scene, scope, truth, verdict};
use super::*;
use proptest::prelude::*;

fn refusal(text: &str) -> ExpressionError {
    match Expression::compile(text, &scope(), Wanted::Truth) {
        Err(error) => error,
        Ok(_) => panic!("accepted: {text}"),
    }
}

/// A text, and the code, position and hint it is refused with.
type Refusal = (&'static str, ExpressionCode, usize, Option<&'static str>);

const REFUSALS: &[Refusal] = &[
    (
        "stya.status == 'x'",
        ExpressionCode::UnknownVariable,
        0,
        Some("did you mean `stay.status`?"),
    ),
    (
        "status == 'booked'",
        ExpressionCode::UnknownVariable,
        0,
        Some("did you mean `stay.status`?"),
    ),
    (
        "true && stay.statsu == 'x'",
        ExpressionCode::UnknownField,
        12,
        Some("did you mean `stay.status`?"),
    ),
    ("stay.status.length == 1", ExpressionCode::UnknownField, 11, None),
    (
        "user.locale.startswith('de')",
        ExpressionCode::UnknownFunction,
        22,
        Some("did you mean `startsWith`?"),
    ),
    ("now.nothing() == 1", ExpressionCode::UnknownFunction, 11, None),
    (
        "user.places.exists(p, p == 'a')",
        ExpressionCode::MacroRefused,
        18,
        None,
    ),
    ("user.places.all(p, true)", ExpressionCode::MacroRefused, 15, None),
    (
        "size(user.places.map(p, p)) == 1",
        ExpressionCode::MacroRefused,
        20,
        None,
    ),
    (
        "stay.status == 3",
        ExpressionCode::WrongType,
        12,
        Some("convert with string(...), int(...) or double(...)"),
    ),
    ("stay.arrives_at > '2026-05-04'", ExpressionCode::WrongType, 16, None),
    ("stay.nights", ExpressionCode::WrongType, 0, None),
    ("user.vip && stay.nights", ExpressionCode::WrongType, 9, None),
    ("place.radius_m * 2 > 1.0", ExpressionCode::WrongType, 15, None),
    ("'x' in stay.status", ExpressionCode::WrongType, 4, None),
    ("size(stay.nights) == 1", ExpressionCode::WrongType, 4, None),
    (
        "stay.key.contains('a', 'b')",
        ExpressionCode::WrongArguments,
        17,
        Some("write x.contains(...)"),
    ),
    ("has(stay)", ExpressionCode::Syntax, 4, None),
    ("stay.nights = 3", ExpressionCode::Syntax, 12, Some("compare with ==")),
    (
        "stay.nights == 3 and true",
        ExpressionCode::Syntax,
        17,
        Some("join conditions with &&"),
    ),
    (
        "'ö' == stay.stat",
        ExpressionCode::UnknownField,
        11,
        Some("did you mean `stay.status`?"),
    ),
    ("", ExpressionCode::Syntax, 0, None),
    ("'ööö' == 'x' ==", ExpressionCode::Syntax, 15, None),
    ("user.vip &&\n'ö' = 3", ExpressionCode::Syntax, 16, None),
    ("now > timestamp('soon')", ExpressionCode::BadLiteral, 16, None),
    ("now - now > duration('3 hours')", ExpressionCode::BadLiteral, 21, None),
    ("stay.key.matches(user.ref)", ExpressionCode::BadPattern, 21, None),
    ("stay.key.matches('(')", ExpressionCode::BadPattern, 17, None),
    (
        "stay.key.matches('a{1000}{1000}')",
        ExpressionCode::BadPattern,
        17,
        None,
    ),
    ("Stay{key: 'a'} == null", ExpressionCode::Unsupported, 4, None),
    ("order.?a == 1", ExpressionCode::Syntax, 5, None),
];

#[test]
fn refusals_say_what_where_and_what_instead() {
    for (text, code, position, hint) in REFUSALS {
        let error = refusal(text);
        assert_eq!((error.code, error.position), (*code, *position), "{text}: {error}");
        if hint.is_some() {
            assert_eq!(error.hint.as_deref(), *hint, "{text}");
        }
    }
}

/// Each of these nests as deep as is allowed, closed and left open; a worker's stack must survive it.
#[test]
fn the_deepest_texts_do_not_overflow_the_stack() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("size(", ")"),
        ("user.f(", ")"),
        ("1 in [", "]"),
        ("order[", "]"),
        ("1+(", ")"),
    ] {
        for depth in [6, 7, 8, 200] {
            let closed = format!("{}true{}", open.repeat(depth), close.repeat(depth));
            for text in [closed, open.repeat(depth), format!("{}?", open.repeat(depth)).repeat(3)] {
                let _ = Expression::compile(&text, &scope(), Wanted::Truth).map(|found| found.judge(&scene()));
            }
        }
    }
    assert_eq!(
        verdict(&format!("{}true{}", "(".repeat(7), ")".repeat(7))),
        Verdict::Holds
    );
    assert_eq!(
        verdict(&format!("{}true{}", "!(".repeat(6), ")".repeat(6))),
        Verdict::Holds
    );
}

#[test]
fn every_bound_refuses_what_is_over_it() {
    let code = |text: &str| refusal(text).code;
    assert_eq!(
        code(&format!("stay.key == '{}'", "x".repeat(1024))),
        ExpressionCode::TooLong
    );
    assert_eq!(
        code(&format!("{}true{}", "(".repeat(200), ")".repeat(200))),
        ExpressionCode::TooDeep
    );
    assert_eq!(code(&format!("{}true", "!(".repeat(40))), ExpressionCode::TooDeep);
    assert_eq!(
        code(&format!("order{} == 1", ".a".repeat(400))),
        ExpressionCode::TooDeep
    );
    assert_eq!(code(&format!("1{} == 1", "+1".repeat(400))), ExpressionCode::TooDeep);
    assert_eq!(
        code(&format!("'a'{} == 'a'", " + order.a".repeat(20))),
        ExpressionCode::TooManyJoins
    );
    assert_eq!(
        code(&format!("{}1 == 1", "true ? 1 : ".repeat(60))),
        ExpressionCode::TooDeep
    );
    assert_eq!(
        code(&format!("stay.key.matches('{}')", "a".repeat(257))),
        ExpressionCode::BadPattern
    );
    let chain = vec!["user.vip"; 80].join(" && ");
    assert_eq!(truth(&chain).judge(&scene()).clauses.len(), 80);
    assert_eq!(verdict(&vec!["user.vip"; 80].join(" || ")), Verdict::Holds);
    let names: std::collections::BTreeSet<_> = ExpressionCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ExpressionCode::ALL.len());
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

    /// Clause by clause or as one tree, the verdict is the same.
    #[test]
    fn clauses_agree_with_the_whole(atoms in proptest::collection::vec((0..6_usize, 0..3_usize), 1..8)) {
        const ATOMS: [&str; 6] = [
            "true", "false", "user.nickname == 'x'", "1 / 0 == 1", "(true || user.nickname == 'x')", "has(stay.room)",
        ];
        let mut text = String::new();
        for (index, (atom, joint)) in atoms.iter().enumerate() {
            if index > 0 {
                text.push_str([" && ", " && ", " || "][*joint]);
            }
            text.push_str(ATOMS[*atom]);
        }
        let kind = |verdict: &Verdict| match verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::Missing(_) | Verdict::Error(_) => "cannot be told",
        };
        let (parts, whole) = (verdict(&text), verdict(&format!("({text}) || false")));
        prop_assert_eq!(kind(&parts), kind(&whole), "{}: {:?} {:?}", text, parts, whole);
    }
}
