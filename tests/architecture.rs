//! The law of the house as tests: floors, purity, sizes, names, and documents that name only what exists.
//!
//! It reads the sources as text and does not use the crate, so that it judges code that does not compile, too. Every rule
//! is a function of a path and a text; `breaches` feeds each one code that breaks it, so that the rules are known to bite.
#![allow(clippy::panic, reason = "tests may panic")]

#[path = "architecture/breaches.rs"]
mod breaches;
#[path = "architecture/floors.rs"]
mod floors;
#[path = "architecture/prose.rs"]
mod prose;
#[path = "architecture/size.rs"]
mod size;
#[path = "architecture/source.rs"]
mod source;

use std::fmt;
use std::fs;
use std::path::Path;

/// One finding: where, which rule, what is wrong and what to do.
#[derive(Debug)]
pub struct Breach {
    file: String,
    line: usize,
    rule: &'static str,
    what: String,
    remedy: String,
}

impl Breach {
    pub fn new(file: &str, line: usize, rule: &'static str, what: String, remedy: &str) -> Self {
        Self {
            file: file.to_owned(),
            line,
            rule,
            what,
            remedy: remedy.to_owned(),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}:{}: [{}] {}\n    do: {}",
            self.file, self.line, self.rule, self.what, self.remedy
        )
    }
}

/// Built by others, or not code: never judged.
const SKIPPED: [&str; 5] = ["target", "node_modules", "dist", "data", "pkg"];

/// Every file below `folder` whose name ends in `ending`, as (path from the root, text), in the order of their names.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        let place = root.join(&path);
        if place.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            let Ok(text) = fs::read_to_string(&place) else {
                panic!("{path} is not UTF-8 text")
            };
            found.push((path, text));
        }
    }
    found
}

fn report(found: &[Breach]) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found.is_empty(),
        "{} breach(es) of the house rules:\n{}\n",
        found.len(),
        lines.join("\n")
    );
}

#[test]
fn modules_import_only_from_lower_floors_and_the_engine_is_pure() {
    let sources = files("src", ".rs");
    assert!(
        sources.iter().any(|(path, _)| path == "src/lib.rs"),
        "src/lib.rs was not found: the walk is broken"
    );
    report(
        &sources
            .iter()
            .flat_map(|(path, text)| floors::check(path, text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_file_tells_its_duty_and_stays_small() {
    let sources = files("", ".rs");
    assert!(
        sources.iter().any(|(path, _)| path == "tests/architecture.rs"),
        "the walk does not see this file"
    );
    report(
        &sources
            .iter()
            .flat_map(|(path, text)| size::check(path, text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn documents_name_only_paths_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exists = |path: &str| root.join(path).exists();
    let documents = files("", ".md");
    assert!(
        documents.iter().any(|(path, _)| path == "README.md"),
        "README.md was not found: the walk is broken"
    );
    // A change log speaks of files that are gone, and rightly so.
    let judged = documents.iter().filter(|(path, _)| path != "CHANGELOG.md");
    report(
        &judged
            .flat_map(|(path, text)| prose::check(path, text, &exists))
            .collect::<Vec<_>>(),
    );
}
