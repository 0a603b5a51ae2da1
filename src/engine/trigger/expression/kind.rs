//! The types of the static check, and what operators and functions take and give.

use super::scope::FieldType;

/// The type of a part of an expression, as far as it is known when it is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Instant,
    Duration,
    List,
    Map,
    Null,
    Type,
    Dynamic,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Uint => "an unsigned number",
            Self::Double => "a number with a fraction",
            Self::Text => "a text",
            Self::Bytes => "bytes",
            Self::Instant => "an instant",
            Self::Duration => "a length of time",
            Self::List => "a list",
            Self::Map => "an object",
            Self::Null => "null",
            Self::Type => "a type",
            Self::Dynamic => "any value",
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether this can turn out to be the wanted type.
    pub(super) fn may_be(self, wanted: Self) -> bool {
        self == wanted || self == Self::Dynamic
    }
}

impl From<FieldType> for Kind {
    fn from(field: FieldType) -> Self {
        match field {
            FieldType::Bool => Self::Bool,
            FieldType::Int => Self::Int,
            FieldType::Double => Self::Double,
            FieldType::Text => Self::Text,
            FieldType::Instant => Self::Instant,
            FieldType::List => Self::List,
            FieldType::Dynamic => Self::Dynamic,
        }
    }
}

/// Whether `==` between the two can ever be true. Numbers compare across their types, and null with everything.
pub(super) fn can_equal(left: Kind, right: Kind) -> bool {
    let free = |kind| matches!(kind, Kind::Dynamic | Kind::Null);
    left == right || free(left) || free(right) || left.is_number() && right.is_number()
}

/// Whether `<` and its kin are defined between the two.
pub(super) fn can_order(left: Kind, right: Kind) -> bool {
    let ordered = |kind: Kind| {
        kind.is_number()
            || matches!(
                kind,
                Kind::Bool | Kind::Text | Kind::Bytes | Kind::Instant | Kind::Duration | Kind::Dynamic
            )
    };
    ordered(left)
        && ordered(right)
        && (left == right || left == Kind::Dynamic || right == Kind::Dynamic || left.is_number() && right.is_number())
}

/// What `left operator right` gives, for `+ - * / %`; nothing when it is not defined.
pub(super) fn of_arithmetic(sign: &str, left: Kind, right: Kind) -> Option<Kind> {
    use Kind::{Bytes, Double, Duration, Dynamic, Instant, Int, List, Text, Uint};
    match (sign, left, right) {
        ("+", Text, Text) => Some(Text),
        ("+", Bytes, Bytes) => Some(Bytes),
        ("+", List, List) => Some(List),
        ("+" | "-", Instant, Duration) | ("+", Duration, Instant) => Some(Instant),
        ("+" | "-", Duration, Duration) | ("-", Instant, Instant) => Some(Duration),
        ("%", Double, _) | ("%", _, Double) => None,
        (_, Int, Int) | (_, Uint, Uint) | (_, Double, Double) => Some(left),
        // A time with something unknown can give an instant or a length; a number or a text only its own type.
        (_, Dynamic, other) | (_, other, Dynamic) if may_take_part(sign, other) => {
            Some(if matches!(other, Instant | Duration) {
                Dynamic
            } else {
                other
            })
        }
        _ => None,
    }
}

fn may_take_part(sign: &str, kind: Kind) -> bool {
    match sign {
        "+" => !matches!(kind, Kind::Bool | Kind::Null | Kind::Map | Kind::Type),
        "-" => kind.is_number() || matches!(kind, Kind::Instant | Kind::Duration | Kind::Dynamic),
        "%" => matches!(kind, Kind::Int | Kind::Uint | Kind::Dynamic),
        _ => kind.is_number() || kind == Kind::Dynamic,
    }
}

/// One way to call a function: what it is called on, with what, and what it gives.
pub(super) struct Signature {
    pub name: &'static str,
    /// The types the target may have, for `x.f()`; nothing for `f(x)`.
    pub target: Option<&'static [Kind]>,
    pub arguments: &'static [&'static [Kind]],
    pub gives: Kind,
}

