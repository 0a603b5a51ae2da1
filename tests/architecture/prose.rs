//! Documents rot by naming files that are gone: every path and link a document names must exist.

use crate::Breach;

/// Where a path in backticks must start to be taken for one of this repository.
pub const TOPS: [&str; 15] = [
    "src",
    "tests",
    "docs",
    "scripts",
    "entity",
    "migration",
    "fcm",
    "console",
    "sdk",
    "benches",
    "examples",
    ".ci",
    ".github",
    "deploy",
    "fuzz",
];

/// `exists` answers for a path relative to the root of the repository.
pub fn check(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        for named in backticked(line).filter_map(repository_path) {
            if !exists(&named) {
                let what = format!("`{named}` does not exist");
                found.push(Breach::new(
                    path,
                    index + 1,
                    "path",
                    what,
                    "name the file that took its place, or leave it out",
                ));
            }
        }
        for target in links(line).filter_map(|link| link_target(path, link)) {
            if !exists(&target) {
                let what = format!("the link leads to `{target}`, which does not exist");
                found.push(Breach::new(path, index + 1, "link", what, "correct the link"));
            }
        }
    }
    found
}

fn backticked(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The checkable part of what stands in backticks; a pattern such as `src/api/*.rs` is checked up to its folder.
fn repository_path(span: &str) -> Option<String> {
    let (top, _) = span.split_once('/')?;
    if !TOPS.contains(&top) || span.contains(char::is_whitespace) {
        return None;
    }
    let fixed = match span.find(['*', '{', '<']) {
        Some(pattern) => &span[..span[..pattern].rfind('/')?],
        // `src/engine/fix.rs:12` and `src/engine/fix.rs::Fix` point into a file.
        None => span.split(':').next()?,
    };
    Some(fixed.trim_end_matches(['/', '.', ',']).to_owned())
}

fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
}

/// The file a relative link means, seen from the root; `None` for the web, mail and headings of the same page.
fn link_target(path: &str, link: &str) -> Option<String> {
    let file = link
        .split('#')
        .next()
        .filter(|file| !file.is_empty() && !file.contains(':'))?;
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.pop();
    for segment in file.split('/') {
        match segment {
            ".." => drop(segments.pop()),
            "." | "" => {}
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}
