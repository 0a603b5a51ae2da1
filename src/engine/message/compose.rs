//! From a content and the values of one case to what one user will read.

use super::Shown;
use super::content::{CompiledContent, CompiledTexts, Missing};
use super::template::{RenderError, Template, is_missing, lookup, with_value};
use crate::base::time::Timestamp;
use crate::engine::fact::Fact;
use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What came out of composing.
#[derive(Debug, Clone, PartialEq)]
pub enum Composed {
    Shown(Box<Shown>),
    /// A variable has no value, and its rule says to wait for it.
    Wait {
        missing: String,
    },
    /// A variable has no value, and its rule says not to send.
    Missing {
        missing: String,
    },
    /// The text cannot be rendered or grew too long.
    Failed {
        why: String,
    },
}

/// Renders `content` for a reader of `locale`. `facts` are those bound in this case, by name, to tell what is sensitive;
/// `sender` stands where a sensitive message has no public text. With `has_waited`, a variable that was waited for is left
/// empty: what is known is said.
pub fn compose(
    content: &CompiledContent,
    locale: Option<&str>,
    mut scene: Map<String, Value>,
    facts: &BTreeMap<String, Fact>,
    sender: &str,
    has_waited: bool,
) -> Composed {
    let Some((locale, texts)) = content.texts_for(locale) else {
        return Composed::Failed {
            why: "no texts for the default locale".into(),
        };
    };
    let used = variables_of(content, texts);
    for path in &used {
        if !is_missing(lookup(&scene, path)) || is_guarded_parent(path, &used) {
            continue;
        }
        match content.content.variables.get(path) {
            Some(Missing::Fallback(text)) => with_value(&mut scene, path, Value::String(text.clone())),
            Some(Missing::Wait) if has_waited => with_value(&mut scene, path, Value::String(String::new())),
            Some(Missing::Wait) => return Composed::Wait { missing: path.clone() },
            None if content.templates(texts).all(|template| template.can_do_without(path)) => {}
            Some(Missing::DoNotSend) | None => return Composed::Missing { missing: path.clone() },
        }
    }
    let pass = content
        .pass
        .as_ref()
        .and_then(|name| facts.get(name))
        .filter(|fact| fact.has_pass())
        .map(|fact| fact.id.clone());
    // A link to a pass opens it for whoever holds the link: such a message is as sensitive as the pass.
    let sensitive = pass.is_some()
        || [&texts.title, &texts.body]
            .iter()
            .any(|template| reads_sensitive(template, facts));
    let ends_at = match end_of_life(content, &scene) {
        Ok(ends_at) => ends_at,
        Err(failed) => return failed,
    };
    match render_all(content, texts, &scene, facts) {
        Ok(mut rendered) => {
            if pass.is_some() {
                rendered.link = None;
            }
            let mut shown = finish(content, locale, rendered, sensitive, sender);
            shown.ends_at = ends_at;
            shown.pass = pass;
            Composed::Shown(Box::new(shown))
        }
        Err(RenderError::Missing(path)) => Composed::Missing { missing: path },
        Err(error) => Composed::Failed { why: error.to_string() },
    }
}

/// The end that the content itself names.
fn end_of_life(content: &CompiledContent, scene: &Map<String, Value>) -> Result<Option<Timestamp>, Composed> {
    let Some(template) = &content.ends_at else {
        return Ok(None);
    };
    let text = template
        .render(scene)
        .map_err(|error| Composed::Failed { why: error.to_string() })?;
    let instant = text.trim().parse::<DateTime<FixedOffset>>();
    instant.map(|at| Some(at.to_utc())).map_err(|_| Composed::Failed {
        why: "`ends_at` gives no RFC 3339 instant".into(),
    })
}

struct Rendered {
    title: String,
    body: String,
    public_title: Option<String>,
    public_body: Option<String>,
    link: Option<String>,
    image: Option<String>,
    tag: Option<String>,
}

fn render_all(
    content: &CompiledContent,
    texts: &CompiledTexts,
    scene: &Map<String, Value>,
    facts: &BTreeMap<String, Fact>,
) -> Result<Rendered, RenderError> {
    let optional = |template: Option<&Template>| template.map(|template| template.render(scene)).transpose();
    // A public text, a link or an image that reads a sensitive value would carry it to the provider: it is left out.
    let public = |template: Option<&Template>| optional(template.filter(|template| !reads_sensitive(template, facts)));
    Ok(Rendered {
        title: texts.title.render(scene)?,
        body: texts.body.render(scene)?,
        public_title: public(texts.public_title.as_ref())?,
        public_body: public(texts.public_body.as_ref())?,
        link: public(content.link.as_ref())?,
        image: public(content.image.as_ref())?,
        tag: public(content.collapse.as_ref())?,
    })
}

fn finish(content: &CompiledContent, locale: &str, rendered: Rendered, sensitive: bool, sender: &str) -> Shown {
    let public_title = rendered.public_title.or_else(|| sensitive.then(|| sender.to_owned()));
    Shown {
        locale: locale.to_owned(),
        title: rendered.title,
        body: rendered.body,
        sensitive,
        public_title,
        public_body: rendered.public_body,
        link: rendered.link,
        pass: None,
        image: rendered.image,
        actions: content.content.actions.clone(),
        tag: rendered.tag.unwrap_or_default(),
        urgency: content.content.urgency,
        ends_at: None,
    }
}

/// Every variable that this reader's texts use.
fn variables_of(content: &CompiledContent, texts: &CompiledTexts) -> BTreeSet<String> {
    content
        .templates(texts)
        .flat_map(|template| template.variables().iter().cloned())
        .collect()
}

/// `user` is named where `user.first_name` is: only the whole path can be missing.
fn is_guarded_parent(path: &str, used: &BTreeSet<String>) -> bool {
    used.iter()
        .any(|other| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// Does this text read a field that its fact marks as sensitive? Reading a whole fact reads all of its fields.
fn reads_sensitive(template: &Template, facts: &BTreeMap<String, Fact>) -> bool {
    template.variables().iter().any(|path| {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or_default();
        let field = parts.next();
        // `stays` lists every fact bound to `stay`.
        let fact = facts
            .get(root)
            .or_else(|| root.strip_suffix('s').and_then(|name| facts.get(name)));
        let listed = !facts.contains_key(root);
        fact.is_some_and(|fact| match field {
            Some(field) if !listed => fact.sensitive.iter().any(|name| name == field),
            Some(_) | None => !fact.sensitive.is_empty(),
        })
    })
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
