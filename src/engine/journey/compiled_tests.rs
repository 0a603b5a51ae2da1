//! What keeps a journey from being saved: each fault with its code and its place.
#![allow(clippy::unwrap_used, reason = "tests may panic")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads better at the call than a reference to one"
)]

use super::*;
use serde_json::{Value, json};

fn whole() -> Value {
    json!({ "name": "solar", "facts": { "lead": "lead" }, "key": "lead.key",
        "start": { "when": { "fact": { "type": "lead", "becomes": "created" } }, "if": "change.becomes == 'created'",
                   "goto": "viewed" },
        "states": {
            "viewed": {
                "triggers": [{ "name": "nudge", "class": "service", "when": "begins", "if": "journey.key == lead.key",
                               "then": { "content": "hello", "goto": "done" } }],
                "moves": [{ "when": { "event": { "name": "signed" } }, "if": "event.properties.lead == lead.key",
                            "exit": "signed" }],
                "at_most": { "for": "P3D", "goto": "done" } },
            "done": { "at_most": { "for": "P1D", "exit": "over" } } } })
}

fn compiled(journey: Value) -> Result<CompiledJourney, Vec<TriggerError>> {
    let journey = serde_json::from_value(journey).unwrap();
    CompiledJourney::compile(Uuid::from_u128(1).into(), 3, journey, None)
}

/// The whole journey with other values at these places; code and pointer of each error.
fn refused(changes: &[(&str, Value)]) -> Vec<(String, String)> {
    let mut journey = whole();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = journey.pointer_mut(parent).unwrap();
        match parent.as_array_mut() {
            Some(several) => several[name.parse::<usize>().unwrap()] = value.clone(),
            None => parent[name] = value.clone(),
        }
    }
    let errors = compiled(journey).unwrap_err();
    errors.into_iter().map(|error| (error.code, error.pointer)).collect()
}

fn one(code: &str, pointer: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), pointer.to_owned())]
}

#[test]
fn its_parts_are_named_after_it_and_keep_their_ids() {
    let journey = compiled(whole()).unwrap();
    let nudge = &journey.states["viewed"].triggers[0];
    assert_eq!((nudge.sentence.name.as_str(), nudge.revision), ("solar/nudge", 3));
    assert_eq!(nudge.journey.as_ref().unwrap().state, "viewed");
    let again = compiled(whole()).unwrap();
    assert_eq!(nudge.id, again.states["viewed"].triggers[0].id);
    assert_eq!(journey.listeners().count(), 3, "a trigger, a move and the start");
    let ids: HashSet<TriggerId> = journey.listeners().map(|listener| listener.id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(journey.states["viewed"].limit, Way::To("done".to_owned()));
    assert_eq!(journey.states["done"].limit, Way::Out("over".to_owned()));
}

#[test]
fn texts_are_checked_where_they_stand() {
    let cases = [
        ("/start/if", "event.name == ''", "/start/if"),
        ("/key", "journey.key", "/key"),
        (
            "/states/viewed/triggers/0/if",
            "loed.key == ''",
            "/states/viewed/triggers/0/if",
        ),
        (
            "/states/viewed/moves/0/if",
            "change.becomes == ''",
            "/states/viewed/moves/0/if",
        ),
    ];
    for (pointer, text, at) in cases {
        let found = refused(&[(pointer, json!(text))]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0.contains("unknown"), found[0].1.as_str()), (true, at));
    }
}

#[test]
fn names_are_checked() {
    assert_eq!(refused(&[("/name", json!("a/b"))])[0].1, "/name");
    assert_eq!(
        refused(&[("/facts", json!({ "now": "lead", "lead": "lead" }))])[0].1,
        "/facts/now"
    );
    let state = whole()["states"]["done"].clone();
    let found = refused(&[("/states/a~1b", state.clone())]);
    assert_eq!(
        found[0].0, "state_unreachable",
        "a tilde is an ordinary sign: {found:?}"
    );
    let mut journey = whole();
    journey["states"]["a/b"] = state;
    let errors = compiled(journey).unwrap_err();
    assert_eq!(
        (errors[0].code.as_str(), errors[0].pointer.as_str()),
        ("name_out_of_bounds", "/states/a~1b")
    );
    let trigger = whole()["states"]["viewed"]["triggers"][0].clone();
    let found = refused(&[("/states/done/triggers", json!([trigger]))]);
    assert_eq!(found, one("trigger_name_taken", "/states/viewed/triggers/0/name"));
}

#[test]
fn every_way_leads_to_one_place_that_is_there() {
    let limit = |limit: Value| refused(&[("/states/viewed/at_most", limit)]);
    let unclear = one("way_unclear", "/states/viewed/at_most");
    assert_eq!(limit(json!({ "for": "P1D" })), unclear);
    assert_eq!(limit(json!({ "for": "P1D", "goto": "done", "exit": "x" })), unclear);
    assert_eq!(
        limit(json!({ "for": "P1D", "goto": "dune" })),
        one("state_unknown", "/states/viewed/at_most/goto")
    );
    assert_eq!(
        limit(json!({ "for": "PT0S", "goto": "done" })),
        one("span_out_of_bounds", "/states/viewed/at_most/for")
    );
    assert_eq!(limit(json!({ "for": "P2000D", "goto": "done" })).len(), 1);
    assert_eq!(
        refused(&[("/start/goto", json!("x"))]),
        one("state_unknown", "/start/goto")
    );
    let goto = "/states/viewed/triggers/0/then/goto";
    assert_eq!(refused(&[(goto, json!("x"))]), one("state_unknown", goto));
    let both = refused(&[("/states/viewed/moves/0/goto", json!("done"))]);
    assert_eq!(both, one("way_unclear", "/states/viewed/moves/0"));
}

#[test]
fn every_state_is_reached_and_has_a_way_out() {
    let lonely = whole()["states"]["done"].clone();
    assert_eq!(
        refused(&[("/states/lonely", lonely)]),
        one("state_unreachable", "/states/lonely")
    );
    let circle = refused(&[
        ("/states/viewed/moves", json!([])),
        ("/states/done/at_most", json!({ "for": "P1D", "goto": "viewed" })),
    ]);
    let codes: Vec<&str> = circle.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["no_way_out", "no_way_out"]);
}

#[test]
fn a_start_listens_to_no_state_and_lists_have_bounds() {
    let begins = refused(&[(
        "/start/when",
        json!({ "any": [{ "event": { "name": "x" } }, "begins"] }),
    )]);
    assert!(
        begins.contains(&("not_in_a_state".to_owned(), "/start/when/any/1".to_owned())),
        "{begins:?}"
    );
    let nudge = whole()["states"]["viewed"]["triggers"][0].clone();
    let many: Vec<Value> = (0..17)
        .map(|number| {
            let mut trigger = nudge.clone();
            trigger["name"] = json!(format!("nudge {number}"));
            trigger
        })
        .collect();
    assert_eq!(
        refused(&[("/states/viewed/triggers", json!(many))])[0].0,
        "too_many_triggers"
    );
    let way = whole()["states"]["viewed"]["moves"][0].clone();
    assert_eq!(
        refused(&[("/states/viewed/moves", json!(vec![way; 17]))])[0].0,
        "too_many_moves"
    );
    let mut journey = whole();
    for number in 0..33 {
        journey["states"][format!("s{number}")] = whole()["states"]["done"].clone();
    }
    assert_eq!(compiled(journey).unwrap_err()[0].code, "states_out_of_bounds");
}
