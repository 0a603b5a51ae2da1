//! What walks share: a file of places, contents, triggers, people and facts that a walk includes and calls by name.
//!
//! `"include": "../playbooks.json"` (or a list of files, which may include others) brings the contents and places of that
//! file along. A trigger, journey, user or place of the walk that is only a name (`"room-on-arrival"`) is the shared one;
//! `{"like": "ana", "locale": "pt-BR"}` is the shared one with changes, and so is
//! `{"fact": {"like": "ST1", "seq": 2, "properties": {"room_state": "ready"}}}` in a step. A change of `null` takes a field away.

use crate::walk::{Walk, WalkError, parse};
use serde_json::{Map, Value};
use std::path::Path;

/// Files may include files this deep; deeper is most likely a circle.
const INCLUDES_DEEP_MAX: usize = 4;

/// Reads a walk: a file, or `walk.json` of a folder, with what it includes.
///
/// # Errors
/// A file that cannot be read, is no walk, or calls something by a name that the included files do not have.
pub fn load(path: &Path) -> Result<Walk, WalkError> {
    parse(&path.display().to_string(), &resolved(path)?.to_string())
}

/// The same as JSON, with everything in the place of its name.
///
/// # Errors
/// A file that cannot be read, or calls something by a name that the included files do not have.
pub fn resolved(path: &Path) -> Result<Value, WalkError> {
    let name = if path.is_dir() {
        path.join("walk.json")
    } else {
        path.to_owned()
    };
    let (mut walk, shared) = with_includes(&name, 0)?;
    if let Some(shared) = shared {
        resolve(&mut walk, &shared).map_err(|detail| fault(&name, &detail))?;
    }
    Ok(walk)
}

/// A file, and all that it includes as one; nothing when it includes nothing.
fn with_includes(path: &Path, depth: usize) -> Result<(Value, Option<Value>), WalkError> {
    let mut own: Value = parse(&shown(path), &read(path)?)?;
    let relatives = match own.as_object_mut().and_then(|own| own.remove("include")) {
        None => return Ok((own, None)),
        Some(Value::String(one)) => vec![Value::String(one)],
        Some(Value::Array(several)) => several,
        Some(_) => {
            return Err(fault(
                path,
                "/include: give a path relative to this file, or a list of them",
            ));
        }
    };
    if depth == INCLUDES_DEEP_MAX {
        return Err(fault(
            path,
            "/include: files include one another too deep, or in a circle",
        ));
    }
    let mut all = Value::Object(Map::new());
    for relative in &relatives {
        let relative = relative
            .as_str()
            .ok_or_else(|| fault(path, "/include: give paths relative to this file"))?;
        let below = path.parent().unwrap_or(Path::new(".")).join(relative);
        let (included, further) = with_includes(&below, depth + 1)?;
        gather(&mut all, included);
        gather(&mut all, further.unwrap_or_default());
    }
    Ok((own, Some(all)))
}

/// Adds the entries of another file after those that are there; of anything but a list, what is there stays.
fn gather(all: &mut Value, more: Value) {
    let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) else {
        return;
    };
    for (name, value) in more {
        match (all.get_mut(&name), value) {
            (Some(Value::Array(held)), Value::Array(entries)) => held.extend(entries),
            (Some(_), _) => {}
            (None, value) => drop(all.insert(name, value)),
        }
    }
}

fn read(path: &Path) -> Result<String, WalkError> {
    std::fs::read_to_string(path).map_err(|error| fault(path, &error.to_string()))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn fault(path: &Path, detail: &str) -> WalkError {
    WalkError {
        file: shown(path),
        pointer: String::new(),
        detail: detail.to_owned(),
    }
}

/// Puts what is shared in the place of its names.
fn resolve(walk: &mut Value, shared: &Value) -> Result<(), String> {
    let Some(walk) = walk.as_object_mut() else {
        return Err("a walk is an object".to_owned());
    };
    for (list, key) in [
        ("triggers", "name"),
        ("journeys", "name"),
        ("users", "ref"),
        ("contents", "name"),
        ("places", "external_id"),
    ] {
        let Some(entries) = walk.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        for (index, entry) in entries.iter_mut().enumerate() {
            resolve_entry(entry, shared, list, key).map_err(|detail| format!("/{list}/{index}: {detail}"))?;
        }
    }
    for (list, key) in [("contents", "name"), ("places", "external_id")] {
        bring_along(walk, shared, list, key);
    }
    if let (false, Some(project)) = (walk.contains_key("project"), shared.get("project")) {
        walk.insert("project".to_owned(), project.clone());
    }
    let steps = walk.get_mut("steps").and_then(Value::as_array_mut);
    for (index, step) in steps.into_iter().flatten().enumerate() {
        for (act, list, key) in [
            ("fact", "facts", "key"),
            ("place", "places", "external_id"),
            ("publish_journey", "journeys", "name"),
        ] {
            if let Some(entry) = step.get_mut(act) {
                resolve_entry(entry, shared, list, key).map_err(|detail| format!("/steps/{index}/{act}: {detail}"))?;
            }
        }
        if let Some(sentence) = step.get_mut("publish").and_then(|publish| publish.get_mut("sentence")) {
            resolve_entry(sentence, shared, "triggers", "name")
                .map_err(|detail| format!("/steps/{index}: {detail}"))?;
        }
    }
    Ok(())
}

/// A name, or `like` a name with changes, becomes what it stands for; anything else is left as it is.
fn resolve_entry(entry: &mut Value, shared: &Value, list: &str, key: &str) -> Result<(), String> {
    let (name, changes) = match entry {
        Value::String(name) => (name.clone(), Map::new()),
        Value::Object(fields) => match fields.remove("like") {
            Some(Value::String(name)) => (name, std::mem::take(fields)),
            Some(other) => return Err(format!("`like` names an entry, but this is {other}")),
            None => return Ok(()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return Ok(()),
    };
    let known = entries(shared, list);
    let found = known
        .iter()
        .find(|known| known.get(key).is_some_and(|known| *known == *name));
    let Some(found) = found else {
        let names: Vec<&str> = known.iter().filter_map(|known| known.get(key)?.as_str()).collect();
        return Err(format!(
            "the included file has no `{name}` among its {list}; it has {}",
            names.join(", ")
        ));
    };
    *entry = found.clone();
    change(entry, changes);
    Ok(())
}

fn entries<'a>(shared: &'a Value, list: &str) -> &'a [Value] {
    shared.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Adds every shared entry that the walk does not have under the same name.
fn bring_along(walk: &mut Map<String, Value>, shared: &Value, list: &str, key: &str) {
    let own = walk.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    let Some(own) = own.as_array_mut() else { return };
    for entry in entries(shared, list) {
        if own.iter().all(|known| known.get(key) != entry.get(key)) {
            own.push(entry.clone());
        }
    }
}

/// Lays changes over an entry, object by object.
fn change(entry: &mut Value, changes: Map<String, Value>) {
    let Some(fields) = entry.as_object_mut() else { return };
    for (name, value) in changes {
        match (fields.get_mut(&name), value) {
            (_, Value::Null) => drop(fields.remove(&name)),
            (Some(held), Value::Object(inner)) if held.is_object() => change(held, inner),
            (_, value) => drop(fields.insert(name, value)),
        }
    }
}

#[cfg(test)]
#[path = "include_tests.rs"]
mod tests;
