//! Judging a compiled expression against a scene, clause by clause, with the values as they were.

use super::bind::pattern_name;
use super::values::{SceneReader, Slot, at_path, slot_index};
use super::{BoundClause, Compiled, EvaluationError, Expression, Wanted, environment};
use crate::base::limits::EXPRESSION_ANSWER_BYTES_MAX;
use cel::{Context, ExecutionError, IdedExpr, Value as CelValue};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The outcome of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Holds,
    Fails,
    /// A value that matters is absent; its path.
    Missing(String),
    /// It cannot be told, such as a number compared with a text.
    Error(String),
}

/// One operand of the top-level `&&`, judged on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    pub text: String,
    /// Nothing when it could not be told.
    pub holds: Option<bool>,
    /// What it read, by path, as it was. A path that was absent is not listed.
    pub values: BTreeMap<String, Value>,
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// Every clause, also those after a false one.
    pub clauses: Vec<Clause>,
}

/// Why one tree gave no value.
enum Trouble {
    Missing(String),
    Failed(String),
}

impl Expression {
    /// Whether the condition holds for the scene.
    ///
    /// As in CEL, a clause that is false decides, whatever trouble another one has.
    pub fn judge(&self, scene: &Map<String, Value>) -> Judgement {
        let compiled = &*self.compiled;
        let reader = SceneReader {
            slots: &compiled.slots,
            scene,
        };
        let context = context_of(compiled, &reader);
        let (mut clauses, mut trouble, mut failed) = (Vec::with_capacity(compiled.clauses.len()), None, false);
        for clause in &compiled.clauses {
            let judged = truth_of(compiled, clause, &context, scene);
            failed |= matches!(judged, Ok(false));
            let holds = judged.as_ref().ok().copied();
            clauses.push(Clause {
                text: clause.text.clone(),
                holds,
                values: values_of(compiled, clause, scene),
            });
            if let Err(found) = judged {
                trouble = trouble.or(Some(found));
            }
        }
        let verdict = match trouble {
            _ if failed => Verdict::Fails,
            Some(Trouble::Missing(path)) => Verdict::Missing(path),
            Some(Trouble::Failed(why)) => Verdict::Error(why),
            None => Verdict::Holds,
        };
        Judgement { verdict, clauses }
    }

    /// The text it gives, such as a once-key.
    ///
    /// # Errors
    /// When a value is missing, the answer is no text or too long, or it cannot be computed.
    pub fn evaluate_text(&self, scene: &Map<String, Value>) -> Result<String, EvaluationError> {
        let value = self.evaluate(scene)?;
        let CelValue::String(text) = value else {
            return Err(self.unexpected(&value));
        };
        if text.len() > EXPRESSION_ANSWER_BYTES_MAX {
            return Err(EvaluationError::TooLong);
        }
        Ok(Arc::unwrap_or_clone(text))
    }

    /// The instant it gives.
    ///
    /// # Errors
    /// When a value is missing, the answer is no instant, or it cannot be computed.
    pub fn evaluate_instant(&self, scene: &Map<String, Value>) -> Result<DateTime<Utc>, EvaluationError> {
        let value = self.evaluate(scene)?;
        let CelValue::Timestamp(instant) = value else {
            return Err(self.unexpected(&value));
        };
        Ok(instant.with_timezone(&Utc))
    }

    fn evaluate(&self, scene: &Map<String, Value>) -> Result<CelValue, EvaluationError> {
        let compiled = &*self.compiled;
        let Some(clause) = compiled.clauses.first().filter(|_| compiled.wanted != Wanted::Truth) else {
            return Err(EvaluationError::Failed(format!("`{}` is a condition", compiled.text)));
        };
        let reader = SceneReader {
            slots: &compiled.slots,
            scene,
        };
        resolve(compiled, clause, &context_of(compiled, &reader), scene).map_err(|trouble| match trouble {
            Trouble::Missing(path) => EvaluationError::Missing(path),
            Trouble::Failed(why) => EvaluationError::Failed(why),
        })
    }

