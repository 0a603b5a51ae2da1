//! The floors of the house: who may import whom, what the pure engine may name, and where the database is spoken.

use crate::Breach;
use crate::source::{NamedPath, blank, paths, tokens};

/// From the ground up; a module imports from itself and from floors before it, never from later ones.
pub const FLOORS: [&str; 13] = [
    "base",
    "engine",
    "walk",
    "telemetry",
    "store",
    "channel",
    "wallet",
    "pipeline",
    "api",
    "worker",
    "config",
    "app",
    "cli",
];

/// The floors inside `engine`, from the ground up.
pub const ENGINE_FLOORS: [&str; 18] = [
    "fix",
    "pass",
    "fact",
    "decision",
    "delivery",
    "flow",
    "presence",
    "fence",
    "moment",
    "subject",
    "trigger",
    "journey",
    "message",
    "catalogue",
    "lint",
    "step",
    "explain",
    "backtest",
];

/// What would let clock, chance, disk or network into the engine: (the path, what to do instead).
const IMPURE: [(&[&str], &str); 24] = [
    (&["tokio"], "return effects; the pipeline performs them"),
    (&["futures_util"], "return effects; the pipeline performs them"),
    (&["sea_orm"], "take domain values; rows belong to src/store"),
    (&["tracing"], "put it into the decision's trace; the pipeline logs"),
    (&["metrics"], "return effects; the pipeline counts them"),
    (&["reqwest"], "return effects; src/channel speaks"),
    (&["actix_web"], "take domain values; src/api speaks HTTP"),
    (&["std", "fs"], "take the content as an argument"),
    (&["std", "net"], "return effects; src/channel speaks"),
    (&["std", "env"], "take a setting as an argument"),
    (&["std", "process"], "return an error"),
    (&["std", "thread"], "the lanes own the threads"),
    (&["time", "Instant"], "take the time as an argument"),
    (&["Instant", "now"], "take the time as an argument"),
    (&["SystemTime"], "take the time as an argument"),
    (&["Utc", "now"], "take the time as an argument"),
    (&["Local", "now"], "take the time as an argument"),
    (&["rand", "rng"], "take a seed as an argument"),
    (&["rand", "random"], "take a seed as an argument"),
    (&["rand", "make_rng"], "take a seed as an argument"),
    (&["ThreadRng"], "take a seed as an argument"),
    (&["SysRng"], "take a seed as an argument"),
    (
        &["Uuid", "new_v4"],
        "derive the id from the inputs (v5) or take it as an argument",
    ),
    (
        &["Uuid", "now_v7"],
        "derive the id from the inputs (v5) or take it as an argument",
    ),
];

/// The module a file below `src/` defines; `None` for `lib.rs`, which is only the map.
pub fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut segments: Vec<String> = inside.split('/').map(str::to_owned).collect();
    let last = segments.pop()?;
    match last.strip_suffix("_tests") {
        // The sibling file `x_tests.rs` is `mod tests` inside of `x`.
        Some("mod") => segments.push("tests".to_owned()),
        Some(subject) => segments.extend([subject.to_owned(), "tests".to_owned()]),
        None if last == "mod" => {}
        None => segments.push(last),
    }
    if segments == ["lib"] {
        return None;
    }
    if segments[0] == "main" {
        "cli".clone_into(&mut segments[0]);
    }
    Some(segments)
}

/// Checks one file against all floors.
pub fn check(path: &str, text: &str) -> Vec<Breach> {
    let Some(module) = module_of(path) else {
        return Vec::new();
    };
    let named = paths(&tokens(&blank(text)));
    let mut found = Vec::new();
    if !FLOORS.contains(&module[0].as_str()) {
        let remedy = "give it a place in FLOORS of tests/architecture/floors.rs and in docs/ARCHITECTURE.md";
        found.push(Breach::new(
            path,
            1,
            "floors",
            format!("module `{}` has no floor", module[0]),
            remedy,
        ));
    }
    if module[0] == "engine" && module.len() > 1 && engine_floor(&module[1]).is_none() && module[1] != "tests" {
        let remedy = "give it a place in ENGINE_FLOORS of tests/architecture/floors.rs and in docs/ARCHITECTURE.md";
        found.push(Breach::new(
            path,
            1,
            "floors",
            format!("module `engine::{}` has no floor", module[1]),
            remedy,
        ));
    }
    for name in &named {
        found.extend(upward(path, &module, name));
        found.extend(database(path, &module, name));
        found.extend(impure(path, &module, name));
    }
    found
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|f| *f == name)
}

