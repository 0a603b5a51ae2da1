//! One bad trigger for each finding, and a good one that passes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::places::{TYPICAL_ACCURACY_M, least_radius_m, share_of_area};
use super::{Finding, Level, lint};
use crate::base::id::ProjectId;
use crate::engine::catalogue::{Catalogue, Mode};
use crate::engine::fact::FactType;
use crate::engine::fence::{Geofence, Names, Position, Shape, ShapeLimits};
use crate::engine::message::{CompiledContent, Content};
use crate::engine::trigger::{CompiledTrigger, Trigger};
use chrono::DateTime;
use serde_json::{Value, json};
use std::sync::Arc;

fn merged(mut whole: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

fn content(changes: &Value) -> Value {
    let good = json!({ "name": "room-ready", "default_locale": "en", "ttl": "PT2H", "collapse": "stay:{{ stay.key }}",
        "variables": { "stay.room": "do_not_send" },
        "locales": {
            "en": { "title": "Welcome to {{ place.name }}, {{ user.name | default('guest') }}", "body": "Room {{ stay.room }}",
                    "public_title": "Your room is ready" },
            "pt": { "title": "Bem-vinda", "body": "{{ stay.room }}", "public_title": "O seu quarto" } } });
    merged(good, changes)
}

fn trigger(changes: &Value) -> Value {
    let good = json!({ "name": "room-on-arrival", "class": "service", "when": { "entered": { "tag": "hotel" } },
        "for_each": { "stay": "stay" },
        "if": "place.external_id == stay.hotel_id && stay.status == 'booked'",
        "wait": { "until": "stay.room_state == 'ready'", "at_most": "PT10H", "while": "inside" },
        "once_per": "stay.key + ':' + user.ref", "max_age": "PT15M",
        "then": { "content": "room-ready" },
        "guards": { "window": { "from": "stay.arrives_at", "to": "stay.departs_at" } } });
    merged(good, changes)
}

fn fence(number: u128, radius_m: f64) -> Geofence {
    let at = Position::new(48.2, 16.37).unwrap();
    Geofence {
        id: uuid::Uuid::from_u128(number).into(),
        names: Names::of("hotel", &format!("H{number}"), &format!("Hotel {number}")),
        shape: Shape::circle(at, radius_m, &ShapeLimits::default()).unwrap(),
        time_zone: None,
        details: None,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn catalogue(contents: &[Value]) -> Catalogue {
    let mut catalogue = Catalogue::empty(ProjectId::from(uuid::Uuid::from_u128(1)), Mode::Live);
    let hotel = fence(1, 120.0);
    catalogue.fences.insert(Arc::new(hotel));
    for whole in contents {
        let content: Content = serde_json::from_value(whole.clone()).unwrap();
        let name = content.name.clone();
        let content = CompiledContent::compile(content).unwrap();
        catalogue.contents.insert(name, Arc::new(content));
    }
    let stay = json!({ "type": "stay", "sensitive": ["room"], "schema": { "type": "object", "required": ["hotel_id"],
        "properties": { "room_state": { "enum": ["dirty", "ready"] }, "hotel_id": { "type": "string" } } } });
    let stay: FactType = serde_json::from_value(stay).unwrap();
    catalogue.fact_types.insert("stay".into(), Arc::new(stay));
    catalogue
}

fn compiled(whole: &Value, number: u128) -> CompiledTrigger {
    let sentence: Trigger = serde_json::from_value(whole.clone()).unwrap();
    CompiledTrigger::compile(uuid::Uuid::from_u128(number).into(), 1, sentence).unwrap()
}

fn found(changes: &Value, catalogue: &Catalogue) -> Vec<Finding> {
    lint(&compiled(&trigger(changes), 1), catalogue)
}

fn codes(findings: &[Finding]) -> Vec<(&'static str, &str)> {
    let told = |finding: &'_ Finding| finding.code.as_str();
    findings
        .iter()
        .map(|finding| (told(finding), finding.pointer.as_str()))
        .collect()
}

#[test]
fn a_good_trigger_passes() {
    let findings = found(&json!({}), &catalogue(&[content(&json!({}))]));
    assert_eq!(findings, [], "{findings:?}");
}

#[test]
fn each_fault_of_a_sentence_is_found_at_its_place() {
    let quiet = json!({ "from": "22:00", "to": "07:00" });
    let table = [
        (json!({ "once_per": null }), ("no_once_key", "/once_per")),
        (json!({ "max_age": null }), ("no_maximum_age", "/max_age")),
        (
            json!({ "class": "promo", "guards": { "cooldown": "P1D" } }),
            ("promo_without_quiet_hours", "/guards/quiet_hours"),
        ),
        (
            json!({ "class": "promo", "guards": { "quiet_hours": quiet } }),
            ("promo_without_cap", "/guards/caps"),
        ),
        (
            json!({ "wait": { "while": "inside" } }),
            ("wait_without_limit", "/wait"),
        ),
        (
            json!({ "when": { "entered": { "tag": "hostel" } } }),
            ("tag_without_fences", "/when/entered"),
        ),
        (
            json!({ "when": { "any": [{ "exited": { "tag": "hotel" } }, { "dwelled": { "for": "PT5M", "tag": "x" } }] } }),
            ("tag_without_fences", "/when/any/1/dwelled"),
        ),
        (
            json!({ "guards": { "holdout": 0.1 } }),
            ("service_holdout", "/guards/holdout"),
        ),
    ];
    let mut known = catalogue(&[content(&json!({}))]);
    known.settings.quiet_hours = None;
    for (changes, expected) in table {
        let findings = found(&changes, &known);
        assert_eq!(codes(&findings), [expected], "{changes}: {findings:?}");
        assert!(findings[0].hint.is_some());
    }
    // A delay ends by itself.
    assert_eq!(found(&json!({ "wait": { "for": "PT10M" } }), &known), []);
}

#[test]
fn conditions_that_can_never_be_true_are_found_where_they_stand() {
    let known = catalogue(&[content(&json!({}))]);
    for (text, position) in [
        ("false", 0),
        ("stay.status == 'booked' && 1 > 2", 29),
        ("stay.room_state == 'raedy'", 16),
        ("stay.room_state in ['a', 'b'] || stay.room_state == 'c'", 16),
        ("stay.status == 'a' && (stay.nights > 1 && stay.status == 'b')", 54),
        ("stay.nights > 3 && stay.nights < 3", 31),
        ("stay.nights >= 4 && stay.nights == 3", 32),
        ("stay.status == 'a' && stay.status != 'a'", 34),
        ("stay.paid && !stay.paid", 13),
    ] {
        let findings = found(&json!({ "if": text }), &known);
        assert_eq!(
            codes(&findings),
            [("condition_never_true", "/if")],
            "{text}: {findings:?}"
        );
        assert_eq!(findings[0].position, Some(position), "{text}");
    }
    for text in [
        "stay.room_state == 'ready'",
        "stay.nights > 1 && stay.nights < 3",
        "stay.nights >= 3 && stay.nights <= 3",
        "stay.status == 'a' || stay.status == 'b'",
        "stay.status in ['a', 'b'] && stay.status in ['b', 'c']",
        "stay.status == 'a' || false",
        "stay.guests == 1 && stay.guests == 1.0",
    ] {
        assert_eq!(found(&json!({ "if": text }), &known), [], "{text}");
    }
    let misspelled = found(&json!({ "if": "stay.room_state == 'raedy'" }), &known);
    assert_eq!(misspelled[0].hint.as_deref(), Some("did you mean 'ready'?"));
    let window =
        json!({ "window": { "from": "timestamp('2026-05-05T00:00:00Z')", "to": "timestamp('2026-05-04T00:00:00Z')" } });
    let findings = found(&json!({ "guards": window }), &known);
    assert_eq!(codes(&findings), [("condition_never_true", "/guards/window")]);
}

#[test]
fn a_variable_needs_a_rule_unless_it_is_certain() {
    let without_rules = |text: &str| {
        content(&json!({ "variables": {}, "locales": { "en": { "title": text, "body": "b", "public_title": "p" } } }))
    };
    for (text, changes, passes) in [
        ("{{ stay.floor }}", json!({}), false),
        ("{{ user.name }}", json!({}), false),
        ("{{ place.metadata.wifi }}", json!({}), false),
        ("{{ stey.floor }}", json!({}), false),
        ("{{ stay.floor | default('') }}", json!({}), true),
        ("{{ stay.floor | default('') }} {{ stay.floor }}", json!({}), false),
        (
            "{{ stay.status }} {{ stay.room_state }} {{ stay.hotel_id }} {{ stay.key }} {{ stays | length }}",
            json!({}),
            true,
        ),
        ("{{ stay.floor }}", json!({ "if": "has(stay.floor)" }), true),
        (
            "{{ stay.floor }}",
            json!({ "if": "has(stay.floor) || stay.nights > 1" }),
            false,
        ),
        (
            "{{ stay.floor }}",
            json!({ "if": "stay.floor > 3 && stay.status == 'x'" }),
            true,
        ),
        ("{{ user.ref }} {{ moment.date }} {{ now }}", json!({}), true),
        (
            "{{ place.name }}",
            json!({ "when": { "event": { "name": "key_used" } }, "if": null, "wait": null }),
            false,
        ),
        (
            "{{ event.properties.shade }}",
            json!({ "when": { "event": { "name": "key_used" } }, "if": null, "wait": null }),
            false,
        ),
        (
            "{{ event.properties.shade }}",
            json!({ "when": { "event": { "name": "key_used" } }, "if": "event.properties.shade == 'red'", "wait": null }),
            true,
        ),
    ] {
        let findings = found(&changes, &catalogue(&[without_rules(text)]));
        assert_eq!(findings.is_empty(), passes, "{text} {changes}: {findings:?}");
    }
    let findings = found(&json!({}), &catalogue(&[content(&json!({ "variables": {} }))]));
    assert_eq!(codes(&findings), [("variable_without_rule", "/then/content")]);
    assert!(findings[0].detail.contains("`stay.room` (en, pt)"), "{findings:?}");
    let arms =
        json!({ "then": { "content": "room-ready", "arms": [{ "name": "b", "share": 0.5, "content": "other" }] } });
    let other = merged(without_rules("{{ stay.floor }}"), &json!({ "name": "other" }));
    let findings = found(&arms, &catalogue(&[content(&json!({})), other]));
    assert_eq!(codes(&findings), [("variable_without_rule", "/then/arms/0/content")]);
    // What waits needs a limit.
    let waits = content(&json!({ "variables": { "stay.room": "wait" } }));
    let findings = found(&json!({ "wait": { "for": "PT1M" } }), &catalogue(&[waits]));
    assert_eq!(codes(&findings), [("wait_without_limit", "/wait")]);
}

#[test]
fn a_sensitive_value_wants_a_public_text() {
    let bare = content(&json!({ "locales": { "en": { "title": "t", "body": "{{ stay.room }}" } } }));
    let findings = found(&json!({}), &catalogue(&[bare]));
    assert_eq!(codes(&findings), [("sensitive_without_public_text", "/then/content")]);
    assert_eq!(findings[0].level, Level::Warns);
    let leaking = content(
        &json!({ "locales": { "en": { "title": "t", "body": "{{ stay.room }}", "public_body": "{{ stay.room }}" } } }),
    );
    assert_eq!(found(&json!({}), &catalogue(&[leaking])).len(), 1);
}

#[test]
fn a_fence_too_small_for_typical_accuracy_is_found() {
    let mut known = catalogue(&[content(&json!({}))]);
    for number in 2..=6 {
        let small = fence(number, 60.0);
        known.fences.insert(Arc::new(small));
    }
    let findings = found(&json!({}), &known);
    assert_eq!(codes(&findings), [("fence_never_entered", "/when/entered")]);
    assert!(
        findings[0]
            .detail
            .contains("`Hotel 2`, `Hotel 3`, `Hotel 4` and 2 more"),
        "{findings:?}"
    );
    assert!(
        findings[0].hint.as_ref().unwrap().contains("120 m from 57 %"),
        "{findings:?}"
    );
    // The figures of the reliability meter (CONSOLE.md).
    let percent = |radius_m: f64| (share_of_area(radius_m, 0.75) * 100.0).round();
    assert_eq!(
        (percent(120.0), percent(200.0)),
        (57.0, 73.0),
        "at {TYPICAL_ACCURACY_M} m"
    );
    assert_eq!(least_radius_m(0.75), Some(72));
    // Who asks for less certainty may draw smaller.
    known.settings.thresholds.enter_p = 0.5;
    assert_eq!(found(&json!({}), &known), []);
}

#[test]
fn two_triggers_for_one_moment_are_told() {
    let mut known = catalogue(&[content(&json!({}))]);
    let other = |guards: Value| Arc::new(compiled(&trigger(&json!({ "name": "upsell", "guards": guards })), 2));
    known.triggers = vec![other(json!({}))].into();
    let findings = found(&json!({}), &known);
    assert_eq!(codes(&findings), [("two_triggers_one_moment", "/when")]);
    known.triggers = vec![other(json!({ "priority": 5 }))].into();
    assert_eq!(found(&json!({}), &known).len(), 1, "one of them has none");
    assert_eq!(found(&json!({ "guards": { "priority": 50 } }), &known), []);
    // An edit of the same trigger does not compete with what it replaces.
    known.triggers = vec![Arc::new(compiled(&trigger(&json!({})), 9))].into();
    assert_eq!(found(&json!({}), &known), []);
}

#[test]
fn the_playbooks_and_the_demo_pass_but_for_what_they_accept() {
    let files = [
        include_str!("../../../tests/walks/hotel.json"),
        include_str!("../../../tests/walks/airline.json"),
        include_str!("../../../tests/walks/energy.json"),
        include_str!("../../../tests/walks/retail.json"),
        include_str!("../../../examples/demo/catalogue.json"),
    ];
    let mut held_back = Vec::new();
    for text in files {
        let catalogue_file: Value = serde_json::from_str(text).unwrap();
        let mut known = catalogue(catalogue_file["contents"].as_array().unwrap());
        known.fact_types.clear();
        let tags = ["airport", "bus_stop", "store", "grocery", "home", "delivery_ring"];
        for (number, tag) in (10..).zip(tags) {
            let place = Geofence {
                names: Names::of(tag, &format!("H{number}"), &format!("Hotel {number}")),
                ..fence(number, 180.0)
            };
            known.fences.insert(Arc::new(place));
        }
        for (number, whole) in catalogue_file["triggers"].as_array().unwrap().iter().enumerate() {
            let findings = lint(&compiled(whole, 100 + number as u128), &known);
            let blocking = findings.into_iter().filter(Finding::blocks);
            held_back
                .extend(blocking.map(|finding| format!("{}: {:?} {}", whole["name"], finding.code, finding.detail)));
        }
    }
    assert!(held_back.is_empty(), "{}", held_back.join("\n"));
}
