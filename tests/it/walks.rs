//! Every walk runs through the engine; what comes out must be what its `expected.json` says, and nothing else.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use usher::cli::walk::{load, resolved};
use usher::engine::decision::ReasonCode;
use usher::engine::journey::Journey;
use usher::engine::trigger::{Around, Bind, CompiledTrigger, InJourney, Trigger};
use usher::walk::{Expected, Walk, differences, parse, run};
use uuid::Uuid;

/// Every folder under `tests/walks`: one that is missing here, or is not there, fails.
pub const WALKS: [&str; 87] = [
    "n1-flapping",
    "n10-family-flight",
    "n10-two-guests",
    "n11-new-zone",
    "n11-quiet-hours-and-cap",
    "n12-logout",
    "n12-logout-store",
    "n13-return",
    "n13-return-airport",
    "n14-simulated-live",
    "n14-simulated-test",
    "n15-clocks",
    "n16-repeated-batch",
    "n17-coarse-fix",
    "n17-coarse-fix-store",
    "n18-holdout",
    "n19-every-token-gone",
    "n19-token-gone",
    "n2-offline-airport",
    "n2-offline-still-inside",
    "n2-offline-then-gone",
    "n20-two-devices",
    "n20-two-devices-airport",
    "n20-two-devices-store",
    "n21-order-ready-later",
    "n21-walk-in-gone",
    "n21-walk-in-inside",
    "n22-erase",
    "n22-erase-while-shopping",
    "n3-quiet-hours",
    "n4-carrier-withdraws",
    "n4-consent-withdrawn",
    "n5-empty-values",
    "n5-no-gate",
    "n6-cancelled-after-sending",
    "n6-cancelled-before",
    "n6-cancelled-while-waiting",
    "n6-correction",
    "n6-flight-cancelled-before",
    "n7-p8-delay",
    "n7-p8-left-meanwhile",
    "n8-gate-twice",
    "n9-two-flights",
    "n9-two-hotels",
    "n9-two-orders",
    "n9-two-rooms",
    "p1-crossing-alone",
    "p1-other-hotel",
    "p1-room-on-arrival",
    "p1-too-early",
    "p10-inverter",
    "p12-courier-near",
    "p15-closed",
    "p15-collected",
    "p15-no-stylist",
    "p15-other-store",
    "p15-staff",
    "p15-stylist",
    "p16-variants",
    "p2-left-before-ready",
    "p2-never-ready",
    "p2-room-not-ready",
    "p3-gone-out",
    "p3-kitchen-closed",
    "p3-order-placed",
    "p3-room-service",
    "p4-check-out",
    "p4-survey",
    "p5-boarding-pass",
    "p5-fetching-a-friend",
    "p5-next-flight",
    "p5-not-checked-in",
    "p5-two-legs",
    "p6-boarding",
    "p6-checkin-open",
    "p6-landed",
    "p6-landed-belt-later",
    "p6-landed-no-stay",
    "p7-gate-before-pass",
    "p7-gate-change",
    "p8-cancelled",
    "p8-small-change",
    "p9-estimate-opened",
    "p9-lead-expires",
    "p9-nudges-end-on-signing",
    "p9-two-nudges-at-most",
    "trusted-inside",
];

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/walks").join(name)
}

pub fn expected(name: &str) -> Expected {
    let file = folder(name).join("expected.json");
    let text = std::fs::read_to_string(&file).unwrap();
    parse(&file.display().to_string(), &text).unwrap()
}

#[test]
fn every_folder_is_listed_and_expects_something() {
    let there: BTreeSet<String> = std::fs::read_dir(folder(""))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = WALKS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(there, listed);
    for name in WALKS {
        let expected = expected(name);
        let (moments, decisions) = (expected.moments.unwrap(), expected.decisions.unwrap());
        let refused = expected.refused.unwrap_or_default();
        assert!(
            expected.messages.is_some(),
            "{name} does not say which messages come out"
        );
        assert!(
            moments.len() + decisions.len() + refused.len() > 0,
            "{name} expects nothing"
        );
    }
}

