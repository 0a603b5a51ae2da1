//! What can be wrong with a template: when it is saved, and when it is rendered.

use crate::base::limits::{RENDERED_CHARS_MAX, TEMPLATE_FUEL};

/// Why a template was refused when it was saved. The list is closed; `as_str` is what the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemplateCode {
    TooLong,
    TagTooLong,
    Syntax,
    UnknownTag,
    UnknownFilter,
    UnknownTest,
    FunctionRefused,
    OperatorRefused,
    LoopsTooDeep,
    BadArgument,
}

impl TemplateCode {
    /// Every code, for the generated list of errors.
    pub const ALL: [Self; 10] = [
        Self::TooLong,
        Self::TagTooLong,
        Self::Syntax,
        Self::UnknownTag,
        Self::UnknownFilter,
        Self::UnknownTest,
        Self::FunctionRefused,
        Self::OperatorRefused,
        Self::LoopsTooDeep,
        Self::BadArgument,
    ];

    /// The stable name of the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TagTooLong => "tag_too_long",
            Self::Syntax => "syntax",
            Self::UnknownTag => "unknown_tag",
            Self::UnknownFilter => "unknown_filter",
            Self::UnknownTest => "unknown_test",
            Self::FunctionRefused => "function_refused",
            Self::OperatorRefused => "operator_refused",
            Self::LoopsTooDeep => "loops_too_deep",
            Self::BadArgument => "bad_argument",
        }
    }
}

/// A template that cannot be saved: what, where and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} in line {line}: {detail}", code.as_str())]
pub struct TemplateError {
    pub code: TemplateCode,
    /// Where, in characters from the start of the text; for a syntax error the start of its line.
    pub position: usize,
    /// The line, counted from 1.
    pub line: usize,
    pub detail: String,
    /// What to write instead, when that can be told.
    pub hint: Option<String>,
}

impl TemplateError {
    /// A fault at a position in characters.
    pub(super) fn new(code: TemplateCode, source: &str, position: usize, detail: impl Into<String>) -> Self {
        let line = 1 + source.chars().take(position).filter(|letter| *letter == '\n').count();
        Self {
            code,
            position,
            line,
            detail: detail.into(),
            hint: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The parser's own complaint; it knows the line.
    pub(super) fn of_syntax(source: &str, error: &minijinja::Error) -> Self {
        let line = error.line().unwrap_or(1);
        let before = source.split_inclusive('\n').take(line.saturating_sub(1));
        let position = before.map(|line| line.chars().count()).sum();
        let detail = error.detail().unwrap_or("this is not a template").to_owned();
        Self {
            code: TemplateCode::Syntax,
            position,
            line,
            detail,
            hint: None,
        }
    }
}

/// Why a saved template gave no text for this scene.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The path of a value that is absent or null where it would be shown.
    #[error("`{0}` is missing")]
    Missing(String),
    #[error("the text takes more than {TEMPLATE_FUEL} steps")]
    Fuel,
    #[error("the text is longer than {RENDERED_CHARS_MAX} characters")]
    TooLong,
    /// Anything else, such as a filter that got a value it cannot take.
    #[error("{0}")]
    Failed(String),
}
