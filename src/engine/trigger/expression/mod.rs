//! CEL expressions: the `if` and `until` of a trigger, its once-key and its times - checked when saved, cheap when judged.
//!
//! The language is the Common Expression Language with its standard functions and `has()`, and without the macros that
//! loop: what an expression costs is bounded by its text. Usher adds to it:
//!
//! - JSON numbers are `int` when they are whole, else `double`; a field declared as a double is always one.
//! - A text is an instant when its field is declared as one; where nothing is declared, when the field is called `now`
//!   or its name ends with `_at` and the text is RFC 3339. The offset it was written with is kept.
//! - `PT3H`, `P1DT12H` and other ISO 8601 durations stand for lengths of time: `flight.departs_at - PT3H`.
//! - `has(stay.room)` is false when any part of the path is absent or null. A null may be read and equals `null`; what
//!   is absent may not: the expression then answers [`Verdict::Missing`] unless `||` or `&&` made it not matter.
//! - `matches()` takes a pattern that is written out; it is compiled once, with bounded memory.

mod bind;
mod check;
mod error;
mod judge;
mod kind;
mod operators;
mod scan;
mod scope;
mod survey;
mod values;

pub use error::{EvaluationError, ExpressionCode, ExpressionError};
pub use judge::{Clause, Judgement, Verdict};
pub(crate) use scope::nearest;
pub use scope::{FieldType, Fields, Scope};
pub use survey::{Comparison, Said, Sign, With, survey};

use crate::base::limits::{CONDITION_BRACKETS_DEEP_MAX, CONDITION_BYTES_MAX, CONDITION_CONDITIONALS_MAX};
use bind::Binder;
use cel::common::ast::{Expr, SelectExpr};
use cel::parser::Macro;
use cel::{Env, IdedExpr, ParseErrors, Program};
use check::Checker;
use kind::Kind;
use regex::Regex;
use std::fmt;
use std::sync::{Arc, LazyLock};
use values::Slot;

/// What an expression has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// True or false: a condition.
    Truth,
    /// A text: a once-key.
    Text,
    /// An instant: a time trigger.
    Instant,
}

impl Wanted {
    fn kind(self) -> Kind {
        match self {
            Self::Truth => Kind::Bool,
            Self::Text => Kind::Text,
            Self::Instant => Kind::Instant,
        }
    }
}

/// A checked expression, ready to be judged from any thread. Cloning shares it.
///
/// ```
/// use usher::engine::trigger::expression::{Expression, FieldType, Fields, Scope, Verdict, Wanted};
///
/// let scope = Scope::new().with("stay", Fields::Closed(&[("status", FieldType::Text), ("nights", FieldType::Int)]));
/// let condition = Expression::compile("stay.status == 'booked' && stay.nights > 1", &scope, Wanted::Truth)?;
/// let scene = serde_json::json!({ "stay": { "status": "booked", "nights": 1 } });
/// let judgement = condition.judge(scene.as_object().ok_or("not an object")?);
/// assert_eq!(judgement.verdict, Verdict::Fails);
/// assert_eq!(judgement.clauses[1].text, "stay.nights > 1");
/// assert_eq!(judgement.clauses[1].holds, Some(false));
///
/// let error = Expression::compile("stay.statsu == 'booked'", &scope, Wanted::Truth).err().ok_or("accepted")?;
/// assert_eq!(error.hint.as_deref(), Some("did you mean `stay.status`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Expression {
    compiled: Arc<Compiled>,
}

/// What judging needs, all of it made when the expression was compiled.
struct Compiled {
    text: String,
    wanted: Wanted,
    fields: Vec<String>,
    clauses: Vec<BoundClause>,
    slots: Vec<Slot>,
    patterns: Vec<Regex>,
}

/// One operand of the top-level `&&`.
struct BoundClause {
    text: String,
    tree: IdedExpr,
    /// The slots it reads, for the values that Explain shows.
    reads: Vec<usize>,
}

