//! The static check: known variables, fields and functions, types that fit, and a bounded size.

use super::error::{ExpressionCode as Code, ExpressionError};
use super::kind::{Kind, LOOPS, SIGNATURES, Signature, TYPE_NAMES};
use super::operators::{is_operator, of_operator, sign_of};
use super::scope::{Scope, Standing, nearest};
use crate::base::limits::{CONDITION_DEPTH_MAX, CONDITION_JOINS_MAX};
use crate::base::time::Span;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators as op};
use std::collections::BTreeSet;

type Checked = Result<Kind, ExpressionError>;

/// The path that a node spells: `stay.room`, also written `stay['room']`.
pub(super) fn path_of(node: &IdedExpr) -> Option<Vec<String>> {
    if let Expr::Ident(name) = &node.expr {
        return Some(vec![name.clone()]);
    }
    let (parent, name) = step_of(node)?;
    let mut path = path_of(parent)?;
    path.push(name.to_owned());
    Some(path)
}

/// What a node selects from, and by which name.
fn step_of(node: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    if let Expr::Select(select) = &node.expr
        && !select.test
    {
        return Some((select.operand.as_ref(), select.field.as_str()));
    }
    if let Expr::Call(call) = &node.expr
        && call.func_name == op::INDEX
        && let [parent, index] = call.args.as_slice()
    {
        return Some((parent, text_literal(index)?));
    }
    None
}

pub(super) fn text_literal(node: &IdedExpr) -> Option<&str> {
    if let Expr::Literal(LiteralValue::String(text)) = &node.expr {
        Some(text.inner())
    } else {
        None
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
        Self {
            scope,
            source,
            positions,
            joins: 0,
            fields: BTreeSet::new(),
        }
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
            Expr::Ident(name) => Ok(if span_of(name).is_some() {
                Kind::Duration
            } else {
                Kind::Type
            }),
            Expr::Select(select) => self.kind_of_select(node, select, depth),
            Expr::Call(call) => self.kind_of_call(node, call, depth),
            Expr::List(list) => {
                list.elements
                    .iter()
                    .try_for_each(|element| self.kind(element, depth + 1).map(drop))?;
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
            return Err(self.fault(
                Code::TooDeep,
                node,
                format!("a path of more than {CONDITION_DEPTH_MAX} names"),
            ));
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
            Standing::UnknownField => self.fault(
                Code::UnknownField,
                node,
                format!("`{}` has no field `{}`", path[0], path[1..].join(".")),
            ),
            Standing::NoFields(taken) => {
                let plain = path[..taken].join(".");
                self.fault(
                    Code::UnknownField,
                    node,
                    format!("`{plain}` is a plain value and has no fields"),
                )
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
            let fault = self.fault(
                Code::MacroRefused,
                node,
                format!("`{name}` loops over a list, which is not offered"),
            );
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
            return Err(
                match nearest(name, SIGNATURES.iter().map(|known| known.name).chain(["has"])) {
                    Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
                    None => fault,
                },
            );
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
                && one
                    .arguments
                    .iter()
                    .zip(kinds)
                    .all(|(allowed, kind)| fits(allowed, *kind))
        });
        if let Some(signature) = fitting {
            return Ok(signature.gives);
        }
        let given: Vec<_> = target.iter().chain(kinds).map(|kind| kind.name()).collect();
        let detail = format!("`{}` does not take {}", first.name, given.join(" and "));
        Err(self.fault(Code::WrongType, node, detail))
    }

    fn kind_of_operator(&mut self, node: &IdedExpr, name: &str, kinds: &[Kind]) -> Checked {
        let kind = match of_operator(name, kinds) {
            Ok(kind) => kind,
            Err(hint) => {
                let given: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                let detail = format!("`{}` does not go with {}", sign_of(name), given.join(" and "));
                let fault = self.fault(Code::WrongType, node, detail);
                return Err(match hint {
                    Some(hint) => fault.with_hint(hint),
                    None => fault,
                });
            }
        };
        self.count_join(node, name, kind)?;
        Ok(kind)
    }

    /// Joining texts and lists is the only way to build something big, so that it is counted.
    fn count_join(&mut self, node: &IdedExpr, name: &str, kind: Kind) -> Result<(), ExpressionError> {
        if name == op::ADD && matches!(kind, Kind::Text | Kind::List | Kind::Bytes | Kind::Dynamic) {
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
    while let Some((parent, _)) = step_of(node) {
        node = parent;
    }
    node
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

fn form_of(signature: &Signature) -> String {
    let arguments = vec!["..."; signature.arguments.len()].join(", ");
    let target = if signature.target.is_some() { "x." } else { "" };
    format!("{target}{}({arguments})", signature.name)
}
