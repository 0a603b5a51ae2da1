//! From a content to what one reader sees: locales, missing values, and what must not leave the house.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::super::Content;
use super::*;
use crate::engine::fact::{FactRef, Lifecycle};
use serde_json::json;

fn content(changes: &Value) -> CompiledContent {
    let mut whole = json!({ "name": "room", "default_locale": "en", "ttl": "PT2H",
        "locales": { "en": { "title": "Welcome", "body": "Room {{ stay.room }}" } } });
    whole
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let content: Content = serde_json::from_value(whole).unwrap();
    CompiledContent::compile(content).unwrap()
}

fn scene() -> Map<String, Value> {
    let stay = json!({ "key": "ST1", "room": "1204", "hotel": "Sacher", "guests": ["Ana"] });
    let scene = json!({ "stay": stay, "stays": [stay], "user": { "name": "Ana", "ref": "ana" } });
    scene.as_object().unwrap().clone()
}

fn facts(sensitive: &[&str]) -> BTreeMap<String, Fact> {
    let fact = Fact {
        id: FactRef {
            kind: "stay".to_owned(),
            key: "ST1".to_owned(),
        },
        seq: 1,
        subjects: Vec::new(),
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: None,
        sensitive: sensitive.iter().map(|name| (*name).to_owned()).collect(),
        properties: Map::new(),
        changed_at: chrono::DateTime::UNIX_EPOCH,
    };
    BTreeMap::from([("stay".to_owned(), fact)])
}

fn shown(content: &CompiledContent, locale: Option<&str>, sensitive: &[&str]) -> Shown {
    match compose(content, locale, scene(), &facts(sensitive), "Hotel Sacher", false) {
        Composed::Shown(shown) => *shown,
        other @ (Composed::Wait { .. } | Composed::Missing { .. } | Composed::Failed { .. }) => panic!("{other:?}"),
    }
}

#[test]
fn a_locale_falls_back_to_its_language_and_then_to_the_default() {
    let text = |body: &str| json!({ "title": "t", "body": body });
    let content =
        content(&json!({ "locales": { "en": text("english"), "pt": text("português"), "de-AT": text("Jause") } }));
    let read = |locale| shown(&content, locale, &[]).body;
    assert_eq!(read(Some("pt-BR")), "português");
    assert_eq!(read(Some("PT_br")), "português");
    assert_eq!(read(Some("pt")), "português");
    assert_eq!(read(Some("de-AT")), "Jause");
    assert_eq!(read(Some("de-AT-1996")), "Jause");
    assert_eq!(
        read(Some("de")),
        "english",
        "a language does not fall to one of its regions"
    );
    assert_eq!(read(Some("zh-Hant-TW")), "english");
    assert_eq!(read(Some("")), "english");
    assert_eq!(read(None), "english");
    assert_eq!(shown(&content, Some("pt-BR"), &[]).locale, "pt");
}

#[test]
fn a_missing_value_follows_its_rule() {
    let composed = |rule: Value, held: Value| {
        let content = content(&json!({ "variables": rule }));
        let mut scene = scene();
        scene.insert("stay".to_owned(), held);
        compose(&content, None, scene, &facts(&[]), "house", false)
    };
    let missing = "stay.room".to_owned();
    for nothing in [
        json!({}),
        json!({ "room": null }),
        json!({ "room": "" }),
        json!({ "room": "  " }),
    ] {
        let wait = composed(json!({ "stay.room": "wait" }), nothing.clone());
        assert_eq!(
            wait,
            Composed::Wait {
                missing: missing.clone()
            }
        );
        let silent = Composed::Missing {
            missing: missing.clone(),
        };
        assert_eq!(composed(json!({ "stay.room": "do_not_send" }), nothing.clone()), silent);
        assert_eq!(
            composed(json!({}), nothing.clone()),
            silent,
            "without a rule nothing is sent"
        );
        let Composed::Shown(shown) = composed(json!({ "stay.room": { "fallback": "at the desk" } }), nothing) else {
            panic!("a fallback is a text");
        };
        assert_eq!(shown.body, "Room at the desk");
    }
    let Composed::Shown(zero) = composed(json!({ "stay.room": "wait" }), json!({ "room": 0 })) else {
        panic!("zero is a value");
    };
    assert_eq!(zero.body, "Room 0");
}