#[test]
fn the_engine_walks_as_expected() {
    let mut wrong = Vec::new();
    for name in WALKS {
        let walk = load(&folder(name)).unwrap_or_else(|error| panic!("{error}"));
        match run(&walk) {
            Ok(outcome) => {
                let found = differences(&expected(name), &outcome);
                wrong.extend(found.into_iter().map(|line| format!("{name}: {line}")));
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_walk_gives_the_same_outcome_every_time() {
    for name in WALKS {
        let walk = load(&folder(name)).unwrap();
        assert_eq!(run(&walk).unwrap(), run(&walk).unwrap(), "{name}");
    }
}

/// The folders of walks that are written and cannot pass yet.
fn walks_to_come() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/walks-next");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// The parts of a walk's stage, or of a file that walks share, that do not compile.
fn faults(mut stage: Value) -> Vec<String> {
    let fields = stage.as_object_mut().unwrap();
    fields.remove("facts");
    let journeys = fields.remove("journeys").unwrap_or_else(|| json!([]));
    fields.insert("steps".into(), json!([]));
    let walk: Walk = match serde_json::from_value(stage) {
        Ok(walk) => walk,
        Err(error) => return vec![error.to_string()],
    };
    let mut found: Vec<String> = run(&walk).err().map(|error| error.to_string()).into_iter().collect();
    let contents: BTreeSet<&str> = walk.contents.iter().map(|content| content.name.as_str()).collect();
    let said = |trigger: &Trigger| trigger.then.contents().map(str::to_owned).collect::<Vec<_>>();
    found.extend(
        (walk.triggers.iter().flat_map(said))
            .filter(|content| !contents.contains(content.as_str()))
            .map(|content| format!("there is no content `{content}`")),
    );
    for journey in journeys.as_array().unwrap() {
        let journey: Journey = match serde_json::from_value(journey.clone()) {
            Ok(journey) => journey,
            Err(error) => return vec![error.to_string()],
        };
        found.extend(journey_faults(&journey, &contents));
    }
    found
}

fn journey_faults(journey: &Journey, contents: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let mut compile = |at: String, sentence: Trigger, state: Option<&str>| {
        let around = state.map(|state| InJourney {
            id: Uuid::nil().into(),
            name: journey.name.clone(),
            state: state.to_owned(),
            facts: journey.facts.clone(),
        });
        let around = Around {
            fact_types: None,
            journey: around.as_ref(),
        };
        if let Err(errors) = CompiledTrigger::compile_in(Uuid::nil().into(), 1, sentence, around) {
            found.extend(errors.iter().map(|error| format!("{at}{error} {:?}", error.hint)));
        }
    };
    // A way listens as a trigger does.
    let listening = |when, condition: Option<&String>| -> Trigger {
        let plain = json!({ "name": "way", "class": "service", "when": when, "then": { "content": "none" } });
        let mut sentence: Trigger = serde_json::from_value(plain).unwrap();
        sentence.condition = condition.cloned();
        sentence
    };
    let mut start = listening(&journey.start.when, journey.start.condition.as_ref());
    let binds = journey.facts.iter();
    start.for_each = binds
        .map(|(name, kind)| (name.clone(), Bind::Each(kind.clone())))
        .collect();
    start.once_per = Some(journey.key.clone());
    compile("start".to_owned(), start, None);
    let mut targets = vec![Some(&journey.start.goto)];
    for (name, state) in &journey.states {
        for trigger in &state.triggers {
            compile(format!("{name}/{}", trigger.name), trigger.clone(), Some(name));
            targets.push(trigger.then.goto.as_ref());
        }
        for (index, way) in state.moves.iter().enumerate() {
            let sentence = listening(&way.when, way.condition.as_ref());
            compile(format!("{name}/{index}"), sentence, Some(name));
            assert_ne!(way.goto.is_some(), way.exit.is_some(), "{name}/{index}");
            targets.push(way.goto.as_ref());
        }
        assert_ne!(state.at_most.goto.is_some(), state.at_most.exit.is_some(), "{name}");
        targets.push(state.at_most.goto.as_ref());
    }
    let unknown = targets
        .into_iter()
        .flatten()
        .filter(|goto| !journey.states.contains_key(*goto));
    found.extend(unknown.map(|goto| format!("there is no state `{goto}`")));
    let triggers = journey.states.values().flat_map(|state| &state.triggers);
    for content in triggers.flat_map(|trigger| trigger.then.contents()) {
        if !contents.contains(content) {
            found.push(format!("there is no content `{content}`"));
        }
    }
    found
}

#[test]
fn every_stage_compiles_also_of_walks_to_come_and_of_what_they_share() {
    let shared = ["people", "hotel", "airline", "energy", "retail", "playbooks"];
    let shared = shared.map(|name| folder(&format!("{name}.json")));
    let listed = WALKS.iter().map(|name| folder(name));
    let mut wrong = Vec::new();
    for path in shared.into_iter().chain(listed).chain(walks_to_come()) {
        let mut stage = resolved(&path).unwrap_or_else(|error| panic!("{error}"));
        let users = stage.as_object_mut().unwrap().entry("users");
        users.or_insert_with(|| json!([]));
        let found = faults(stage);
        wrong.extend(found.into_iter().map(|fault| format!("{}: {fault}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn walks_to_come_say_what_they_expect() {
    for path in walks_to_come() {
        let text = std::fs::read_to_string(path.join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            expected["moments"].is_array() && expected["messages"].is_array(),
            "{}",
            path.display()
        );
        for decision in expected["decisions"].as_array().unwrap() {
            serde_json::from_value::<ReasonCode>(decision["code"].clone())
                .unwrap_or_else(|error| panic!("{}: {decision}: {error}", path.display()));
        }
    }
}
