//! Every command can be asked for, and its manual can be drawn.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use clap::CommandFactory;

#[test]
fn the_arguments_do_not_contradict_one_another() {
    Arguments::command().debug_assert();
}

#[test]
fn nothing_said_means_serve_and_flags_may_stand_anywhere() {
    assert!(Arguments::try_parse_from(["usher"]).unwrap().command.is_none());
    let asked = Arguments::try_parse_from([
        "usher",
        "keys",
        "list",
        "--project",
        "demo",
        "--json",
        "--config",
        "x.toml",
    ])
    .unwrap();
    assert!(asked.json && asked.config.is_some());
}
