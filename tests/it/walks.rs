//! Every walk runs through the engine; what comes out must be what its `expected.json` says, and nothing else.

use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use usher::cli::walk::{load, resolved};
use usher::walk::{Expected, Walk, differences, parse, run};

/// Every folder under `tests/walks`: one that is missing here, or is not there, fails.
pub const WALKS: [&str; 145] = [
    "ladder-life-ends",
    "ladder-no-consent",
    "ladder-received",
    "ladder-sms",
    "ladder-sms-only",
    "n1-flapping",
    "n10-family-flight",
    "n10-two-guests",
    "n11-new-zone",
    "n11-quiet-hours-and-cap",
    "n11-timers",
    "n12-logout",
    "n12-logout-store",
    "n13-return",
    "n13-return-airport",
    "n14-simulated-carrier",
    "n14-simulated-live",
    "n14-simulated-test",
    "n15-clocks",
    "n16-repeated-batch",
    "n17-coarse-fix",
    "n17-coarse-fix-store",
    "n18-holdout",
    "n18-holdout-goes-on",
    "n19-every-token-gone",
    "n19-tablet-takes-over",
    "n19-token-gone",
    "n2-carrier-offline",
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
    "n22-erase-in-a-journey",
    "n22-erase-while-shopping",
    "n3-look-saved",
    "n3-quiet-hours",
    "n3-talk-at-night",
    "n4-carrier-withdraws",
    "n4-consent-withdrawn",
    "n5-empty-values",
    "n5-no-gate",
    "n6-cancelled-after-sending",
    "n6-cancelled-before",
    "n6-cancelled-while-waiting",
    "n6-correction-of-nothing",
    "n6-correction-old",
    "n6-correction-opened",
    "n6-correction-unopened",
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
    "p10-completed",
    "p10-inverter",
    "p10-partial",
    "p10-report",
    "p11-dates",
    "p11-dates-one-known",
    "p11-dates-other-order",
    "p11-offer",
    "p11-weekly",
    "p12-cancelled",
    "p12-customer-comes-home",
    "p12-delivery",
    "p13-app-open",
    "p13-bought",
    "p13-look-saved",
    "p13-never-in-stock",
    "p13-out-of-stock",
    "p13-six-looks",
    "p14-badge",
    "p14-drive-by",
    "p14-list-ticked",
    "p14-pantry",
    "p14-store-closed",
    "p14-store-with-list",
    "p15-closed",
    "p15-collected",
    "p15-in-the-car",
    "p15-no-stylist",
    "p15-other-store",
    "p15-pick-up",
    "p15-staff",
    "p15-stylist",
    "p16-arms-by-booking",
    "p16-journey-versions",
    "p16-next-version",
    "p16-variants",
    "p2-left-before-ready",
    "p2-never-ready",
    "p2-room-not-ready",
    "p3-gone-out",
    "p3-kitchen-closed",
    "p3-order-placed",
    "p3-room-service",
    "p4-check-out",
    "p4-high-score",
    "p4-low-score",
    "p4-survey",
    "p5-boarding-pass",
    "p5-fetching-a-friend",
    "p5-next-flight",
    "p5-not-checked-in",
    "p5-two-legs",
    "p6-boarding",
    "p6-check-in-moves",
    "p6-check-in-open",
    "p6-landed",
    "p6-landed-belt-later",
    "p6-landed-no-belt",
    "p6-landed-no-stay",
    "p6-leave-by",
    "p7-gate-before-pass",
    "p7-gate-change",
    "p8-cancelled",
    "p8-small-change",
    "p9-estimate",
    "p9-installation",
    "p9-lease-reminders",
    "p9-lease-signed",
    "p9-no-consent",
    "p9-no-estimate",
    "p9-nudge-then-consult",
    "p9-nudges",
    "p9-nudges-end-on-signing",
    "p9-opened",
    "p9-permit",
    "p9-rep-busy",
    "p9-two-leads",
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

/// Files that walks share must hold together alone: each can stand in a gallery of templates.
#[test]
fn what_walks_share_compiles_by_itself() {
    for name in [
        "people",
        "hotel",
        "airline",
        "energy",
        "retail",
        "playbooks",
        "journeys",
        "ladder",
    ] {
        let mut stage = resolved(&folder(&format!("{name}.json"))).unwrap_or_else(|error| panic!("{error}"));
        let fields = stage.as_object_mut().unwrap();
        fields.remove("facts");
        fields.entry("users").or_insert_with(|| json!([]));
        fields.insert("steps".into(), json!([]));
        let walk: Walk = serde_json::from_value(stage).unwrap_or_else(|error| panic!("{name}: {error}"));
        run(&walk).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
