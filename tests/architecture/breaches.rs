//! Planted breaches: each rule is fed code that breaks it, and code that does not, and must tell the two apart.

use crate::{Breach, floors, prose, size, source};

/// What a rule says about a text, as `line rule` pairs; a line that breaks one rule twice counts once.
fn told(found: &[Breach]) -> Vec<String> {
    let mut told: Vec<String> = found
        .iter()
        .map(|breach| format!("{} {}", breach.line, breach.rule))
        .collect();
    told.dedup();
    told
}

fn floors_of(path: &str, text: &str) -> Vec<String> {
    told(&floors::check(path, text))
}

fn sizes_of(path: &str, text: &str) -> Vec<String> {
    told(&size::check(path, text))
}

#[test]
fn an_import_from_a_higher_floor_is_found_in_every_spelling() {
    for text in [
        "use crate::store::Rows;",
        "use crate::{base::ids::UserId, store::{self, Rows}};",
        "use super::super::store::Rows;",
        "use super::super::{base, store as rows};",
        "fn f() { crate::store::open(); }",
        "fn f(rows: &crate::store::Rows) {}",
        "mod inner { use super::super::super::store::Rows; }",
        "fn f() -> Vec<<crate::store::Rows as Iterator>::Item> { todo!() }",
    ] {
        assert_eq!(floors_of("src/engine/fix.rs", text), ["1 floors"], "{text}");
    }
    assert_eq!(
        floors_of("src/base/mod.rs", "use crate::engine::fix::Fix;"),
        ["1 floors"]
    );
    assert_eq!(
        floors_of("src/channel/fcm.rs", "\n\nuse crate::pipeline::settle;"),
        ["3 floors"]
    );
    assert_eq!(
        floors_of("src/api/fixes_tests.rs", "use crate::worker::Loop;"),
        ["1 floors"]
    );
    assert_eq!(floors_of("src/app.rs", "use crate::cli::Arguments;"), ["1 floors"]);
}

