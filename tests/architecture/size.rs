//! What keeps a file readable: a first line that says its duty, a bounded length of files and functions, a telling name.

use crate::Breach;
use crate::source::{Token, blank, tokens};

pub const FILE_LINES_MAX: usize = 400;
/// A table of cases reads well at a length at which code does not.
pub const TEST_FILE_LINES_MAX: usize = 600;
pub const FUNCTION_LINES_MAX: usize = 70;
/// An integration test tells a story in order; cutting it up hides what came before what.
pub const STORY_LINES_MAX: usize = 110;

/// Names that say nothing about what is inside; whatever is put there has a better one.
const BANNED: [&str; 14] = [
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "manager",
    "managers",
    "misc",
    "type",
    "types",
    "processor",
    "processors",
    "data",
    "info",
];

pub fn check(path: &str, text: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    found.extend(duty(path, text));
    found.extend(file_length(path, text));
    found.extend(banned_name(path));
    found.extend(function_lengths(path, text));
    found
}

fn duty(path: &str, text: &str) -> Option<Breach> {
    let first = text.lines().next().unwrap_or_default();
    let told = first.strip_prefix("//!").is_some_and(|duty| !duty.trim().is_empty());
    let remedy = "open it with `//! ` and one line that says what the file is for";
    (!told).then(|| {
        Breach::new(
            path,
            1,
            "duty",
            "the file does not open with its duty".to_owned(),
            remedy,
        )
    })
}

fn file_length(path: &str, text: &str) -> Option<Breach> {
    let is_test = path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("_tests.rs");
    let bound = if is_test { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    let lines = text.lines().count();
    let what = format!("{lines} lines, at most {bound}");
    (lines > bound).then(|| {
        Breach::new(
            path,
            bound + 1,
            "file-length",
            what,
            "split it by what its parts are about",
        )
    })
}

fn banned_name(path: &str) -> Option<Breach> {
    let inside = path.strip_suffix(".rs")?;
    // Folders below `tests` are free: tests/data holds data.
    let named = if inside.starts_with("tests/") {
        inside.rsplit('/').next()?
    } else {
        inside
    };
    let word = named.split(['/', '_']).find(|word| BANNED.contains(word))?;
    let what = format!("`{word}` says nothing about what is inside");
    Some(Breach::new(
        path,
        1,
        "name",
        what,
        "name it after the thing it defines (docs/GLOSSARY.md) or the step it does",
    ))
}

fn function_lengths(path: &str, text: &str) -> Vec<Breach> {
    let tokens = tokens(&blank(text));
    let starts = (0..tokens.len()).filter(|at| tokens[*at].text == "fn");
    let bound = if path.starts_with("tests/it/") {
        STORY_LINES_MAX
    } else {
        FUNCTION_LINES_MAX
    };
    let long = starts.filter_map(|at| {
        let name = tokens.get(at + 1).filter(|t| t.is_word())?;
        let lines = body_end(&tokens, at)? + 1 - tokens[at].line;
        let what = format!("`{}` has {lines} lines, at most {bound}", name.text);
        let remedy = "give a part that has a name of its own a function of its own";
        (lines > bound).then(|| Breach::new(path, tokens[at].line, "function-length", what, remedy))
    });
    long.collect()
}

/// The line of the closing brace of the function whose `fn` stands at `at`; `None` for a declaration without a body.
fn body_end(tokens: &[Token], at: usize) -> Option<usize> {
    let (mut round, mut curly) = (0_usize, 0_usize);
    for token in &tokens[at..] {
        match token.text.as_str() {
            "(" | "[" => round += 1,
            ")" | "]" => round = round.saturating_sub(1),
            ";" if round == 0 && curly == 0 => return None,
            "{" => curly += 1,
            "}" if curly == 1 => return Some(token.line),
            "}" => curly = curly.saturating_sub(1),
            _ => {}
        }
    }
    None
}
