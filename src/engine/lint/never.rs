//! Conditions that can never be true: constants, values outside of a list, and parts that contradict one another.

use super::{Finding, FindingCode, bound};
use crate::engine::catalogue::Catalogue;
use crate::engine::trigger::CompiledTrigger;
use crate::engine::trigger::expression::{Comparison, Expression, Said, Sign, With, nearest, survey};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) fn check(trigger: &CompiledTrigger, catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    let known = Known {
        bound: bound(trigger),
        catalogue,
    };
    for (pointer, text) in [("/if", &trigger.condition), ("/wait/until", &trigger.until)] {
        let said = text.as_ref().and_then(|text| survey(text.text()));
        if let Some(never) = said.and_then(|said| known.never(&said)) {
            let code = FindingCode::ConditionNeverTrue;
            let hint = never.hint.unwrap_or_else(|| "leave it out, or mend it".to_owned());
            findings.push(Finding {
                position: Some(never.position),
                ..Finding::new(code, pointer, never.detail, hint)
            });
        }
    }
    let constant = |text: &Option<Expression>| text.as_ref()?.evaluate_instant(&Map::new()).ok();
    if let (Some(from), Some(to)) = (constant(&trigger.window_from), constant(&trigger.window_to))
        && from >= to
    {
        let detail = "the window ends before it begins";
        let hint = "put the earlier instant into `from`";
        let code = FindingCode::ConditionNeverTrue;
        findings.push(Finding::new(code, "/guards/window", detail, hint));
    }
}

/// Why it can never be true.
struct Never {
    position: usize,
    detail: String,
    hint: Option<String>,
}

struct Known<'a> {
    bound: BTreeMap<&'a str, &'a str>,
    catalogue: &'a Catalogue,
}

impl Known<'_> {
    fn never(&self, said: &Said) -> Option<Never> {
        match said {
            Said::Constant(false, position) => Some(Never {
                position: *position,
                detail: "this is false for everybody".to_owned(),
                hint: None,
            }),
            Said::Compared(comparison) => self.unlisted(comparison),
            Said::All(parts) => parts
                .iter()
                .find_map(|part| self.never(part))
                .or_else(|| contradiction(said)),
            Said::Any(parts) => {
                let mut nevers = parts.iter().map(|part| self.never(part));
                let first = nevers.next().flatten()?;
                nevers.all(|never| never.is_some()).then_some(first)
            }
            Said::Constant(true, _) | Said::Has(_) | Said::Other => None,
        }
    }

    /// A value that the field never has, as its type of fact says.
    fn unlisted(&self, comparison: &Comparison) -> Option<Never> {
        let wanted = wanted(comparison)?;
        let listed = self.listed(&comparison.path)?;
        if wanted.iter().any(|value| listed.iter().any(|one| same(one, value))) {
            return None;
        }
        let told: Vec<String> = listed.iter().map(shown).collect();
        let text = wanted.first().and_then(Value::as_str);
        let near = text.and_then(|text| nearest(text, listed.iter().filter_map(Value::as_str)));
        Some(Never {
            position: comparison.position,
            detail: format!(
                "`{}` is never {}: it is one of {}",
                comparison.path,
                wanted.iter().map(shown).collect::<Vec<_>>().join(" or "),
                told.join(", ")
            ),
            hint: near.map(|near| format!("did you mean '{near}'?")),
        })
    }

    /// The values a field can have, when its type of fact lists them.
    fn listed(&self, path: &str) -> Option<&Vec<Value>> {
        let (root, fields) = path.split_once('.')?;
        let kind = self.bound.get(root)?;
        let schema = self.catalogue.fact_types.get(*kind)?.schema.as_ref()?;
        let field = fields
            .split('.')
            .try_fold(schema, |schema, field| schema.get("properties")?.get(field));
        field?.get("enum")?.as_array()
    }
}

