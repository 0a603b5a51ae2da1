//! The variables an expression may name, their types where known, and "did you mean".

use std::collections::BTreeMap;

/// The type of one field as far as it is known when an expression is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    Bool,
    Int,
    /// A number that may have a fraction; JSON integers in such a field are read as doubles.
    Double,
    Text,
    /// An RFC 3339 text in the scene, an instant in the expression.
    Instant,
    List,
    /// Known only when judged.
    Dynamic,
}

/// What is known about the fields of one variable.
#[derive(Debug, Clone, Copy)]
pub enum Fields<'a> {
    /// Any field, such as a fact without a schema.
    Open,
    /// These fields and no other. A name may be dotted: `("properties.total", Double)`.
    Closed(&'a [(&'a str, FieldType)]),
    /// These fields with their types, and any other.
    ClosedPlus(&'a [(&'a str, FieldType)]),
    /// No fields: the variable is the value, such as `now`.
    Scalar(FieldType),
}

#[derive(Debug, Clone)]
enum Root {
    Scalar(FieldType),
    Object {
        fields: BTreeMap<String, FieldType>,
        open: bool,
    },
}

/// The variables a text may name.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    roots: BTreeMap<String, Root>,
}

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Field(FieldType),
    /// An object whose fields can be selected.
    Object,
    UnknownRoot,
    UnknownField,
    /// The first this many segments are a plain value, which has no fields.
    NoFields(usize),
}

impl Scope {
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope with one more variable; a later one of the same name replaces the earlier.
    #[must_use]
    pub fn with(mut self, name: &str, fields: Fields<'_>) -> Self {
        let object = |known: &[(&str, FieldType)], open| Root::Object {
            fields: known.iter().map(|(field, kind)| ((*field).to_owned(), *kind)).collect(),
            open,
        };
        let root = match fields {
            Fields::Open => object(&[], true),
            Fields::Closed(known) => object(known, false),
            Fields::ClosedPlus(known) => object(known, true),
            Fields::Scalar(kind) => Root::Scalar(kind),
        };
        self.roots.insert(name.to_owned(), root);
        self
    }

    pub(super) fn has_root(&self, name: &str) -> bool {
        self.roots.contains_key(name)
    }

    pub(super) fn standing(&self, path: &[String]) -> Standing {
        let Some((root, fields)) = path.split_first() else {
            return Standing::UnknownRoot;
        };
        match self.roots.get(root) {
            None => Standing::UnknownRoot,
            Some(Root::Scalar(kind)) if fields.is_empty() || *kind == FieldType::Dynamic => Standing::Field(*kind),
            Some(Root::Scalar(_)) => Standing::NoFields(1),
            Some(Root::Object { .. }) if fields.is_empty() => Standing::Object,
            Some(Root::Object { fields: known, open }) => standing_of_field(known, *open, fields),
        }
    }

    /// The path most like the misspelled one, when one is near enough.
    pub(super) fn did_you_mean(&self, path: &[String]) -> Option<String> {
        let (root, rest) = path.split_first()?;
        if let Some(Root::Object { fields, .. }) = self.roots.get(root) {
            let wanted = rest.join(".");
            return nearest(&wanted, fields.keys().map(String::as_str)).map(|field| format!("{root}.{field}"));
        }
        if let Some(near) = nearest(root, self.roots.keys().map(String::as_str)) {
            return Some(
                std::iter::once(near)
                    .chain(rest.iter().map(String::as_str))
                    .collect::<Vec<_>>()
                    .join("."),
            );
        }
        // `status` alone is most often a field whose variable was forgotten.
        self.roots.iter().find_map(|(name, known)| match known {
            Root::Object { fields, .. } if fields.contains_key(root) => Some(format!("{name}.{root}")),
            Root::Object { .. } | Root::Scalar(_) => None,
        })
    }

    pub(super) fn names(&self) -> String {
        self.roots.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

fn standing_of_field(known: &BTreeMap<String, FieldType>, open: bool, fields: &[String]) -> Standing {
    for taken in (1..=fields.len()).rev() {
        let name = fields[..taken].join(".");
        match known.get(&name) {
            Some(kind) if taken == fields.len() => return Standing::Field(*kind),
            Some(FieldType::Dynamic) => return Standing::Field(FieldType::Dynamic),
            Some(_) => return Standing::NoFields(taken + 1),
            None => {}
        }
    }
    let prefix = format!("{}.", fields.join("."));
    if known.keys().any(|name| name.starts_with(&prefix)) {
        Standing::Object
    } else if open {
        Standing::Field(FieldType::Dynamic)
    } else {
        Standing::UnknownField
    }
}

/// The candidate nearest to the word by edit distance, when it is near: a third of the letters may differ, at most three.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = word.chars().count().div_ceil(3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(apart, _)| *apart <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap two neighbours) between two words: optimal string alignment distance.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let change = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}
