//! Layers of the configuration: reading one, finding the key that was meant, and laying one over another.

use super::ConfigError;
use toml::{Table, Value};

/// Variables of the environment that are settings.
pub(super) const PREFIX: &str = "USHER__";
/// Keys that may stand in a file of their own, as `<key>_file`.
const FROM_FILES: [&str; 2] = ["database.url", "links.secret"];
/// Keys whose value is never shown.
const HIDDEN: [&str; 7] = [
    "channels.fcm.service_account",
    "channels.apns.key",
    "channels.webpush.key",
    "channels.sms.auth_token",
    "channels.email.password",
    "links.secret",
    "vault.keys",
];

pub(super) fn parse(name: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse::<Table>()
        .map_err(|error| ConfigError::new(name, format!("is not TOML: {error}")))
}

/// Every key of `given` must be one of the defaults.
pub(super) fn refuse_unknown(place: &str, defaults: &Table, given: &Table, above: &str) -> Result<(), ConfigError> {
    for (key, value) in given {
        let path = if above.is_empty() {
            key.clone()
        } else {
            format!("{above}.{key}")
        };
        match (defaults.get(key), value) {
            (None, _) => return Err(ConfigError::new(place, unknown(&path, defaults, above))),
            (Some(Value::Table(known)), Value::Table(inner)) => refuse_unknown(place, known, inner, &path)?,
            (Some(Value::Table(_)), _) => {
                return Err(ConfigError::new(
                    place,
                    format!("`{path}` is a section: write [{path}]"),
                ));
            }
            (Some(_), _) => {}
        }
    }
    Ok(())
}

/// Says which key is unknown and which was probably meant: a neighbour, or a key of the same name elsewhere.
fn unknown(path: &str, neighbours: &Table, above: &str) -> String {
    let key = path.rsplit('.').next().unwrap_or(path);
    let nearest = neighbours
        .keys()
        .map(|known| (distance(key, known), known))
        .min()
        .filter(|(steps, known)| *steps <= 2.max(known.len() / 3));
    let meant = match nearest {
        Some((_, known)) if above.is_empty() => format!("did you mean `{known}`?"),
        Some((_, known)) => format!("did you mean `{above}.{known}`?"),
        None => {
            let known: Vec<&str> = neighbours.keys().map(String::as_str).collect();
            format!("known here: {}", known.join(", "))
        }
    };
    format!("unknown key `{path}`; {meant}")
}

/// Edits that turn one text into the other (Levenshtein 1966), over bytes: keys are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A table of one key from `USHER__SECTION__KEY=value`; the value is read as the default's type.
pub(super) fn from_variable(variable: &str, value: &str, defaults: &Table) -> Result<Table, ConfigError> {
    let path = variable.strip_prefix(PREFIX).unwrap_or(variable).to_ascii_lowercase();
    let keys: Vec<&str> = path.split("__").collect();
    let dotted = keys.join(".");
    let file_of = dotted.strip_suffix("_file").filter(|key| FROM_FILES.contains(key));
    let mut known = defaults;
    let mut default = &Value::String(String::new());
    for (depth, key) in keys.iter().enumerate() {
        let above = keys[..depth].join(".");
        let last = depth + 1 == keys.len();
        match known.get(*key) {
            Some(Value::Table(inner)) if !last => known = inner,
            Some(Value::Table(_)) => {
                return Err(ConfigError::new(
                    variable,
                    format!("`{dotted}` is a section; name a key of it"),
                ));
            }
            Some(leaf) if last => default = leaf,
            None if last && file_of.is_some() => {}
            Some(_) | None => {
                let path = if above.is_empty() {
                    (*key).to_owned()
                } else {
                    format!("{above}.{key}")
                };
                return Err(ConfigError::new(variable, unknown(&path, known, &above)));
            }
        }
    }
    let mut told = typed(variable, value, default)?;
    for key in keys.iter().rev() {
        told = Value::Table(Table::from_iter([((*key).to_owned(), told)]));
    }
    Ok(if let Value::Table(table) = told {
        table
    } else {
        Table::new()
    })
}

fn typed(variable: &str, value: &str, default: &Value) -> Result<Value, ConfigError> {
    let wrong = |wanted: &str| ConfigError::new(variable, format!("`{value}` is not {wanted}"));
    match default {
        Value::Integer(_) => value.parse().map(Value::Integer).map_err(|_| wrong("a whole number")),
        Value::Float(_) => value.parse().map(Value::Float).map_err(|_| wrong("a number")),
        Value::Boolean(_) => value.parse().map(Value::Boolean).map_err(|_| wrong("true or false")),
        // A list is written with commas; no value of ours holds one.
        Value::Array(_) => {
            let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        Value::String(_) | Value::Datetime(_) | Value::Table(_) => Ok(Value::String(value.to_owned())),
    }
}

/// `x_file` becomes `x` with what stands in the file, for the keys that may.
pub(super) fn read_secret_files(place: &str, layer: &mut Table) -> Result<(), ConfigError> {
    for path in FROM_FILES {
        let Some((section, key)) = path.split_once('.') else {
            continue;
        };
        let Some(Value::Table(table)) = layer.get_mut(section) else {
            continue;
        };
        let Some(file) = table.remove(&format!("{key}_file")) else {
            continue;
        };
        if table.contains_key(key) {
            return Err(ConfigError::new(
                place,
                format!("`{path}` and `{path}_file` are both set; keep one"),
            ));
        }
        let file = file.as_str().unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(&file)
            .map_err(|error| ConfigError::new(place, format!("`{path}_file`: cannot read `{file}`: {error}")))?;
        table.insert(key.to_owned(), Value::String(text.trim().to_owned()));
    }
    Ok(())
}

/// What `over` says wins.
pub(super) fn lay_over(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(table)) => lay_over(inner, table),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// An empty text means "not set".
pub(super) fn drop_unset(table: &mut Table) {
    table.retain(|_, value| value.as_str() != Some(""));
    for (_, value) in table.iter_mut() {
        if let Value::Table(inner) = value {
            drop_unset(inner);
        }
    }
}

/// A copy that can be shown: no secrets, no passwords in addresses.
pub(super) fn masked(table: &Table) -> Table {
    mask(table, "")
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum: numbers, dates and lists hold no secrets"
)]
fn mask(table: &Table, above: &str) -> Table {
    let shown = table.iter().map(|(key, value)| {
        let path = if above.is_empty() {
            key.clone()
        } else {
            format!("{above}.{key}")
        };
        let value = match value {
            Value::Table(inner) => Value::Table(mask(inner, &path)),
            Value::String(text) if HIDDEN.contains(&path.as_str()) && !text.is_empty() => {
                Value::String("(hidden)".to_owned())
            }
            Value::String(text) => Value::String(without_password(text)),
            other => other.clone(),
        };
        (key.clone(), value)
    });
    shown.collect()
}

/// `postgres://user:password@host/name?password=…` without either password.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (address, query) = rest
        .split_once('?')
        .map_or((rest, None), |(address, query)| (address, Some(query)));
    let address = match address.rsplit_once('@') {
        Some((user, host)) => format!(
            "{}:(hidden)@{host}",
            user.split_once(':').map_or(user, |(name, _)| name)
        ),
        None => address.to_owned(),
    };
    match query {
        Some(query) if query.to_ascii_lowercase().contains("password") => format!("{scheme}://{address}?(hidden)"),
        Some(query) => format!("{scheme}://{address}?{query}"),
        None => format!("{scheme}://{address}"),
    }
}