#[test]
fn a_value_is_missing_in_every_part_a_reader_gets_and_in_no_other_locale() {
    let other = json!({ "en": { "title": "t", "body": "b" }, "de": { "title": "t", "body": "{{ stay.view }}" } });
    let content = content(&json!({ "locales": other, "link": "app://{{ stay.key }}" }));
    assert_eq!(shown(&content, Some("en"), &[]).link.as_deref(), Some("app://ST1"));
    let missing = compose(&content, Some("de"), scene(), &facts(&[]), "house", false);
    assert_eq!(
        missing,
        Composed::Missing {
            missing: "stay.view".to_owned()
        }
    );
}

#[test]
fn a_fallback_text_is_never_read_as_a_template() {
    let content = content(
        &json!({ "locales": { "en": { "title": "t", "body": "Hi {{ user.nick }}" } },
        "variables": { "user.nick": { "fallback": "{{ stay.room }}" } } }),
    );
    assert_eq!(shown(&content, None, &["room"]).body, "Hi {{ stay.room }}");
}

#[test]
fn a_sensitive_field_keeps_title_and_body_from_the_provider() {
    let reads = |body: &str| {
        let content = content(&json!({ "locales": { "en": { "title": "t", "body": body } } }));
        shown(&content, None, &["room"])
    };
    assert!(reads("Room {{ stay.room }}").sensitive);
    assert!(
        !reads("Hotel {{ stay.hotel }}").sensitive,
        "another field of the same fact is not"
    );
    assert!(!reads("Hi {{ user.name }}").sensitive);
    // Reading the fact as a whole, or through the list of all, reads every field.
    assert!(reads("{% if stay %}Hi{% endif %}").sensitive);
    assert!(reads("{% for one in stays %}{{ one.room }}{% endfor %}").sensitive);
    assert!(reads("{{ stays | length }}").sensitive);
    let public = reads("Room {{ stay.room }}");
    assert_eq!(
        (public.public_title.as_deref(), public.public_body),
        (Some("Hotel Sacher"), None)
    );
    assert_eq!(reads("Hotel {{ stay.hotel }}").public_title, None);
}

#[test]
fn a_public_part_that_reads_a_sensitive_field_is_dropped() {
    let content = content(&json!({
        "locales": { "en": { "title": "Welcome", "body": "Room {{ stay.room }}",
            "public_title": "Room {{ stay.room }}", "public_body": "See {{ stay.hotel }}" } },
        "link": "app://room/{{ stay.room }}", "image": "https://a.example/{{ stay.room }}.png", "collapse": "room:{{ stay.room }}" }));
    let shown = shown(&content, None, &["room"]);
    assert_eq!(shown.body, "Room 1204", "the device may read it");
    assert_eq!(shown.public_title.as_deref(), Some("Hotel Sacher"));
    assert_eq!(shown.public_body.as_deref(), Some("See Sacher"));
    assert_eq!((shown.link, shown.image, shown.tag.as_str()), (None, None, ""));
}

#[test]
fn no_way_of_writing_gets_round_what_is_sensitive() {
    for body in [
        "{{ stay['room'] }}",
        "{{ stay | first }}",
        "{{ stay.room | upper }}",
        "{{ stay.room | default('') }}",
        "{% if stay.room == '1204' %}yes{% endif %}",
        "{% for one in [stay] %}{{ one.room }}{% endfor %}",
        "{{ 'a' if stay.room else 'b' }}",
        "{{ stays[0].room }}",
        "{{ (stays | first).room }}",
    ] {
        let whole = json!({ "name": "room", "default_locale": "en", "ttl": "PT2H",
            "variables": { "stay": { "fallback": "" } }, "locales": { "en": { "title": "t", "body": body } } });
        // A text that is refused when it is saved tells nobody anything.
        let Ok(content) = CompiledContent::compile(serde_json::from_value(whole).unwrap()) else {
            continue;
        };
        match compose(&content, None, scene(), &facts(&["room"]), "house", false) {
            Composed::Shown(shown) => assert!(shown.sensitive, "{body} shows {:?}", shown.body),
            Composed::Failed { .. } | Composed::Missing { .. } => {}
            Composed::Wait { .. } => panic!("{body} waits"),
        }
    }
}

