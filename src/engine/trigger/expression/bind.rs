//! Prepares a checked tree for judging: paths become slots, patterns are compiled once, constants are tried once.

use super::check::{path_of, position_of, span_of, text_literal};
use super::error::{ExpressionCode as Code, ExpressionError};
use super::scope::{FieldType, Scope, Standing};
use super::values::{Slot, slot_name};
use crate::base::limits::{PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX};
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedEntryExpr, MapEntryExpr, SelectExpr, SourceInfo};
use cel::{Context, IdedExpr, Value};
use regex::{Regex, RegexBuilder};

/// What the trees of one expression share.
pub(super) struct Binder<'a> {
    pub scope: &'a Scope,
    pub source: &'a str,
    pub positions: &'a SourceInfo,
    pub slots: Vec<Slot>,
    pub patterns: Vec<Regex>,
}

/// The name the n-th pattern has as a function in the tree.
pub(super) fn pattern_name(index: usize) -> String {
    format!("@matches{index}")
}

type Bound = Result<IdedExpr, ExpressionError>;

impl Binder<'_> {
    fn fault(&self, code: Code, node: &IdedExpr, detail: impl Into<String>) -> ExpressionError {
        ExpressionError::new(code, position_of(self.source, self.positions, node), detail)
    }

    /// The tree with slots instead of paths.
    pub(super) fn bind(&mut self, node: &IdedExpr) -> Bound {
        if let Some(slot) = self.slot_of(node) {
            return Ok(self.at_slot(node, slot));
        }
        let expr = match &node.expr {
            Expr::Select(select) => Expr::Select(SelectExpr {
                operand: Box::new(self.bind(&select.operand)?),
                field: select.field.clone(),
                test: select.test,
            }),
            Expr::Call(call) => return self.bind_call(node, call),
            Expr::List(list) => {
                let mut bound = list.clone();
                bound.elements = self.bind_all(&list.elements)?;
                Expr::List(bound)
            }
            Expr::Map(map) => {
                let mut bound = map.clone();
                for entry in &mut bound.entries {
                    *entry = self.bind_entry(entry)?;
                }
                Expr::Map(bound)
            }
            Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Comprehension(_) | Expr::Unspecified => {
                node.expr.clone()
            }
        };
        Ok(IdedExpr { id: node.id, expr })
    }

    fn bind_all(&mut self, nodes: &[IdedExpr]) -> Result<Vec<IdedExpr>, ExpressionError> {
        nodes.iter().map(|node| self.bind(node)).collect()
    }

    fn bind_entry(&mut self, entry: &IdedEntryExpr) -> Result<IdedEntryExpr, ExpressionError> {
        let expr = match &entry.expr {
            EntryExpr::MapEntry(map) => EntryExpr::MapEntry(MapEntryExpr {
                key: self.bind(&map.key)?,
                value: self.bind(&map.value)?,
                optional: map.optional,
            }),
            EntryExpr::StructField(field) => EntryExpr::StructField(field.clone()),
        };
        Ok(IdedEntryExpr { id: entry.id, expr })
    }

    fn bind_call(&mut self, node: &IdedExpr, call: &CallExpr) -> Bound {
        match call.func_name.as_str() {
            "matches" => self.bind_matches(node, call),
            "duration" | "timestamp" if call.args.len() == 1 && text_literal(&call.args[0]).is_some() => {
                self.bind_time(node, call)
            }
            _ => {
                let target = match &call.target {
                    Some(target) => Some(Box::new(self.bind(target)?)),
                    None => None,
                };
                let bound = CallExpr {
                    func_name: call.func_name.clone(),
                    target,
                    args: self.bind_all(&call.args)?,
                };
                Ok(IdedExpr {
                    id: node.id,
                    expr: Expr::Call(bound),
                })
            }
        }
    }

    /// `x.matches('..')` calls its own compiled pattern: compiling one at each judgement would cost far more than the rest.
    fn bind_matches(&mut self, node: &IdedExpr, call: &CallExpr) -> Bound {
        let (subject, pattern) = match (&call.target, call.args.as_slice()) {
            (Some(subject), [pattern]) => (subject.as_ref(), pattern),
            (None, [subject, pattern]) => (subject, pattern),
            _ => return Err(self.fault(Code::WrongArguments, node, "matches takes one pattern")),
        };
        let Some(text) = text_literal(pattern) else {
            let fault = self.fault(
                Code::BadPattern,
                pattern,
                "the pattern of matches must be written out as a text",
            );
            return Err(fault.with_hint("compare with ==, contains, startsWith or endsWith instead"));
        };
        if text.len() > PATTERN_BYTES_MAX {
            let detail = format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes");
            return Err(self.fault(Code::BadPattern, pattern, detail));
        }
        let compiled = RegexBuilder::new(text)
            .size_limit(PATTERN_COMPILED_BYTES_MAX)
            .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| self.fault(Code::BadPattern, pattern, pattern_fault(&error)))?;
        let subject = self.bind(subject)?;
        let name = pattern_name(self.patterns.len());
        self.patterns.push(compiled);
        let call = CallExpr {
            func_name: name,
            target: None,
            args: vec![subject],
        };
        Ok(IdedExpr {
            id: node.id,
            expr: Expr::Call(call),
        })
    }

    /// A time written out is tried when the text is saved, so that a typo does not wait for the first judgement.
    fn bind_time(&mut self, node: &IdedExpr, call: &CallExpr) -> Bound {
        let text = text_literal(&call.args[0]).unwrap_or("");
        if call.func_name == "duration"
            && let Some(span) = span_of(text)
        {
            return Ok(self.at_slot(node, Slot::Length(span.delta())));
        }
        let bare = Context::with_env(super::environment());
        if Value::resolve(node, &bare).is_ok() {
            return Ok(node.clone());
        }
        let fault = self.fault(
            Code::BadLiteral,
            &call.args[0],
            format!("'{text}' is not a {}", call.func_name),
        );
        Err(fault.with_hint(if call.func_name == "duration" {
            "write it like duration('1h30m') or PT1H30M"
        } else {
            "write it like timestamp('2026-05-04T14:00:00Z')"
        }))
    }

    fn slot_of(&self, node: &IdedExpr) -> Option<Slot> {
        if let Expr::Select(select) = &node.expr
            && select.test
        {
            let mut path = path_of(&select.operand)?;
            path.push(select.field.clone());
            return Some(Slot::Has { path });
        }
        let path = path_of(node)?;
        match self.scope.standing(&path) {
            Standing::Field(declared) => Some(Slot::Read { path, declared }),
            Standing::Object => Some(Slot::Read {
                path,
                declared: FieldType::Dynamic,
            }),
            Standing::UnknownRoot if path.len() == 1 => span_of(&path[0]).map(|span| Slot::Length(span.delta())),
            Standing::UnknownRoot | Standing::UnknownField | Standing::NoFields(_) => None,
        }
    }

    fn at_slot(&mut self, node: &IdedExpr, slot: Slot) -> IdedExpr {
        let index = self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        IdedExpr {
            id: node.id,
            expr: Expr::Ident(slot_name(index)),
        }
    }
}

fn pattern_fault(error: &regex::Error) -> String {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return "the pattern repeats too much".to_owned();
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or("it does not parse");
    format!("not a regular expression: {}", last.trim_start_matches("error: "))
}
