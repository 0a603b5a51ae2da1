//! What the operators take and give, and what to write when they do not fit.

use super::kind::{Kind, can_equal, can_order, of_arithmetic};
use cel::common::ast::operators as op;

/// The type that an operator gives for operands of these types; else a hint, when there is one.
pub(super) fn of_operator(name: &str, kinds: &[Kind]) -> Result<Kind, Option<&'static str>> {
    let gives = |fits: bool, kind: Kind| if fits { Ok(kind) } else { Err(None) };
    match (name, kinds) {
        (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT, _) => {
            gives(kinds.iter().all(|kind| kind.may_be(Kind::Bool)), Kind::Bool)
        }
        (op::CONDITIONAL, [test, then, otherwise]) => gives(
            test.may_be(Kind::Bool),
            if then == otherwise { *then } else { Kind::Dynamic },
        ),
        (op::EQUALS | op::NOT_EQUALS, [left, right]) => {
            if can_equal(*left, *right) {
                Ok(Kind::Bool)
            } else {
                Err(hint_to_convert(*left, *right))
            }
        }
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [left, right]) => {
            if can_order(*left, *right) {
                Ok(Kind::Bool)
            } else {
                Err(hint_to_convert(*left, *right))
            }
        }
        (op::IN, [_, Kind::Text]) => Err(Some("ask whether a text holds another with text.contains('part')")),
        (op::IN, [_, container]) => gives(container.may_be(Kind::List) || *container == Kind::Map, Kind::Bool),
        (op::INDEX, [Kind::List, index]) => gives(index.may_be(Kind::Int), Kind::Dynamic),
        (op::INDEX, [container, _]) => gives(container.may_be(Kind::Map), Kind::Dynamic),
        (op::NEGATE, [kind]) => gives(matches!(kind, Kind::Int | Kind::Double | Kind::Dynamic), *kind),
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [left, right]) => {
            of_arithmetic(sign_of(name), *left, *right).ok_or_else(|| hint_to_convert(*left, *right))
        }
        _ => Err(None),
    }
}

/// The parser spells operators in ways that no function can be called: with `_` for the operands, and `@in`.
pub(super) fn is_operator(name: &str) -> bool {
    sign_of(name) != name
}

/// The operator as people write it; any other name as it is.
pub(super) fn sign_of(name: &str) -> &str {
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
    if pair(Kind::Text, Kind::Instant) {
        Some("write the instant as timestamp('2026-05-04T14:00:00Z')")
    } else if pair(Kind::Text, Kind::Duration) {
        Some("write the length of time as PT3H or duration('3h')")
    } else if pair(Kind::Int, Kind::Double) {
        Some("write the whole number as 2.0, or convert it with double(...)")
    } else if left == Kind::Text && right.is_number() || right == Kind::Text && left.is_number() {
        Some("convert with string(...), int(...) or double(...)")
    } else {
        None
    }
}
