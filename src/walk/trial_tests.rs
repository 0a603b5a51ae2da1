//! A trial on a stage of its own or a project's: what is written out gives the same outcome again.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::engine::decision::ReasonCode;
use crate::walk::{differences, parse, run};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

fn stage() -> Value {
    json!({
        "project": { "name": "Alpenhof", "settings": { "time_zone": "Europe/Vienna" } },
        "places": [
            { "name": "Hotel", "tag": "hotel", "external_id": "H1", "center": { "lat": 48.2, "lng": 16.37 }, "radius_m": 120 },
            { "name": "Far", "tag": "hotel", "external_id": "H2", "center": { "lat": 40.0, "lng": 16.37 }, "radius_m": 120 } ],
        "contents": [{ "name": "hello", "default_locale": "en", "ttl": "PT1H", "locales": { "en": { "title": "Welcome", "body": "." } } }],
        "triggers": [
            { "name": "hello", "class": "service", "when": { "entered": { "tag": "hotel" } }, "then": { "content": "hello" } },
            { "name": "silent", "class": "service", "when": { "entered": { "tag": "hotel" } }, "then": { "content": "hello" } } ],
        "users": [], "steps": [],
    })
}

/// Ana walks past the hotel, and her phone notices the region by itself.
fn story() -> Value {
    json!({
        "users": [{ "ref": "ana", "consents": { "location": true, "service": true }, "devices": [{ "id": "d1" }] }],
        "steps": [
            { "at": "2026-05-04T12:00:00Z", "path": { "device": "d1", "speed_mps": 5,
                "points": [{ "lat": 48.19, "lng": 16.37 }, { "lat": 48.21, "lng": 16.37 }] } },
            { "at": "2026-05-04T12:03:00Z", "crossing": { "device": "d1", "place": "H1", "transition": "enter" } },
            { "at": "2026-05-04T12:30:00Z", "tick": true } ],
    })
}

fn walk(value: &Value) -> Walk {
    parse("walk.json", &value.to_string()).unwrap()
}

/// The project of the stage, in memory, with one trigger paused.
fn catalogue() -> Catalogue {
    let mut stage =
        super::super::stage::Stage::build(&walk(&stage()), "2026-05-01T12:00:00Z".parse().unwrap()).unwrap();
    stage.pause("silent", true).unwrap();
    stage.catalogue
}

fn disturb(value: Value) -> Disturbance {
    serde_json::from_value(value).unwrap()
}

fn trial(stage: Option<&Catalogue>, walk: Walk, disturbance: Value) -> Trial<'_> {
    Trial {
        walk,
        stage,
        drafts: Vec::new(),
        disturb: disturb(disturbance),
    }
}

#[test]
fn on_a_projects_stage_only_what_matters_is_written_out_and_runs_again_with_the_same_outcome() {
    let catalogue = catalogue();
    let tried = trial(Some(&catalogue), walk(&story()), json!({}))
        .run(&Bounds::default())
        .unwrap();
    let mut codes: Vec<(String, ReasonCode)> = tried
        .outcome
        .decisions
        .iter()
        .map(|decision| (decision.trigger.clone(), decision.code))
        .collect();
    codes.sort();
    assert_eq!(
        codes,
        [
            ("hello".to_owned(), ReasonCode::Sent),
            ("silent".to_owned(), ReasonCode::Paused)
        ]
    );
    assert!(
        tried
            .outcome
            .decisions
            .iter()
            .all(|decision| !decision.trace.is_empty())
    );
    let places: Vec<&str> = tried
        .walk
        .places
        .iter()
        .map(|place| place.external_id.as_str())
        .collect();
    assert_eq!(places, ["H1"], "the far one cannot matter");
    assert_eq!(tried.walk.project.name, "Alpenhof");

    let text = serde_json::to_string(&tried.walk).unwrap();
    let again: Walk = parse("walk.json", &text).unwrap();
    assert_eq!(run(&again).unwrap(), tried.outcome);
    assert_eq!(
        differences(&tried.outcome.expected(), &tried.outcome),
        Vec::<String>::new()
    );
}

