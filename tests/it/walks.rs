//! Every walk runs through the engine; what comes out must be what its `expected.json` says, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use usher::cli::walk::load;
use usher::walk::{Expected, differences, parse, run};

/// Every folder under `tests/walks`: one that is missing here, or is not there, fails.
pub const WALKS: [&str; 52] = [
    "n1-flapping",
    "n10-two-guests",
    "n11-new-zone",
    "n12-logout",
    "n13-return",
    "n14-simulated-live",
    "n14-simulated-test",
    "n15-clocks",
    "n16-repeated-batch",
    "n17-coarse-fix",
    "n18-holdout",
    "n19-every-token-gone",
    "n19-token-gone",
    "n2-offline-still-inside",
    "n2-offline-then-gone",
    "n20-two-devices",
    "n21-walk-in-gone",
    "n21-walk-in-inside",
    "n22-erase",
    "n3-quiet-hours",
    "n4-consent-withdrawn",
    "n5-empty-values",
    "n6-cancelled-after-sending",
    "n6-cancelled-before",
    "n6-cancelled-while-waiting",
    "n6-correction",
    "n7-p8-delay",
    "n7-p8-left-meanwhile",
    "n8-gate-twice",
    "n9-two-flights",
    "n9-two-hotels",
    "n9-two-rooms",
    "p1-crossing-alone",
    "p1-other-hotel",
    "p1-room-on-arrival",
    "p1-too-early",
    "p15-staff",
    "p16-variants",
    "p2-left-before-ready",
    "p2-never-ready",
    "p2-room-not-ready",
    "p3-gone-out",
    "p3-kitchen-closed",
    "p3-order-placed",
    "p3-room-service",
    "p5-boarding-pass",
    "p5-fetching-a-friend",
    "p5-next-flight",
    "p5-not-checked-in",
    "p7-gate-before-pass",
    "p7-gate-change",
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
