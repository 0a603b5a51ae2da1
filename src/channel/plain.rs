//! A message as plain text, for channels that have no app at the other end.

use crate::engine::message::Shown;

/// What may be written to somebody whose provider reads along: of a sensitive message the public text alone, without the link.
pub(super) struct Plain<'a> {
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) link: Option<&'a str>,
}

impl<'a> Plain<'a> {
    pub(super) fn of(shown: &'a Shown) -> Self {
        if shown.sensitive {
            return Self {
                title: shown.public_title.as_deref().unwrap_or_default(),
                body: shown.public_body.as_deref().unwrap_or_default(),
                link: None,
            };
        }
        Self {
            title: &shown.title,
            body: &shown.body,
            link: shown.link.as_deref(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.title.trim().is_empty() && self.body.trim().is_empty()
    }

    /// Title, body and link, each on a line of its own; a text longer than `chars_max` loses the end of its body, never the link.
    pub(super) fn lines(&self, chars_max: usize) -> String {
        let text = [self.title.trim(), self.body.trim()].map(str::to_owned);
        let text = text.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        let text = text.join("\n");
        let Some(link) = self.link else {
            return cut(text, chars_max);
        };
        let room = chars_max.saturating_sub(link.chars().count() + 1);
        format!("{}\n{link}", cut(text, room))
    }
}

fn cut(text: String, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text;
    }
    let mut short: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    short.push('…');
    short
}
