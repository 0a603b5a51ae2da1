//! A run of a walk as files: a folder that runs by itself, here and in a build.

use crate::cli::out::Failure;
use crate::walk::Tried;
use serde::Serialize;
use std::path::Path;

/// Writes `walk.json` and `expected.json` into a folder that has neither.
pub(in crate::cli) fn save(folder: &Path, tried: &Tried) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let what = format!("{} cannot be written: {error}", folder.display());
        Failure::new(what, "name a folder that you may write to")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let (walk, expected) = (folder.join("walk.json"), folder.join("expected.json"));
    if let Some(there) = [&walk, &expected].into_iter().find(|path| path.exists()) {
        let what = format!("{} is there already", there.display());
        return Err(Failure::new(
            what,
            "name a new folder: an expectation is not overwritten by accident",
        ));
    }
    std::fs::write(&walk, text(&tried.walk)?).map_err(failed)?;
    std::fs::write(&expected, text(&tried.outcome.expected())?).map_err(failed)
}

fn text(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| {
        Failure::new(
            format!("no JSON: {error}"),
            "this is a fault in Usher: please report it",
        )
    })?;
    Ok(text + "\n")
}