fn engine_floor(name: &str) -> Option<usize> {
    ENGINE_FLOORS.iter().position(|f| *f == name)
}

/// Turns a path into the module path from the crate's root; `None` for paths of other crates and local names.
fn resolve(module: &[String], name: &NamedPath) -> Option<Vec<String>> {
    let mut base: Vec<String> = module.iter().chain(&name.nested).cloned().collect();
    let mut rest = name.segments.as_slice();
    match rest.first()?.as_str() {
        // The binary names the library by the package's name.
        "usher" if module[0] == "cli" && rest.len() > 1 => base.clear(),
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            base.pop();
            while rest.get(1).is_some_and(|s| s == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    base.extend_from_slice(&rest[1..]);
    Some(base)
}

fn upward(path: &str, module: &[String], name: &NamedPath) -> Option<Breach> {
    let target = resolve(module, name)?;
    let (from, to) = (module[0].as_str(), target.first()?.as_str());
    let spoken = name.segments.join("::");
    let breach = |what: String, remedy: &str| Some(Breach::new(path, name.line, "floors", what, remedy));
    let Some(to_floor) = floor(to) else {
        let remedy = "import it from the module that owns it; a new module needs a place in FLOORS";
        return breach(format!("`{spoken}` leads to `{to}`, which has no floor"), remedy);
    };
    if to_floor > floor(from).unwrap_or(usize::MAX) {
        let remedy = "move the shared part to the lower floor, or pass it in as an argument";
        return breach(format!("`{from}` imports upward from `{to}` (`{spoken}`)"), remedy);
    }
    if to == "config" && !matches!(from, "config" | "app") {
        return breach(
            format!("`{from}` reads `config` (`{spoken}`)"),
            "take your own Settings; src/app.rs hands them in",
        );
    }
    if from == "engine" && to == "engine" {
        upward_in_engine(path, module, &target, name)
    } else {
        None
    }
}

fn upward_in_engine(path: &str, module: &[String], target: &[String], name: &NamedPath) -> Option<Breach> {
    let from = module.get(1).filter(|m| *m != "tests")?;
    let spoken = name.segments.join("::");
    let breach = |what: String, remedy: &str| Some(Breach::new(path, name.line, "floors", what, remedy));
    let to = target.get(1).map_or("", String::as_str);
    if to.is_empty() && !name.in_use {
        return None;
    }
    let Some(to_floor) = engine_floor(to) else {
        let remedy = "name the engine module that owns it, so that its floor can be seen";
        return breach(
            format!("`engine::{from}` imports through the engine's root (`{spoken}`)"),
            remedy,
        );
    };
    if to_floor > engine_floor(from)? {
        let remedy = "move the shared part to the lower module, or pass it in as an argument";
        return breach(
            format!("`engine::{from}` imports upward from `engine::{to}` (`{spoken}`)"),
            remedy,
        );
    }
    None
}

fn database(path: &str, module: &[String], name: &NamedPath) -> Option<Breach> {
    let crate_name = name.segments[0].as_str();
    let named = matches!(crate_name, "sea_orm" | "entity" | "sqlx") && (name.in_use || name.segments.len() > 1);
    if module[0] == "store" || !named {
        return None;
    }
    let what = format!(
        "`{}` names `{crate_name}` outside of src/store",
        name.segments.join("::")
    );
    Some(Breach::new(
        path,
        name.line,
        "store",
        what,
        "add a function to src/store that takes and gives domain values",
    ))
}

fn impure(path: &str, module: &[String], name: &NamedPath) -> Option<Breach> {
    // Tests of the engine may read a vector from disk; what they test may not.
    if module[0] != "engine" || module.iter().any(|m| m == "tests") || name.nested.iter().any(|m| m == "tests") {
        return None;
    }
    let (pattern, remedy) = IMPURE.iter().find(|(pattern, _)| names(name, pattern))?;
    let what = format!(
        "`{}` brings `{}` into the pure engine",
        name.segments.join("::"),
        pattern.join("::")
    );
    Some(Breach::new(path, name.line, "purity", what, remedy))
}

/// A crate counts only where a path starts; everything else counts anywhere in a path.
fn names(name: &NamedPath, pattern: &[&str]) -> bool {
    match pattern {
        [word] if word.starts_with(char::is_lowercase) => {
            name.segments[0] == *word && (name.in_use || name.segments.len() > 1)
        }
        _ => name
            .segments
            .windows(pattern.len())
            .any(|window| window.iter().zip(pattern).all(|(a, b)| a == b)),
    }
}
