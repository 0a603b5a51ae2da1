//! A link to a pass is the whole link of a content, makes the message sensitive, and stands in no text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::super::compose::{Composed, compose};
use super::super::content::{CompiledContent, Content};
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";

fn compiled(changes: Value) -> Result<CompiledContent, (String, &'static str)> {
    let mut whole = json!({ "name": "pass", "default_locale": "en", "ttl": "PT2H", "link": "{{ flight.pass_link }}",
        "locales": { "en": { "title": "Your boarding pass", "body": "Gate {{ flight.gate }}" } } });
    whole
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let content: Content = serde_json::from_value(whole).unwrap();
    CompiledContent::compile(content).map_err(|error| (error.pointer, error.code))
}

fn composed(changes: Value, properties: Value, lifecycle: Lifecycle) -> Composed {
    let fact = Fact {
        id: FactRef {
            kind: "flight".into(),
            key: "FL1".into(),
        },
        seq: 1,
        subjects: Vec::new(),
        lifecycle,
        valid_from: None,
        valid_to: None,
        sensitive: vec!["bar_code".into()],
        properties: properties.as_object().unwrap().clone(),
        changed_at: chrono::DateTime::UNIX_EPOCH,
    };
    let scene = Map::from_iter([("flight".to_owned(), fact.scene())]);
    let facts = BTreeMap::from([("flight".to_owned(), fact)]);
    compose(&compiled(changes).unwrap(), None, scene, &facts, "Air Canada", false)
}

#[test]
fn the_message_names_the_pass_and_becomes_sensitive() {
    let flight = json!({ "gate": "B7", "bar_code": CODE });
    let Composed::Shown(shown) = composed(json!({}), flight.clone(), Lifecycle::Active) else {
        panic!("it can be composed");
    };
    assert_eq!(shown.pass.unwrap().to_string(), "flight:FL1");
    assert_eq!((shown.link, shown.sensitive), (None, true));
    assert_eq!(shown.public_title.as_deref(), Some("Air Canada"));
    assert!(shown.body.contains("B7"));
    // Without a bar code, and for what was cancelled, there is no pass: the rule of the variable holds.
    let lacking = [
        (json!({ "gate": "B7" }), Lifecycle::Active),
        (flight, Lifecycle::Cancelled),
    ];
    for (properties, lifecycle) in lacking {
        let missing = Composed::Missing {
            missing: "flight.pass_link".into(),
        };
        assert_eq!(composed(json!({}), properties.clone(), lifecycle), missing);
        let rule = json!({ "variables": { "flight.pass_link": { "fallback": "https://air.example/check-in" } } });
        let Composed::Shown(shown) = composed(rule, properties, lifecycle) else {
            panic!("the fallback stands in");
        };
        assert_eq!(
            (shown.link.as_deref(), shown.pass),
            (Some("https://air.example/check-in"), None)
        );
        assert!(!shown.sensitive);
    }
}

#[test]
fn it_stands_nowhere_but_as_the_whole_link() {
    let refused = |changes: Value| compiled(changes).unwrap_err();
    let text = |title: &str, body: &str| json!({ "locales": { "en": { "title": title, "body": body } } });
    for (changes, pointer) in [
        (
            json!({ "link": "https://x.example/?p={{ flight.pass_link }}" }),
            "/link",
        ),
        (json!({ "link": "{{ flight.pass_link | upper }}" }), "/link"),
        (text("{{ flight.pass_link }}", "b"), "/locales/en/title"),
        (
            text("t", "{% for f in flights %}{{ f.pass_link }}{% endfor %}"),
            "/locales/en/body",
        ),
        (json!({ "image": "{{ flight.pass_link }}" }), "/image"),
        (json!({ "collapse": "{{flight.pass_link}}" }), "/collapse"),
    ] {
        assert_eq!(
            refused(changes.clone()),
            (pointer.to_owned(), "pass_link_misplaced"),
            "{changes}"
        );
    }
    assert_eq!(
        compiled(json!({ "link": " {{flight.pass_link}} " }))
            .unwrap()
            .pass
            .as_deref(),
        Some("flight")
    );
    assert_eq!(
        compiled(json!({ "link": "https://x.example/pass_link" })).unwrap().pass,
        None
    );
    assert_eq!(
        compiled(text("Tap for your pass_link", "b")).unwrap().pass.as_deref(),
        Some("flight")
    );
}
