//! What a command says: text for people or JSON for programs, on standard output; failures with what to do next.

use super::paint::{Paint, Tone};
use crate::app::AppError;
use crate::store::StoreError;
use crate::walk::{TrialError, WalkError};
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// What is wrong, and what to do about it.
    Told { what: String, remedy: String },
    /// Whoever read the output has gone (`usher … | head`): nothing is left to say, and nothing is wrong.
    ReaderGone,
}

impl Failure {
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Told {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::new(error.what, error.remedy)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string(), "`usher check` probes the database")
    }
}

impl From<WalkError> for Failure {
    fn from(error: WalkError) -> Self {
        Self::new(
            error.to_string(),
            "correct the file; `usher simulate --help` describes it",
        )
    }
}

impl From<TrialError> for Failure {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::Walk(error) => error.into(),
            TrialError::Disturb(error) => Self::new(
                error.detail,
                "correct --noise, --offline or --skew; `usher simulate --help` describes them",
            ),
        }
    }
}

/// Where and how to speak.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    pub json: bool,
    pub paint: Paint,
}

impl Out {
    pub fn new(json: bool) -> Self {
        let paint = if json { Paint::OFF } else { Paint::for_stdout() };
        Self { json, paint }
    }

    /// Prints a text and a line end, now: what follows may take long.
    ///
    /// # Errors
    /// The reader has gone, or the output cannot be written.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .map_err(|error| {
                if error.kind() == ErrorKind::BrokenPipe {
                    return Failure::ReaderGone;
                }
                let what = format!("standard output cannot be written: {error}");
                Failure::new(what, "is the disk full?")
            })
    }

    /// Prints a value as indented JSON.
    ///
    /// # Errors
    /// As [`Out::line`].
    pub fn value(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Failure::new(
                format!("no JSON: {error}"),
                "this is a fault in Usher: please report it",
            )
        })?;
        self.line(&text)
    }

    /// Text for people; nothing with `--json`.
    ///
    /// # Errors
    /// As [`Out::line`].
    pub fn note(self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { self.line(text) }
    }

    /// Says on standard error why the command ends, and with which code.
    pub fn fail(self, failure: &Failure) -> ExitCode {
        let Failure::Told { what, remedy } = failure else {
            return ExitCode::SUCCESS;
        };
        let mut stderr = std::io::stderr().lock();
        // Nobody is left to tell when standard error is gone, too.
        let _ = if self.json {
            writeln!(stderr, "{}", serde_json::json!({ "error": what, "remedy": remedy }))
        } else {
            writeln!(stderr, "{} {what}\n  {remedy}", self.paint.text(Tone::Bad, "error:"))
        };
        ExitCode::FAILURE
    }
}