#[test]
fn a_disturbed_walk_is_the_same_for_the_same_seed_and_is_written_out_as_it_was_disturbed() {
    let catalogue = catalogue();
    let disturbance = json!({ "seed": 7, "noise_m": 30, "speed": 0.5,
        "offline": [{ "device": "d1", "from": "2026-05-04T12:02:00Z", "to": "2026-05-04T12:20:00Z" }],
        "skew": [{ "device": "d1", "by": "-PT3H" }] });
    let once = |disturbance: Value| {
        trial(Some(&catalogue), walk(&story()), disturbance)
            .run(&Bounds::default())
            .unwrap()
    };
    let (first, second) = (once(disturbance.clone()), once(disturbance.clone()));
    assert_eq!(first.outcome, second.outcome);
    assert_eq!(
        serde_json::to_value(&first.walk).unwrap(),
        serde_json::to_value(&second.walk).unwrap()
    );
    assert!(
        !first.outcome.moments.is_empty() && first.outcome.refused.is_empty(),
        "{:#?}",
        first.outcome
    );
    let again: Walk = parse("walk.json", &serde_json::to_string(&first.walk).unwrap()).unwrap();
    assert_eq!(run(&again).unwrap(), first.outcome);
    let mut other = disturbance;
    other["seed"] = json!(8);
    let other = once(other);
    assert_ne!(
        serde_json::to_value(&first.walk).unwrap(),
        serde_json::to_value(&other.walk).unwrap()
    );
}

#[test]
fn a_draft_takes_the_place_of_the_live_trigger_of_its_name() {
    let catalogue = catalogue();
    let draft = json!({ "name": "hello", "class": "promo", "when": { "entered": { "tag": "hotel" } }, "then": { "content": "hello" } });
    let mut trial = trial(Some(&catalogue), walk(&story()), json!({}));
    trial.drafts.push(serde_json::from_value(draft).unwrap());
    let tried = trial.run(&Bounds::default()).unwrap();
    let hello = tried
        .outcome
        .decisions
        .iter()
        .find(|decision| decision.trigger == "hello")
        .unwrap();
    assert_eq!(hello.code, ReasonCode::NoConsent);
}

#[test]
fn a_trial_has_bounds_and_ends_when_nobody_waits() {
    let refused = |bounds: Bounds<'_>| {
        let error = trial(None, walk(&story()), json!({})).run(&bounds).unwrap_err();
        error.to_string()
    };
    let all = Bounds::default();
    assert!(refused(Bounds { steps: 5, ..all }).contains("more than 5 steps"));
    let days = chrono::TimeDelta::minutes(1);
    assert!(refused(Bounds { span: days, ..all }).contains("shorter time"));
    let looks = AtomicUsize::new(0);
    let goes_on = || looks.fetch_add(1, Ordering::SeqCst) < 3;
    let said = refused(Bounds {
        goes_on: &goes_on,
        ..all
    });
    assert!(said.contains("nobody waits"), "{said}");
    let catalogue = catalogue();
    let few = Bounds { rows: 1, ..all };
    let error = trial(Some(&catalogue), walk(&story()), json!({}))
        .run(&few)
        .unwrap_err();
    assert!(error.to_string().contains("more than 1 moments"), "{error}");
}

#[test]
fn a_mistake_names_its_place_in_the_walk_as_written() {
    let catalogue = catalogue();
    let mut wrong = story();
    wrong["steps"][1]["crossing"]["place"] = json!("H9");
    let error = trial(Some(&catalogue), walk(&wrong), json!({}))
        .run(&Bounds::default())
        .unwrap_err();
    let TrialError::Walk(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.pointer, "/steps/1");
    let gap = json!({ "offline": [{ "device": "d9", "from": "2026-05-04T12:02:00Z", "to": "2026-05-04T12:20:00Z" }] });
    let error = trial(None, walk(&story()), gap).run(&Bounds::default()).unwrap_err();
    let TrialError::Disturb(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.pointer, "/offline/0/device");
}