#[test]
fn imports_from_lower_floors_pass() {
    for (path, text) in [
        (
            "src/engine/fix.rs",
            "use crate::base::ids::UserId;\nuse super::fix::Accuracy;\nuse std::collections::BTreeMap;",
        ),
        (
            "src/engine/mod.rs",
            "pub mod step;\npub use self::step::step;\nuse crate::engine::fix::Fix;",
        ),
        (
            "src/engine/fix_tests.rs",
            "use super::*;\nuse super::super::fix::Fix;\nuse std::fs;",
        ),
        (
            "src/pipeline/ingest.rs",
            "use super::commit::Committer;\nuse crate::{channel::Channel, store::Rows};",
        ),
        ("src/app.rs", "use crate::config::Settings;\nuse crate::worker;"),
        (
            "src/main.rs",
            "mod cli;\nuse usher::app::App;\nuse crate::cli::Arguments;",
        ),
        ("src/lib.rs", "pub mod base;\npub mod worker;"),
    ] {
        assert_eq!(floors_of(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn comments_and_strings_are_not_imports() {
    let text = r##"// use crate::store::Rows;
/* crate::store::open() /* nested */ crate::store::open() */
fn f<'a>(quote: char) -> &'a str { let _ = ('"', '\'', b'x', br#"crate::store "quoted" end"#); "use crate::store::\"Rows\";" }
fn g() -> impl Iterator<Item = u8> + use<> { [1_u8].into_iter() }"##;
    assert_eq!(floors_of("src/engine/fix.rs", text), [""; 0]);
    let behind = format!("{text}\nuse crate::store::Rows;");
    assert_eq!(
        floors_of("src/engine/fix.rs", &behind),
        ["5 floors"],
        "the blanking must not swallow what follows"
    );
}

#[test]
fn the_engine_has_floors_of_its_own() {
    assert_eq!(floors_of("src/engine/fix.rs", "use super::fence::Fence;"), ["1 floors"]);
    assert_eq!(
        floors_of("src/engine/fence/index.rs", "use super::super::step::Step;"),
        ["1 floors"]
    );
    assert_eq!(
        floors_of("src/engine/trigger/guard.rs", "use crate::engine::message::Message;"),
        ["1 floors"]
    );
    // A name fetched through the engine's root would hide the floor it comes from.
    assert_eq!(
        floors_of("src/engine/fix.rs", "use crate::engine::Delivery;"),
        ["1 floors"]
    );
    assert_eq!(floors_of("src/engine/fix.rs", "use super::*;"), ["1 floors"]);
    assert_eq!(floors_of("src/engine/fix.rs", "use crate::engine;"), ["1 floors"]);
    assert_eq!(
        floors_of(
            "src/engine/trigger/guard.rs",
            "use super::super::subject::Subject;\nuse super::Trigger;"
        ),
        [""; 0]
    );
    assert_eq!(
        floors_of(
            "src/engine/fix.rs",
            "pub(in crate::engine) struct Raw;\npub(super) struct Other;"
        ),
        [""; 0]
    );
}

#[test]
fn a_module_without_a_floor_is_found() {
    assert_eq!(floors_of("src/cache/mod.rs", ""), ["1 floors"]);
    assert_eq!(floors_of("src/engine/weather.rs", ""), ["1 floors"]);
    assert_eq!(floors_of("src/worker/mod.rs", "use crate::cache::Cache;"), ["1 floors"]);
}

#[test]
fn the_configuration_is_read_by_the_composition_root_alone() {
    assert_eq!(
        floors_of("src/cli/serve.rs", "use usher::config::Settings;"),
        ["1 floors"]
    );
    assert_eq!(
        floors_of("src/pipeline/mod.rs", "use crate::config::Settings;"),
        ["1 floors"]
    );
    assert_eq!(
        floors_of("src/config/mod.rs", "use crate::pipeline::Settings;"),
        [""; 0]
    );
}

#[test]
fn only_the_store_speaks_to_the_database() {
    for text in [
        "use sea_orm::EntityTrait;",
        "use entity::user;",
        "fn f() { entity::user::Entity::find(); }",
        "use sqlx::query;",
    ] {
        assert_eq!(floors_of("src/pipeline/commit.rs", text), ["1 store"], "{text}");
        assert_eq!(floors_of("src/store/users.rs", text), [""; 0], "{text}");
    }
    assert_eq!(
        floors_of("src/pipeline/commit.rs", "fn f(entity: u8) -> u8 { entity }"),
        [""; 0]
    );
}

#[test]
fn clock_chance_disk_network_and_tasks_are_found_in_the_engine() {
    for text in [
        "use tokio::sync::mpsc;",
        "use std::{collections::BTreeMap, fs};",
        "fn f() { std::net::TcpStream::connect(a); }",
        "use std::time::{Duration, Instant};",
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { chrono::Utc::now(); }",
        "use chrono::Utc;fn f() { Utc::now() }",
        "fn f() { rand::rng(); }",
        "use rand::rngs::SysRng;",
        "fn f() { tracing::info!(1); }",
        "fn f() { Uuid::new_v4(); }",
        "fn f() { std::env::var(a); }",
    ] {
        assert_eq!(floors_of("src/engine/step.rs", text), ["1 purity"], "{text}");
        assert_eq!(floors_of("src/base/clock.rs", text), [""; 0], "{text}");
    }
    assert_eq!(
        floors_of("src/engine/step.rs", "use sea_orm::Value;"),
        ["1 store", "1 purity"]
    );
    let innocent =
        "use std::time::Duration;\nuse chrono::{DateTime, Utc};\nuse rand::{Rng, SeedableRng, rngs::StdRng};";
    assert_eq!(floors_of("src/engine/step.rs", innocent), [""; 0]);
    let tests = "#[cfg(test)]\nmod tests { fn f() { std::fs::read(a); } }\nfn g() { std::fs::read(a); }";
    assert_eq!(
        floors_of("src/engine/step.rs", tests),
        ["3 purity"],
        "a test may read a vector, the code may not"
    );
}

#[test]
fn a_file_without_its_duty_is_found() {
    assert_eq!(sizes_of("src/engine/fix.rs", "use std::fmt;\n//! Late."), ["1 duty"]);
    assert_eq!(sizes_of("src/engine/fix.rs", "//!\nuse std::fmt;"), ["1 duty"]);
    assert_eq!(sizes_of("src/engine/fix.rs", ""), ["1 duty"]);
    assert_eq!(
        sizes_of("src/engine/fix.rs", "//! Located, timed observations.\n"),
        [""; 0]
    );
}

#[test]
fn long_files_are_found_at_their_own_bound() {
    let lines = |count: usize| format!("//! Long.\n{}", "// line\n".repeat(count - 1));
    for (path, bound) in [
        ("src/api/fixes.rs", size::FILE_LINES_MAX),
        ("fcm/src/lib.rs", size::FILE_LINES_MAX),
        ("src/api/fixes_tests.rs", size::TEST_FILE_LINES_MAX),
        ("tests/it/fixes.rs", size::TEST_FILE_LINES_MAX),
        ("fcm/tests/send.rs", size::TEST_FILE_LINES_MAX),
    ] {
        assert_eq!(sizes_of(path, &lines(bound)), [""; 0], "{path}");
        assert_eq!(
            sizes_of(path, &lines(bound + 1)),
            [format!("{} file-length", bound + 1)],
            "{path}"
        );
    }
}

#[test]
fn long_functions_are_found() {
    let function = |lines: usize| {
        let body = "        let brace = '{'; // }\n".repeat(lines - 2);
        format!("//! F.\nimpl A {{\n    fn take(f: fn(u8) -> [u8; 4]) {{\n{body}    }}\n    fn next(&self);\n}}\n")
    };
    assert_eq!(
        sizes_of("src/api/fixes.rs", &function(size::FUNCTION_LINES_MAX)),
        [""; 0]
    );
    assert_eq!(
        sizes_of("src/api/fixes.rs", &function(size::FUNCTION_LINES_MAX + 1)),
        ["3 function-length"]
    );
}

#[test]
fn names_that_say_nothing_are_found() {
    for path in [
        "src/api/utils.rs",
        "src/common/clock.rs",
        "src/engine/fix_helper.rs",
        "tests/it/misc.rs",
        "fcm/src/types.rs",
    ] {
        assert_eq!(sizes_of(path, "//! Something."), ["1 name"], "{path}");
    }
    for path in [
        "src/store/database.rs",
        "src/api/problem.rs",
        "tests/data/tracks.rs",
        "src/engine/information.rs",
    ] {
        assert_eq!(sizes_of(path, "//! Something."), [""; 0], "{path}");
    }
}

#[test]
fn documents_that_name_what_is_gone_are_found() {
    let exists = |path: &str| ["src/engine", "src/engine/fix.rs", "docs/GLOSSARY.md", "README.md"].contains(&path);
    let prose = |path: &str, text: &str| told(&prose::check(path, text, &exists));
    for text in [
        "See `src/engine/gone.rs`.",
        "All of `src/gone/*.rs`.",
        "Both `src/engine/fix.rs` and `docs/GONE.md`.",
    ] {
        assert_eq!(prose("README.md", text), ["1 path"], "{text}");
    }
    assert_eq!(
        prose("docs/GLOSSARY.md", "\n[gone](GONE.md) and [there](../README.md#usher)"),
        ["2 link"]
    );
    let sound = "`src/engine/`, `src/engine/{fix,fence}.rs`, `src/engine/fix.rs:12`, `application/json`, `GET /v1/x`, `a b/c`\n\
        [web](https://example.org/gone) [here](#usher) [glossary](docs/GLOSSARY.md)\n```\n`src/gone.rs`\n```";
    assert_eq!(prose("README.md", sound), [""; 0]);
}

#[test]
fn nested_imports_unfold_to_full_paths() {
    let tokens = source::tokens("use a::{b, c::{self, D as E}, *};\nuse ::f::g;");
    let named: Vec<String> = source::paths(&tokens)
        .iter()
        .map(|path| path.segments.join("::"))
        .collect();
    assert_eq!(named, ["a::b", "a::c", "a::c::D", "a::*", "f::g"]);
}