impl Expression {
    /// Checks and prepares a text.
    ///
    /// # Errors
    /// The first fault found, with its code, its position in characters and, where possible, what to write instead.
    pub fn compile(text: &str, scope: &Scope, wanted: Wanted) -> Result<Self, ExpressionError> {
        let Parsed { program, clauses } = parse(text, wanted)?;
        let mut checker = Checker::new(scope, text, program.source_info());
        let kind = checker.check(program.expression())?;
        if !kind.may_be(wanted.kind()) {
            let detail = format!("this gives {}, but {} is needed", kind.name(), wanted.kind().name());
            return Err(ExpressionError::new(ExpressionCode::WrongType, 0, detail));
        }
        let fields = checker.fields.into_iter().collect();
        let (clauses, slots, patterns) = bind_clauses(text, &program, &clauses, scope)?;
        let compiled = Compiled {
            text: text.to_owned(),
            wanted,
            fields,
            clauses,
            slots,
            patterns,
        };
        Ok(Self {
            compiled: Arc::new(compiled),
        })
    }

    /// The text as it was saved.
    pub fn text(&self) -> &str {
        &self.compiled.text
    }

    /// The dotted paths it reads or tests, sorted: `["place.external_id", "stay.status"]`.
    pub fn fields(&self) -> &[String] {
        &self.compiled.fields
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.compiled.text).finish()
    }
}

type Bound = (Vec<BoundClause>, Vec<Slot>, Vec<Regex>);

/// Binds each clause of a condition on its own, so that Explain can show each; any other expression is one clause.
fn bind_clauses(
    text: &str,
    program: &Program,
    parts: &[(&str, Program)],
    scope: &Scope,
) -> Result<Bound, ExpressionError> {
    let positions = program.source_info();
    let binder = || Binder {
        scope,
        source: text,
        positions,
        slots: Vec::new(),
        patterns: Vec::new(),
    };
    // The whole tree is bound in any case: faults found here know where they stand in the whole text.
    let mut whole = binder();
    let tree = whole.bind(program.expression())?;
    if parts.len() < 2 {
        let clause = BoundClause {
            text: text.trim().to_owned(),
            reads: slots_read(&tree),
            tree,
        };
        return Ok((vec![clause], whole.slots, whole.patterns));
    }
    let mut binder = binder();
    let mut clauses = Vec::with_capacity(parts.len());
    for (text, part) in parts {
        let tree = binder.bind(part.expression())?;
        clauses.push(BoundClause {
            text: (*text).to_owned(),
            reads: slots_read(&tree),
            tree,
        });
    }
    Ok((clauses, binder.slots, binder.patterns))
}

/// The slots a bound tree names.
fn slots_read(tree: &IdedExpr) -> Vec<usize> {
    let references = tree.references();
    let mut slots: Vec<usize> = references
        .variables()
        .into_iter()
        .filter_map(values::slot_index)
        .collect();
    slots.sort_unstable();
    slots
}

/// A text as the parser sees it: whole, and by clause.
struct Parsed<'t> {
    program: Program,
    /// The operands of the top-level `&&`; none when there is no such thing.
    clauses: Vec<(&'t str, Program)>,
}

