//! What can be asked for.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Asked {
    #[command(flatten)]
    bench: BenchArguments,
}

fn checked_mix(arguments: &[&str]) -> Result<Mix, Failure> {
    let asked = Asked::try_parse_from(std::iter::once(&"bench").chain(arguments)).unwrap();
    checked(&asked.bench)
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_started() {
    let usual = checked_mix(&[]).unwrap();
    assert_eq!((usual.transitions, usual.messages), (1.0, 0.2));
    for wrong in [
        ["--rate", "0"],
        ["--batch", "1001"],
        ["--mix", "1"],
        ["--mix", "1,0.6"],
        ["--mix", "40,1"],
        ["--fences", "3"],
    ] {
        assert!(checked_mix(&wrong).is_err(), "{wrong:?}");
    }
}
