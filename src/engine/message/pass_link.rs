//! Links to passes in a content: where one may stand, and which fact it is of.

use super::content::{Content, ContentError};
use crate::engine::pass::PASS_LINK;

/// The name of the fact whose pass the content's link opens; none when it opens something else.
///
/// # Errors
/// A link to a pass that stands in a text, or among other words: it is a secret, made for one reader when the message is
/// fetched, and so must be all of `link`.
pub(super) fn of(content: &Content) -> Result<Option<String>, ContentError> {
    let misplaced = |pointer: String| {
        let detail = format!(
            "the link to a pass can only be the whole `link`, such as `{{{{ flight.{PASS_LINK} }}}}`: it is made for one \
             reader and must not stand in a text"
        );
        ContentError {
            code: "pass_link_misplaced",
            pointer,
            detail,
        }
    };
    let pass = content.link.as_deref().filter(|link| names_one(link));
    let name = pass.map(|link| whole(link).ok_or_else(|| misplaced("/link".into())));
    let name = name.transpose()?;
    for (locale, texts) in &content.locales {
        let public = [
            ("public_title", &texts.public_title),
            ("public_body", &texts.public_body),
        ];
        let public = public
            .into_iter()
            .filter_map(|(field, text)| Some((field, text.as_ref()?)));
        for (field, text) in [("title", &texts.title), ("body", &texts.body)]
            .into_iter()
            .chain(public)
        {
            if names_one(text) {
                return Err(misplaced(format!("/locales/{locale}/{field}")));
            }
        }
    }
    let others = [
        ("/image", &content.image),
        ("/collapse", &content.collapse),
        ("/ends_at", &content.ends_at),
    ];
    for (pointer, text) in others {
        if text.as_deref().is_some_and(names_one) {
            return Err(misplaced(pointer.to_owned()));
        }
    }
    Ok(name)
}

/// Does this template read `pass_link` of anything?
fn names_one(template: &str) -> bool {
    template.contains("{{") && template.contains(&format!(".{PASS_LINK}"))
        || template.contains("{%") && template.contains(&format!(".{PASS_LINK}"))
}

/// `flight` of `{{ flight.pass_link }}`.
fn whole(template: &str) -> Option<String> {
    let inside = template.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = inside.strip_suffix(PASS_LINK)?.strip_suffix('.')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
#[path = "pass_link_tests.rs"]
mod tests;
