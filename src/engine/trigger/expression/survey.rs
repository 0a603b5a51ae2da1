//! A look at what a condition says, without judging it: what it compares with what, for the lint and for Explain.

use super::check::{path_of, position_of, span_of};
use super::environment;
use cel::common::ast::{Expr, LiteralValue, SourceInfo, operators as op};
use cel::{Context, IdedExpr, Value as CelValue};
use serde_json::{Value, json};

/// What a condition, or a part of it, says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    All(Vec<Said>),
    Any(Vec<Said>),
    /// The field is there, and not null.
    Has(String),
    /// A field against something else; `!stay.paid` compares with `false`.
    Compared(Comparison),
    /// The same for everybody; the character it stands at.
    Constant(bool, usize),
    /// Anything else, such as a call.
    Other,
}

/// A field against something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Dotted, such as `stay.room_state`.
    pub path: String,
    pub sign: Sign,
    pub with: With,
    /// The character it stands at.
    pub position: usize,
}

/// How two values are compared, with the field on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum With {
    /// Written out; with [`Sign::In`] a list.
    Value(Value),
    /// Another field, by its path.
    Field(String),
    /// Something that is computed.
    Computed,
}

impl Sign {
    /// The sign as people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::In => "in",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            op::EQUALS => Self::Equal,
            op::NOT_EQUALS => Self::Unequal,
            op::LESS => Self::Less,
            op::LESS_EQUALS => Self::AtMost,
            op::GREATER => Self::Greater,
            op::GREATER_EQUALS => Self::AtLeast,
            _ => return None,
        })
    }

    /// The same comparison seen from the other side.
    const fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
            Self::Equal | Self::Unequal | Self::In => self,
        }
    }
}

/// What a condition says; nothing when the text does not parse.
pub fn survey(text: &str) -> Option<Said> {
    let program = super::parse(text, super::Wanted::Text).ok()?.program;
    let surveyor = Surveyor {
        source: text,
        positions: program.source_info(),
    };
    Some(surveyor.said(program.expression()))
}

struct Surveyor<'a> {
    source: &'a str,
    positions: &'a SourceInfo,
}

impl Surveyor<'_> {
    fn said(&self, node: &IdedExpr) -> Said {
        let position = position_of(self.source, self.positions, node);
        if let Expr::Select(select) = &node.expr
            && select.test
        {
            return match path_of(&select.operand) {
                Some(path) => Said::Has(format!("{}.{}", path.join("."), select.field)),
                None => Said::Other,
            };
        }
        if let Some(path) = field_of(node) {
            let (sign, with) = (Sign::Equal, With::Value(Value::Bool(true)));
            return Said::Compared(Comparison {
                path,
                sign,
                with,
                position,
            });
        }
        if let Some(CelValue::Bool(truth)) = constant(node) {
            return Said::Constant(truth, position);
        }
        let Expr::Call(call) = &node.expr else {
            return Said::Other;
        };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND, parts) => Said::All(parts.iter().map(|part| self.said(part)).collect()),
            (op::LOGICAL_OR, parts) => Said::Any(parts.iter().map(|part| self.said(part)).collect()),
            (op::LOGICAL_NOT, [inner]) => self.negated(inner, position),
            (op::IN, [left, right]) => match (field_of(left), constant_list(right)) {
                (Some(path), Some(list)) => Said::Compared(Comparison {
                    path,
                    sign: Sign::In,
                    with: With::Value(list),
                    position,
                }),
                _ => Said::Other,
            },
            (name, [left, right]) => match Sign::of(name) {
                Some(sign) => compared(left, sign, right, position),
                None => Said::Other,
            },
            _ => Said::Other,
        }
    }

    /// `!flag` is the only negation that is looked into.
    fn negated(&self, inner: &IdedExpr, position: usize) -> Said {
        match self.said(inner) {
            Said::Compared(comparison)
                if comparison.sign == Sign::Equal && comparison.with == With::Value(Value::Bool(true)) =>
            {
                Said::Compared(Comparison {
                    with: With::Value(Value::Bool(false)),
                    position,
                    ..comparison
                })
            }
            Said::All(_) | Said::Any(_) | Said::Has(_) | Said::Compared(_) | Said::Constant(..) | Said::Other => {
                Said::Other
            }
        }
    }
}

fn compared(left: &IdedExpr, sign: Sign, right: &IdedExpr, position: usize) -> Said {
    let with = |node: &IdedExpr| match (field_of(node), constant(node).and_then(|value| plain(&value))) {
        (Some(path), _) => With::Field(path),
        (None, Some(value)) => With::Value(value),
        (None, None) => With::Computed,
    };
    let (path, sign, with) = match (field_of(left), field_of(right)) {
        (Some(path), _) => (path, sign, with(right)),
        (None, Some(path)) => (path, sign.turned(), with(left)),
        (None, None) => return Said::Other,
    };
    Said::Compared(Comparison {
        path,
        sign,
        with,
        position,
    })
}

/// The dotted path a node spells, unless it is a length of time such as `PT3H`.
fn field_of(node: &IdedExpr) -> Option<String> {
    let path = path_of(node)?;
    (path.len() > 1 || span_of(&path[0]).is_none()).then(|| path.join("."))
}

/// The value of a node that reads nothing.
fn constant(node: &IdedExpr) -> Option<CelValue> {
    if let Expr::Literal(LiteralValue::Null) = &node.expr {
        return Some(CelValue::Null);
    }
    if !node.references().variables().is_empty() {
        return None;
    }
    CelValue::resolve(node, &Context::with_env(environment())).ok()
}

fn constant_list(node: &IdedExpr) -> Option<Value> {
    let Expr::List(list) = &node.expr else { return None };
    let plain = |element: &IdedExpr| plain(&constant(element)?);
    list.elements.iter().map(plain).collect::<Option<_>>().map(Value::Array)
}

/// A value as JSON writes it.
fn plain(value: &CelValue) -> Option<Value> {
    if let CelValue::String(text) = value {
        Some(json!(**text))
    } else if let CelValue::Int(number) = value {
        Some(json!(number))
    } else if let CelValue::UInt(number) = value {
        Some(json!(number))
    } else if let CelValue::Float(number) = value {
        Some(json!(number))
    } else if let CelValue::Bool(truth) = value {
        Some(json!(truth))
    } else if let CelValue::Timestamp(instant) = value {
        Some(json!(instant.to_utc()))
    } else {
        (*value == CelValue::Null).then_some(Value::Null)
    }
}

#[cfg(test)]
#[path = "survey_tests.rs"]
mod tests;
