//! What is shared takes the place of its names.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use serde_json::json;

fn shared() -> Value {
    json!({
        "project": { "name": "house" },
        "places": [{ "external_id": "H1", "tag": "hotel" }, { "external_id": "H2", "tag": "hotel" }],
        "contents": [{ "name": "room" }],
        "triggers": [{ "name": "arrival", "guards": { "priority": 1, "holdout": 0.5 } }],
        "users": [{ "ref": "ana", "locale": "de" }],
        "facts": [{ "type": "stay", "key": "ST1", "properties": { "room": "1204", "room_state": "ready" } }],
    })
}

#[test]
fn names_and_likes_become_what_they_stand_for() {
    let mut walk = json!({
        "places": [{ "external_id": "H2", "tag": "motel" }],
        "triggers": ["arrival", { "like": "arrival", "name": "late", "guards": { "holdout": null, "priority": 2 } }, { "name": "own" }],
        "users": [{ "like": "ana", "locale": "pt-BR" }],
        "steps": [{ "at": "2026-05-04T12:00:00Z", "fact": { "like": "ST1", "seq": 2, "properties": { "room_state": "assigned" } } }],
    });
    resolve(&mut walk, &shared()).unwrap();
    assert_eq!(
        walk["triggers"][1],
        json!({ "name": "late", "guards": { "priority": 2 } })
    );
    assert_eq!(walk["triggers"][0]["guards"]["holdout"], 0.5);
    assert_eq!(walk["triggers"][2], json!({ "name": "own" }));
    assert_eq!(walk["users"][0], json!({ "ref": "ana", "locale": "pt-BR" }));
    assert_eq!(
        walk["steps"][0]["fact"]["properties"],
        json!({ "room": "1204", "room_state": "assigned" })
    );
    assert_eq!(walk["steps"][0]["fact"]["seq"], 2);
    assert_eq!(
        walk["places"],
        json!([{ "external_id": "H2", "tag": "motel" }, { "external_id": "H1", "tag": "hotel" }])
    );
    assert_eq!(
        (&walk["contents"][0]["name"], &walk["project"]["name"]),
        (&json!("room"), &json!("house"))
    );
}

#[test]
fn an_unknown_name_says_which_there_are() {
    let mut walk = json!({ "triggers": ["arival"], "steps": [] });
    let error = resolve(&mut walk, &shared()).unwrap_err();
    assert!(
        error.starts_with("/triggers/0") && error.contains("it has arrival"),
        "{error}"
    );
}

#[test]
fn the_walk_that_the_help_names_runs_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/walks/hotel-arrival");
    let told = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected = parse("expected.json", &told).unwrap();
    let outcome = crate::walk::run(&load(&folder).unwrap()).unwrap();
    assert_eq!(crate::walk::differences(&expected, &outcome), Vec::<String>::new());
}

#[test]
fn several_files_are_one_and_the_nearest_word_on_a_project_counts() {
    let mut all = json!({});
    gather(
        &mut all,
        json!({ "project": { "name": "hotel" }, "users": [{ "ref": "ana" }] }),
    );
    gather(
        &mut all,
        json!({ "project": { "name": "airline" }, "users": [{ "ref": "ben" }], "facts": [{ "key": "FL1" }] }),
    );
    let users = json!([{ "ref": "ana" }, { "ref": "ben" }]);
    assert_eq!(
        all,
        json!({ "project": { "name": "hotel" }, "users": users, "facts": [{ "key": "FL1" }] })
    );
}

#[test]
fn files_that_include_one_another_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one.json"), folder.path().join("other.json"));
    std::fs::write(&one, r#"{ "include": ["other.json"] }"#).unwrap();
    std::fs::write(&other, r#"{ "include": "one.json" }"#).unwrap();
    let error = resolved(&one).unwrap_err();
    assert!(error.to_string().contains("in a circle"), "{error}");
}
