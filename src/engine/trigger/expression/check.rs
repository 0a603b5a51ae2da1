//! The static check: known variables, fields and functions, types that fit, and a bounded size.

use super::error::{ExpressionCode as Code, ExpressionError};
use super::kind::{Kind, LOOPS, SIGNATURES, Signature, TYPE_NAMES, can_equal, can_order, of_arithmetic};
use super::scope::{Scope, Standing, nearest};
use crate::base::limits::{CONDITION_DEPTH_MAX, CONDITION_JOINS_MAX};
use crate::base::time::Span;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators as op};
use std::collections::BTreeSet;

type Checked = Result<Kind, ExpressionError>;

/// The path that a node spells: `stay.room`, also written `stay['room']`.
pub(super) fn path_of(node: &IdedExpr) -> Option<Vec<String>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        Expr::Call(call) if call.func_name == op::INDEX && call.args.len() == 2 => {
            let mut path = path_of(&call.args[0])?;
            path.push(text_literal(&call.args[1])?.to_owned());
            Some(path)
        }
        _ => None,
    }
}

pub(super) fn text_literal(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// The length of time a bare word stands for: `PT3H` in `flight.departs_at - PT3H`.
pub(super) fn span_of(word: &str) -> Option<Span> {
    word.parse().ok()
}

/// Where a node stands, in characters; the parser counts bytes. Of a selection that is its dot, of a call its bracket.
pub(super) fn position_of(source: &str, positions: &SourceInfo, node: &IdedExpr) -> usize {
    let start = positions.offset_for(node.id).map_or(0, |(start, _)| start as usize);
    source.char_indices().take_while(|(at, _)| *at < start).count()
}

/// Walks one tree and collects what it reads.
pub(super) struct Checker<'a> {
    scope: &'a Scope,
    source: &'a str,
    positions: &'a SourceInfo,
    joins: usize,
    pub fields: BTreeSet<String>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(scope: &'a Scope, source: &'a str, positions: &'a SourceInfo) -> Self {
        Self { scope, source, positions, joins: 0, fields: BTreeSet::new() }
    }

    /// The type of the whole tree; the first fault otherwise.
    pub(super) fn check(&mut self, root: &IdedExpr) -> Checked {
        self.kind(root, 1)
    }

    fn fault(&self, code: Code, node: &IdedExpr, detail: impl Into<String>) -> ExpressionError {
        ExpressionError::new(code, position_of(self.source, self.positions, node), detail)
    }

    fn kind(&mut self, node: &IdedExpr, depth: usize) -> Checked {
        // Deep brackets were refused before the parser; this also bounds chains such as `1 + 1 + 1`, which nest as well.
        if depth > CONDITION_DEPTH_MAX {
            return Err(self.fault(Code::TooDeep, node, format!("deeper than {CONDITION_DEPTH_MAX} levels")));
        }
        if let Some(path) = path_of(node)
            && (path.len() > 1 || !self.is_constant(&path[0]))
        {
            return self.kind_of_path(node, &path);
        }
        match &node.expr {
            Expr::Literal(literal) => Ok(kind_of_literal(literal)),
            Expr::Ident(name) => Ok(if span_of(name).is_some() { Kind::Duration } else { Kind::Type }),
            Expr::Select(select) => self.kind_of_select(node, select, depth),
            Expr::Call(call) => self.kind_of_call(node, call, depth),
            Expr::List(list) => {
                list.elements.iter().try_for_each(|element| self.kind(element, depth + 1).map(drop))?;
                Ok(Kind::List)
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.kind(&entry.key, depth + 1)?;
                        self.kind(&entry.value, depth + 1)?;
                    }
                }
                Ok(Kind::Map)
            }
            Expr::Struct(_) => Err(self.fault(Code::Unsupported, node, "messages cannot be built here")),
            Expr::Comprehension(_) | Expr::Unspecified => {
                Err(self.fault(Code::Unsupported, node, "this form cannot be used here"))
            }
        }
    }

    fn is_constant(&self, name: &str) -> bool {
        !self.scope.has_root(name) && (TYPE_NAMES.contains(&name) || span_of(name).is_some())
    }

    fn kind_of_path(&mut self, node: &IdedExpr, path: &[String]) -> Checked {
        if path.len() > CONDITION_DEPTH_MAX {
            return Err(self.fault(Code::TooDeep, node, format!("a path of more than {CONDITION_DEPTH_MAX} names")));
        }
        let written = path.join(".");
        let fault = match self.scope.standing(path) {
            Standing::Field(field) => {
                self.fields.insert(written);
                return Ok(field.into());
            }
            Standing::Object => {
                self.fields.insert(written);
                return Ok(Kind::Map);
            }
            Standing::UnknownRoot => self.fault(
                Code::UnknownVariable,
                root_of(node),
                format!("there is no `{}` here; there is: {}", path[0], self.scope.names()),
            ),
            Standing::UnknownField => {
                self.fault(Code::UnknownField, node, format!("`{}` has no field `{}`", path[0], path[1..].join(".")))
            }
            Standing::NoFields(taken) => {
                let plain = path[..taken].join(".");
                self.fault(Code::UnknownField, node, format!("`{plain}` is a plain value and has no fields"))
            }
        };
        Err(match self.scope.did_you_mean(path) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault,
        })
    }

    fn kind_of_select(&mut self, node: &IdedExpr, select: &SelectExpr, depth: usize) -> Checked {
        if !select.test {
            let operand = self.kind(&select.operand, depth + 1)?;
            if !operand.may_be(Kind::Map) {
                let detail = format!("{} has no field `{}`", operand.name(), select.field);
                return Err(self.fault(Code::WrongType, node, detail));
            }
            return Ok(Kind::Dynamic);
        }
        match path_of(&select.operand) {
            Some(mut path) => {
                path.push(select.field.clone());
                self.kind_of_path(node, &path)?;
            }
            None => {
                self.kind(&select.operand, depth + 1)?;
            }
        }
        Ok(Kind::Bool)
    }

    fn kind_of_call(&mut self, node: &IdedExpr, call: &CallExpr, depth: usize) -> Checked {
        let name = call.func_name.as_str();
        if LOOPS.contains(&name) {
            let fault = self.fault(Code::MacroRefused, node, format!("`{name}` loops over a list, which is not offered"));
            return Err(fault.with_hint("ask whether a list holds a value with `in`: 'vip' in user.tags"));
        }
        if name == "has" {
            let fault = self.fault(Code::WrongArguments, node, "has() takes one field");
            return Err(fault.with_hint("write has(stay.room)"));
        }
        if is_operator(name) {
            let mut kinds = Vec::with_capacity(call.args.len());
            for argument in &call.args {
                kinds.push(self.kind(argument, depth + 1)?);
            }
            return self.kind_of_operator(node, name, &kinds);
        }
        let known: Vec<&Signature> = SIGNATURES.iter().filter(|known| known.name == name).collect();
        if known.is_empty() {
            let fault = self.fault(Code::UnknownFunction, node, format!("there is no function `{name}`"));
            return Err(match nearest(name, SIGNATURES.iter().map(|known| known.name).chain(["has"])) {
                Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        let target = match &call.target {
            Some(target) => Some(self.kind(target, depth + 1)?),
            None => None,
        };
        let mut kinds = Vec::with_capacity(call.args.len());
        for argument in &call.args {
            kinds.push(self.kind(argument, depth + 1)?);
        }
        self.kind_of_function(node, &known, target, &kinds)
    }

    fn kind_of_function(&self, node: &IdedExpr, known: &[&Signature], target: Option<Kind>, kinds: &[Kind]) -> Checked {
        let fits = |allowed: &[Kind], kind: Kind| allowed.is_empty() || allowed.iter().any(|one| kind.may_be(*one));
        let right_form: Vec<_> = known
            .iter()
            .filter(|one| one.target.is_some() == target.is_some() && one.arguments.len() == kinds.len())
            .collect();
        let Some(first) = right_form.first() else {
            let forms: Vec<_> = known.iter().map(|one| form_of(one)).collect();
            let fault = self.fault(Code::WrongArguments, node, "the function is not called like this");
            return Err(fault.with_hint(format!("write {}", forms.join(" or "))));
        };
        let fitting = right_form.iter().find(|one| {
            one.target.zip(target).is_none_or(|(allowed, kind)| fits(allowed, kind))
                && one.arguments.iter().zip(kinds).all(|(allowed, kind)| fits(allowed, *kind))
        });
        match fitting {
            Some(signature) => Ok(signature.gives),
            None => {
                let given: Vec<_> = target.iter().chain(kinds).map(|kind| kind.name()).collect();
                let detail = format!("`{}` does not take {}", first.name, given.join(" and "));
                Err(self.fault(Code::WrongType, node, detail))
            }
        }
    }

    fn kind_of_operator(&mut self, node: &IdedExpr, name: &str, kinds: &[Kind]) -> Checked {
        let wrong = |hint: Option<&str>| {
            let given: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            let detail = format!("`{}` does not go with {}", sign_of(name), given.join(" and "));
            let fault = self.fault(Code::WrongType, node, detail);
            Err(match hint {
                Some(hint) => fault.with_hint(hint),
                None => fault,
            })
        };
        match (name, kinds) {
            (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT, _) => {
                if kinds.iter().all(|kind| kind.may_be(Kind::Bool)) { Ok(Kind::Bool) } else { wrong(None) }
            }
            (op::CONDITIONAL, [test, then, otherwise]) => match test.may_be(Kind::Bool) {
                true if then == otherwise => Ok(*then),
                true => Ok(Kind::Dynamic),
                false => wrong(None),
            },
            (op::EQUALS | op::NOT_EQUALS, [left, right]) => {
                if can_equal(*left, *right) { Ok(Kind::Bool) } else { wrong(hint_to_convert(*left, *right)) }
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [left, right]) => {
                if can_order(*left, *right) { Ok(Kind::Bool) } else { wrong(hint_to_convert(*left, *right)) }
            }
            (op::IN, [_, container]) => match container {
                Kind::List | Kind::Map | Kind::Dynamic => Ok(Kind::Bool),
                Kind::Text => wrong(Some("ask whether a text holds another with text.contains('part')")),
                _ => wrong(None),
            },
            (op::INDEX, [container, index]) => match container {
                Kind::List if !index.may_be(Kind::Int) => wrong(None),
                Kind::List | Kind::Map | Kind::Dynamic => Ok(Kind::Dynamic),
                _ => wrong(None),
            },
            (op::NEGATE, [Kind::Int | Kind::Double | Kind::Dynamic]) => Ok(kinds[0]),
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [left, right]) => {
                let sign = sign_of(name).chars().next().unwrap_or('+');
                let Some(kind) = of_arithmetic(sign, *left, *right) else {
                    return wrong(hint_to_convert(*left, *right));
                };
                self.count_join(node, sign, kind)?;
                Ok(kind)
            }
            _ => wrong(None),
        }
    }

    /// Joining texts and lists is the only way to build something big, so that it is counted.
    fn count_join(&mut self, node: &IdedExpr, sign: char, kind: Kind) -> Result<(), ExpressionError> {
        if sign == '+' && matches!(kind, Kind::Text | Kind::List | Kind::Bytes | Kind::Dynamic) {
            self.joins += 1;
        }
        if self.joins > CONDITION_JOINS_MAX {
            let detail = format!("more than {CONDITION_JOINS_MAX} `+` on texts or lists");
            return Err(self.fault(Code::TooManyJoins, node, detail));
        }
        Ok(())
    }
}

fn root_of(mut node: &IdedExpr) -> &IdedExpr {
    loop {
        node = match &node.expr {
            Expr::Select(select) => &select.operand,
            Expr::Call(call) if call.func_name == op::INDEX && !call.args.is_empty() => &call.args[0],
            _ => return node,
        };
    }
}

fn kind_of_literal(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Bool,
        LiteralValue::Bytes(_) => Kind::Bytes,
        LiteralValue::Double(_) => Kind::Double,
        LiteralValue::Int(_) => Kind::Int,
        LiteralValue::Null => Kind::Null,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::UInt(_) => Kind::Uint,
    }
}

