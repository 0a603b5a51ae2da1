//! Colours for people on a terminal, and nothing but text for everybody else.

use std::io::IsTerminal;

/// How something is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    /// Still open.
    Open,
    /// Held back, for a reason.
    Held,
    Bad,
}

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    coloured: bool,
}

impl Paint {
    pub const OFF: Self = Self { coloured: false };

    /// Colours only when standard output is a terminal that wants them (<https://no-color.org>).
    #[expect(
        clippy::disallowed_methods,
        reason = "NO_COLOR and TERM describe the terminal, not Usher: they are no settings"
    )]
    pub fn for_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            coloured: std::io::stdout().is_terminal() && !unwanted && !dumb,
        }
    }

    pub fn text(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Open => "36",
            Tone::Held => "33",
            Tone::Bad => "31",
        };
        if self.coloured && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