    /// A null where a value is needed is as good as absent.
    fn unexpected(&self, value: &CelValue) -> EvaluationError {
        let compiled = &*self.compiled;
        if *value == CelValue::Null {
            return EvaluationError::Missing(compiled.fields.first().unwrap_or(&compiled.text).clone());
        }
        let wanted = compiled.wanted.kind().name();
        EvaluationError::Failed(format!(
            "`{}` gave a {}, but {wanted} is needed",
            self.text(),
            value.type_of()
        ))
    }
}

fn context_of<'s>(compiled: &Compiled, reader: &'s SceneReader<'_>) -> Context<'s, 's> {
    let mut context = Context::with_env(environment());
    context.set_variable_resolver(reader);
    for (index, pattern) in compiled.patterns.iter().enumerate() {
        let pattern = pattern.clone();
        let matches = move |text: Arc<String>| pattern.is_match(&text);
        // The name starts with `@`, which no function of the environment does: it cannot be taken.
        let _ = context.add_function(&pattern_name(index), matches);
    }
    context
}

fn truth_of(
    compiled: &Compiled,
    clause: &BoundClause,
    context: &Context<'_, '_>,
    scene: &Map<String, Value>,
) -> Result<bool, Trouble> {
    let value = resolve(compiled, clause, context, scene)?;
    if let CelValue::Bool(truth) = value {
        return Ok(truth);
    }
    let null = if value == CelValue::Null {
        null_read(compiled, &clause.reads, scene)
    } else {
        None
    };
    let why = || {
        Trouble::Failed(format!(
            "`{}` gave a {}, not true or false",
            clause.text,
            value.type_of()
        ))
    };
    Err(null.unwrap_or_else(why))
}

fn resolve(
    compiled: &Compiled,
    clause: &BoundClause,
    context: &Context<'_, '_>,
    scene: &Map<String, Value>,
) -> Result<CelValue, Trouble> {
    let tree: &IdedExpr = &clause.tree;
    CelValue::resolve(tree, context).map_err(|error| trouble_of(compiled, clause, scene, &error))
}

/// An absent value names its slot. A null in a place that needs a value counts as missing too: "missing data" is what
/// the operator has to mend, not "no matching overload".
fn trouble_of(
    compiled: &Compiled,
    clause: &BoundClause,
    scene: &Map<String, Value>,
    error: &ExecutionError,
) -> Trouble {
    if let ExecutionError::UndeclaredReference(name) = error
        && let Some(path) = slot_index(name).and_then(|index| compiled.slots.get(index)?.written())
    {
        return Trouble::Missing(path);
    }
    let about_types = matches!(
        error,
        ExecutionError::NoSuchOverload(_)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..)
    );
    let null = if about_types {
        null_read(compiled, &clause.reads, scene)
    } else {
        None
    };
    null.unwrap_or_else(|| {
        // Long values may be quoted in the message; the decision's trace has them anyway.
        let why: String = error.to_string().chars().take(200).collect();
        Trouble::Failed(format!("`{}`: {why}", clause.text))
    })
}

fn null_read(compiled: &Compiled, reads: &[usize], scene: &Map<String, Value>) -> Option<Trouble> {
    reads.iter().find_map(|index| match compiled.slots.get(*index)? {
        slot @ Slot::Read { path, .. } if at_path(scene, path).is_some_and(Value::is_null) => {
            slot.written().map(Trouble::Missing)
        }
        Slot::Read { .. } | Slot::Has { .. } | Slot::Length(_) => None,
    })
}

fn values_of(compiled: &Compiled, clause: &BoundClause, scene: &Map<String, Value>) -> BTreeMap<String, Value> {
    let slots = clause.reads.iter().filter_map(|index| compiled.slots.get(*index));
    slots
        .filter_map(|slot| match slot {
            Slot::Read { path, .. } | Slot::Has { path } => Some((path.join("."), at_path(scene, path)?.clone())),
            Slot::Length(_) => None,
        })
        .collect()
}