#[test]
fn a_text_that_grows_too_long_fails_with_its_reason() {
    let content = content(&json!({}));
    let mut scene = scene();
    scene.insert("stay".to_owned(), json!({ "room": "x".repeat(5_000) }));
    assert!(matches!(
        compose(&content, None, scene, &facts(&[]), "house", false),
        Composed::Failed { .. }
    ));
}

#[test]
fn what_is_out_of_bounds_is_refused_when_it_is_saved() {
    let code = |changes: Value| {
        let mut whole = json!({ "name": "a", "default_locale": "en", "ttl": "PT2H", "locales": { "en": { "title": "t", "body": "b" } } });
        whole
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        let error = CompiledContent::compile(serde_json::from_value(whole).unwrap()).unwrap_err();
        (error.code, error.pointer)
    };
    let action = json!({ "id": "a", "title": "A" });
    let cases = [
        (json!({ "name": "" }), "name_out_of_bounds", "/name"),
        (
            json!({ "default_locale": "de" }),
            "default_locale_missing",
            "/default_locale",
        ),
        (json!({ "ttl": "PT0S" }), "ttl_out_of_bounds", "/ttl"),
        (json!({ "ttl": "P29D" }), "ttl_out_of_bounds", "/ttl"),
        (
            json!({ "actions": [action, action, action, action, action] }),
            "too_many_actions",
            "/actions",
        ),
        (json!({ "link": "{{ stay" }), "template_invalid", "/link"),
        (
            json!({ "collapse": "x".repeat(2_001) }),
            "template_too_long",
            "/collapse",
        ),
        (
            json!({ "locales": { "en": { "title": "{{ a", "body": "b" } } }),
            "template_invalid",
            "/locales/en/title",
        ),
    ];
    for (changes, wanted, pointer) in cases {
        assert_eq!(code(changes.clone()), (wanted, pointer.to_owned()), "{changes}");
    }
}

#[test]
fn a_content_may_name_the_end_of_its_life() {
    let ends_at = |text: &str| {
        let content = content(&json!({ "ends_at": text }));
        let mut scene = scene();
        scene.insert(
            "flight".to_owned(),
            json!({ "departs_at": "2026-05-04T17:10:00+02:00" }),
        );
        match compose(&content, None, scene, &facts(&[]), "house", false) {
            Composed::Shown(shown) => shown.ends_at.map(|at| at.to_rfc3339()),
            other @ (Composed::Wait { .. } | Composed::Missing { .. } | Composed::Failed { .. }) => {
                Some(format!("{other:?}"))
            }
        }
    };
    assert_eq!(
        ends_at("{{ flight.departs_at }}").as_deref(),
        Some("2026-05-04T15:10:00+00:00")
    );
    assert!(ends_at("tomorrow").is_some_and(|said| said.contains("RFC 3339")));
    assert!(ends_at("{{ flight.lands_at }}").is_some_and(|said| said.starts_with("Missing")));
}

#[test]
fn a_variable_with_a_default_in_every_place_needs_no_rule() {
    let said = |title: &str, body: &str| {
        let whole = json!({ "name": "a", "default_locale": "en", "ttl": "PT2H", "locales": { "en": { "title": title, "body": body } } });
        let content = CompiledContent::compile(serde_json::from_value(whole).unwrap()).unwrap();
        compose(&content, None, scene(), &facts(&[]), "house", false)
    };
    let Composed::Shown(shown) = said("Hello {{ user.nickname | default('guest') }}", "b") else {
        panic!("the default was not taken");
    };
    assert_eq!(shown.title, "Hello guest");
    let both = said("Hello {{ user.nickname | default('guest') }}", "{{ user.nickname }}");
    assert_eq!(
        both,
        Composed::Missing {
            missing: "user.nickname".into()
        },
        "one place has no default"
    );
}