/// The parser spells operators with their operands as `_`, which no function name can hold at its ends and `in` as `@in`.
fn is_operator(name: &str) -> bool {
    name.starts_with(['_', '!', '-', '@']) && (name.contains('_') || name.starts_with('@')) && sign_of(name) != name
}

fn sign_of(name: &str) -> &str {
    match name {
        op::LOGICAL_AND => "&&",
        op::LOGICAL_OR => "||",
        op::LOGICAL_NOT => "!",
        op::CONDITIONAL => "? :",
        op::EQUALS => "==",
        op::NOT_EQUALS => "!=",
        op::LESS => "<",
        op::LESS_EQUALS => "<=",
        op::GREATER => ">",
        op::GREATER_EQUALS => ">=",
        op::ADD => "+",
        op::SUBSTRACT | op::NEGATE => "-",
        op::MULTIPLY => "*",
        op::DIVIDE => "/",
        op::MODULO => "%",
        op::IN => "in",
        op::INDEX => "[ ]",
        other => other,
    }
}

fn hint_to_convert(left: Kind, right: Kind) -> Option<&'static str> {
    let pair = |one, other| (left, right) == (one, other) || (left, right) == (other, one);
    let number = |kind| matches!(kind, Kind::Int | Kind::Uint | Kind::Double);
    if pair(Kind::Text, Kind::Instant) {
        Some("write the instant as timestamp('2026-05-04T14:00:00Z')")
    } else if pair(Kind::Text, Kind::Duration) {
        Some("write the length of time as PT3H or duration('3h')")
    } else if pair(Kind::Int, Kind::Double) {
        Some("write the whole number as 2.0, or convert it with double(...)")
    } else if left == Kind::Text && number(right) || right == Kind::Text && number(left) {
        Some("convert with string(...), int(...) or double(...)")
    } else {
        None
    }
}

fn form_of(signature: &Signature) -> String {
    let arguments = vec!["..."; signature.arguments.len()].join(", ");
    let target = if signature.target.is_some() { "x." } else { "" };
    format!("{target}{}({arguments})", signature.name)
}