/// Parses within the bounds: the length and nesting are known to be small before the parser sees the text.
fn parse(text: &str, wanted: Wanted) -> Result<Parsed<'_>, ExpressionError> {
    if text.len() > CONDITION_BYTES_MAX {
        let detail = format!("{} bytes, but at most {CONDITION_BYTES_MAX} are allowed", text.len());
        return Err(
            ExpressionError::new(ExpressionCode::TooLong, CONDITION_BYTES_MAX, detail)
                .with_hint("put part of it into another trigger, or compute it into a field of the fact"),
        );
    }
    if text.trim().is_empty() {
        return Err(ExpressionError::new(ExpressionCode::Syntax, 0, "the text is empty"));
    }
    // The parser recurses over brackets and conditionals with big frames: these bounds keep it off the end of the stack.
    let shape = scan::shape_of(text);
    let too_deep = [
        (
            shape.depth > CONDITION_BRACKETS_DEEP_MAX,
            CONDITION_BRACKETS_DEEP_MAX,
            "brackets in brackets",
        ),
        (
            shape.conditionals > CONDITION_CONDITIONALS_MAX,
            CONDITION_CONDITIONALS_MAX,
            "conditionals (`? :`)",
        ),
    ];
    if let Some((_, most, what)) = too_deep.into_iter().find(|(is_over, ..)| *is_over) {
        let position = text[..shape.deepest_at].chars().count();
        let error = ExpressionError::new(ExpressionCode::TooDeep, position, format!("more than {most} {what}"));
        return Err(error.with_hint("split it with &&, or compute part of it into a field of the fact"));
    }
    let clauses = if wanted == Wanted::Truth {
        scan::clauses_of(text)
    } else {
        Vec::new()
    };
    let env = environment();
    let program = env.compile(text).map_err(|errors| syntax_fault(text, &errors))?;
    // Were a clause not to parse on its own, then the text is shown as one.
    let clauses = clauses.into_iter().map(|text| Some((text, env.compile(text).ok()?)));
    Ok(Parsed {
        program,
        clauses: clauses.collect::<Option<_>>().unwrap_or_default(),
    })
}

/// The parser's first complaint, with its line and column as one offset in characters.
fn syntax_fault(text: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError::new(ExpressionCode::Syntax, 0, "this is not an expression");
    };
    let line = usize::try_from(first.pos.0).unwrap_or(0).saturating_sub(1);
    let column = usize::try_from(first.pos.1).unwrap_or(0).saturating_sub(1);
    let before: usize = text
        .split_inclusive('\n')
        .take(line)
        .map(|line| line.chars().count())
        .sum();
    let position = (before + column).min(text.chars().count());
    if first.msg.contains("ecursion limit") {
        return ExpressionError::new(ExpressionCode::TooDeep, position, "the text nests too deep");
    }
    // Some complaints name the parser's own parts, which say nothing to the one who writes a condition.
    let says_nothing = first.msg.contains("ContextAll") || first.msg.contains("UNKNOWN");
    let detail = if says_nothing {
        "this is not an expression"
    } else {
        first.msg.trim_start_matches("Syntax error: ")
    };
    let error = ExpressionError::new(
        ExpressionCode::Syntax,
        position,
        detail.chars().take(200).collect::<String>(),
    );
    // A single `=` or `and` is the slip of everybody who comes from a spreadsheet or from SQL.
    let words = [
        (" = ", "compare with =="),
        (" and ", "join conditions with &&"),
        (" or ", "write ||"),
        (" not ", "write !"),
    ];
    match words.iter().find(|(word, _)| text.contains(word)) {
        Some((_, hint)) => error.with_hint(*hint),
        None => error,
    }
}

/// The one environment of all expressions: the standard library, no loops, and `has`.
fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::default().with_optional_support(false).with_stdlib();
        let has = Macro::global("has", 1, |macros, _, arguments| match arguments.pop() {
            Some(IdedExpr {
                expr: Expr::Select(select),
                ..
            }) if !select.test => Ok(Some(
                macros.next_expr(Expr::Select(SelectExpr { test: true, ..select })),
            )),
            other => Err(macros.new_error(
                other.map_or(0, |node| node.id),
                "has() takes one field, as in has(stay.room)",
            )),
        });
        // An environment without macros cannot already have this one; were it so, `has` would be refused as unknown.
        let _ = env.add_macro(has);
        Arc::new(env)
    });
    Arc::clone(&ENVIRONMENT)
}

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance_tests;
#[cfg(test)]
#[path = "refusal_tests.rs"]
mod refusal_tests;
#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;