const ANY: &[Kind] = &[];
const TEXT: &[Kind] = &[Kind::Text];
const SIZED: &[Kind] = &[Kind::Text, Kind::Bytes, Kind::List, Kind::Map];
const TIMED: &[Kind] = &[Kind::Instant, Kind::Duration];
const INSTANT: &[Kind] = &[Kind::Instant];
const NUMERIC: &[Kind] = &[Kind::Int, Kind::Uint, Kind::Double, Kind::Text];
const WHOLE: &[Kind] = &[Kind::Int, Kind::Uint, Kind::Double, Kind::Text, Kind::Instant];
const PRINTABLE: &[Kind] = &[
    Kind::Text,
    Kind::Bool,
    Kind::Int,
    Kind::Uint,
    Kind::Double,
    Kind::Bytes,
    Kind::Instant,
    Kind::Duration,
];

const fn on(
    name: &'static str,
    target: &'static [Kind],
    arguments: &'static [&'static [Kind]],
    gives: Kind,
) -> Signature {
    Signature {
        name,
        target: Some(target),
        arguments,
        gives,
    }
}

const fn of(name: &'static str, arguments: &'static [&'static [Kind]], gives: Kind) -> Signature {
    Signature {
        name,
        target: None,
        arguments,
        gives,
    }
}

/// Every function an expression may call: the standard ones of CEL. An empty list of types takes any value.
pub(super) const SIGNATURES: &[Signature] = &[
    of("size", &[SIZED], Kind::Int),
    on("size", SIZED, &[], Kind::Int),
    on("contains", TEXT, &[TEXT], Kind::Bool),
    on("startsWith", TEXT, &[TEXT], Kind::Bool),
    on("endsWith", TEXT, &[TEXT], Kind::Bool),
    on("matches", TEXT, &[TEXT], Kind::Bool),
    of("matches", &[TEXT, TEXT], Kind::Bool),
    of("string", &[PRINTABLE], Kind::Text),
    of("int", &[WHOLE], Kind::Int),
    of("uint", &[NUMERIC], Kind::Uint),
    of("double", &[NUMERIC], Kind::Double),
    of("bool", &[&[Kind::Bool, Kind::Text]], Kind::Bool),
    of("bytes", &[&[Kind::Bytes, Kind::Text]], Kind::Bytes),
    of("timestamp", &[&[Kind::Text, Kind::Int, Kind::Instant]], Kind::Instant),
    of("duration", &[&[Kind::Text, Kind::Duration]], Kind::Duration),
    of("type", &[ANY], Kind::Type),
    of("dyn", &[ANY], Kind::Dynamic),
    on("getFullYear", INSTANT, &[], Kind::Int),
    on("getFullYear", INSTANT, &[TEXT], Kind::Int),
    on("getMonth", INSTANT, &[], Kind::Int),
    on("getMonth", INSTANT, &[TEXT], Kind::Int),
    on("getDate", INSTANT, &[], Kind::Int),
    on("getDate", INSTANT, &[TEXT], Kind::Int),
    on("getDayOfMonth", INSTANT, &[], Kind::Int),
    on("getDayOfMonth", INSTANT, &[TEXT], Kind::Int),
    on("getDayOfWeek", INSTANT, &[], Kind::Int),
    on("getDayOfWeek", INSTANT, &[TEXT], Kind::Int),
    on("getDayOfYear", INSTANT, &[], Kind::Int),
    on("getDayOfYear", INSTANT, &[TEXT], Kind::Int),
    on("getHours", TIMED, &[], Kind::Int),
    on("getHours", INSTANT, &[TEXT], Kind::Int),
    on("getMinutes", TIMED, &[], Kind::Int),
    on("getMinutes", INSTANT, &[TEXT], Kind::Int),
    on("getSeconds", TIMED, &[], Kind::Int),
    on("getSeconds", INSTANT, &[TEXT], Kind::Int),
    on("getMilliseconds", TIMED, &[], Kind::Int),
    on("getMilliseconds", INSTANT, &[TEXT], Kind::Int),
];

/// The macros of CEL that loop; their cost is not bounded by the text, so that they are refused.
pub(super) const LOOPS: [&str; 6] = ["all", "exists", "exists_one", "existsOne", "map", "filter"];

/// Names that stand for types, as in `type(x) == string`.
pub(super) const TYPE_NAMES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];