/// The values a comparison lets pass, when it names them.
fn wanted(comparison: &Comparison) -> Option<Vec<Value>> {
    match (comparison.sign, &comparison.with) {
        (Sign::Equal, With::Value(value)) => Some(vec![value.clone()]),
        (Sign::In, With::Value(Value::Array(list))) => Some(list.clone()),
        _ => None,
    }
}

/// What one field would have to be.
#[derive(Default)]
struct Allowed {
    values: Option<Vec<Value>>,
    refused: Vec<Value>,
    /// Bound and whether it is itself allowed.
    above: Option<(f64, bool)>,
    below: Option<(f64, bool)>,
}

impl Allowed {
    fn narrow(&mut self, comparison: &Comparison) {
        if let Some(wanted) = wanted(comparison) {
            let kept = match self.values.take() {
                Some(values) => values
                    .into_iter()
                    .filter(|value| wanted.iter().any(|one| same(one, value)))
                    .collect(),
                None => wanted,
            };
            self.values = Some(kept);
            return;
        }
        let With::Value(value) = &comparison.with else { return };
        let number = value.as_f64();
        match comparison.sign {
            Sign::Unequal => self.refused.push(value.clone()),
            Sign::Greater | Sign::AtLeast => {
                let bound = number.map(|number| (number, comparison.sign == Sign::AtLeast));
                self.above = tighter(self.above, bound, f64::gt);
            }
            Sign::Less | Sign::AtMost => {
                let bound = number.map(|number| (number, comparison.sign == Sign::AtMost));
                self.below = tighter(self.below, bound, f64::lt);
            }
            Sign::Equal | Sign::In => {}
        }
    }

    fn is_empty(&self) -> bool {
        let within = |number: f64| {
            self.above
                .is_none_or(|(low, itself)| number > low || (itself && number >= low))
                && self
                    .below
                    .is_none_or(|(high, itself)| number < high || (itself && number <= high))
        };
        let passes = |value: &Value| {
            !self.refused.iter().any(|refused| same(refused, value)) && value.as_f64().is_none_or(within)
        };
        if let Some(values) = &self.values {
            return !values.iter().any(passes);
        }
        match (self.above, self.below) {
            (Some((low, low_itself)), Some((high, high_itself))) => {
                low > high || (low >= high && !(low_itself && high_itself))
            }
            _ => false,
        }
    }
}

type Edge = Option<(f64, bool)>;

fn tighter(known: Edge, new: Edge, is_tighter: fn(&f64, &f64) -> bool) -> Edge {
    match (known, new) {
        (Some(known), Some(new)) if is_tighter(&new.0, &known.0) => Some(new),
        (Some(known), Some(new)) if !is_tighter(&known.0, &new.0) => Some((known.0, known.1 && new.1)),
        (None, new) => new,
        (known, _) => known,
    }
}

/// The first comparison that leaves nothing its field could be, after those before it.
fn contradiction(said: &Said) -> Option<Never> {
    let mut comparisons = Vec::new();
    collect(said, &mut comparisons);
    let mut fields: BTreeMap<&str, Allowed> = BTreeMap::new();
    for comparison in comparisons {
        let allowed = fields.entry(&comparison.path).or_default();
        allowed.narrow(comparison);
        if allowed.is_empty() {
            return Some(Never {
                position: comparison.position,
                detail: format!("`{}` cannot be all of this at once", comparison.path),
                hint: Some("join the alternatives with || instead of &&".to_owned()),
            });
        }
    }
    None
}

/// The comparisons that must all hold.
fn collect<'s>(said: &'s Said, into: &mut Vec<&'s Comparison>) {
    match said {
        Said::All(parts) => parts.iter().for_each(|part| collect(part, into)),
        Said::Compared(comparison) => into.push(comparison),
        Said::Any(_) | Said::Has(_) | Said::Constant(..) | Said::Other => {}
    }
}

/// Equal as conditions see it: numbers by their value.
fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => (left - right).abs() < f64::EPSILON,
        _ => left == right,
    }
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), |text| format!("'{text}'"))
}
