//! What can be wrong with an expression: when it is saved, and when it is evaluated.

/// Why an expression was refused when it was saved. The list is closed; `as_str` is what the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpressionCode {
    TooLong,
    TooDeep,
    TooManyJoins,
    Syntax,
    UnknownVariable,
    UnknownField,
    UnknownFunction,
    MacroRefused,
    WrongType,
    WrongArguments,
    BadLiteral,
    BadPattern,
    Unsupported,
}

impl ExpressionCode {
    /// Every code, for the generated list of errors.
    pub const ALL: [Self; 13] = [
        Self::TooLong,
        Self::TooDeep,
        Self::TooManyJoins,
        Self::Syntax,
        Self::UnknownVariable,
        Self::UnknownField,
        Self::UnknownFunction,
        Self::MacroRefused,
        Self::WrongType,
        Self::WrongArguments,
        Self::BadLiteral,
        Self::BadPattern,
        Self::Unsupported,
    ];

    /// The stable name of the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
            Self::TooManyJoins => "too_many_joins",
            Self::Syntax => "syntax",
            Self::UnknownVariable => "unknown_variable",
            Self::UnknownField => "unknown_field",
            Self::UnknownFunction => "unknown_function",
            Self::MacroRefused => "macro_refused",
            Self::WrongType => "wrong_type",
            Self::WrongArguments => "wrong_arguments",
            Self::BadLiteral => "bad_literal",
            Self::BadPattern => "bad_pattern",
            Self::Unsupported => "unsupported",
        }
    }
}

/// An expression that cannot be saved: what, where and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at character {position}: {detail}", code.as_str())]
pub struct ExpressionError {
    pub code: ExpressionCode,
    /// Where, in characters from the start of the text (0 is the first one).
    pub position: usize,
    pub detail: String,
    /// What to write instead, when that can be told.
    pub hint: Option<String>,
}

impl ExpressionError {
    pub(super) fn new(code: ExpressionCode, position: usize, detail: impl Into<String>) -> Self {
        Self {
            code,
            position,
            detail: detail.into(),
            hint: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a saved expression gave no text or instant for this scene.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A value that the expression reads is absent (or null where a value is needed).
    #[error("`{0}` is missing")]
    Missing(String),
    /// The answer is longer than `EXPRESSION_ANSWER_BYTES_MAX`.
    #[error("the answer is longer than {max} bytes", max = crate::base::limits::EXPRESSION_ANSWER_BYTES_MAX)]
    TooLong,
    /// Anything else: an overflow, a text that is no instant, a value of another type than expected.
    #[error("{0}")]
    Failed(String),
}
