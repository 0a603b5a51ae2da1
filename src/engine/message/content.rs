//! The wire shape of a content, and its compiled form.

use super::Action;
use super::pass_link;
use super::template::Template;
use crate::base::limits;
use crate::base::time::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What is said, in every locale it can be said in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// The end of the fallback chain: `pt-BR` -> `pt` -> this.
    #[schema(min_length = 2, max_length = 35)]
    pub default_locale: String,
    pub locales: BTreeMap<String, Texts>,
    /// What to do when a variable (a dotted path such as `stay.room`) has no value; `do_not_send` unless it says otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Missing>,
    /// Opened by a tap; a template. `{{ flight.pass_link }}` alone opens the pass of that fact: by a link that is good for a
    /// day at most and only for this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub link: Option<String>,
    /// An https address; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub actions: Vec<Action>,
    /// How long it is worth reading.
    pub ttl: Span,
    /// When it stops being worth reading, should that come first; a template that gives an RFC 3339 instant, such as
    /// `{{ flight.departs_at }}`. Without it, a message ends with the window of its trigger at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub ends_at: Option<String>,
    /// Messages with one tag replace one another on the screen; a template, such as `stay:{{ stay.key }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub collapse: Option<String>,
    #[serde(default)]
    pub urgency: Urgency,
}

/// The texts of one locale; templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    #[schema(max_length = 2000)]
    pub title: String,
    #[schema(max_length = 2000)]
    pub body: String,
    /// Shown on a locked screen, and sent to the provider, in place of a text with sensitive values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub public_title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub public_body: Option<String>,
}

/// What to do when a variable has no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Use this text instead.
    Fallback(String),
    /// Keep the moment open until the value is there.
    Wait,
    DoNotSend,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Low,
    #[default]
    Normal,
    /// Wakes the phone.
    High,
}

/// Why a content cannot be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ContentError {
    pub code: &'static str,
    /// JSON pointer into the content.
    pub pointer: String,
    pub detail: String,
}

/// A content whose templates are parsed.
#[derive(Debug, Clone)]
pub struct CompiledContent {
    pub content: Content,
    pub locales: BTreeMap<String, CompiledTexts>,
    pub link: Option<Template>,
    /// The name of the fact whose pass the link opens.
    pub pass: Option<String>,
    pub image: Option<Template>,
    pub collapse: Option<Template>,
    pub ends_at: Option<Template>,
}

#[derive(Debug, Clone)]
pub struct CompiledTexts {
    pub title: Template,
    pub body: Template,
    pub public_title: Option<Template>,
    pub public_body: Option<Template>,
}

impl CompiledTexts {
    /// The texts there are.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let public = [self.public_title.as_ref(), self.public_body.as_ref()];
        [&self.title, &self.body]
            .into_iter()
            .chain(public.into_iter().flatten())
    }
}

impl CompiledContent {
    /// Parses every template and checks every bound.
    pub fn compile(content: Content) -> Result<Self, ContentError> {
        check_bounds(&content)?;
        let mut locales = BTreeMap::new();
        for (locale, texts) in &content.locales {
            let at = |field: &str| format!("/locales/{locale}/{field}");
            let compiled = CompiledTexts {
                title: template(&at("title"), &texts.title)?,
                body: template(&at("body"), &texts.body)?,
                public_title: optional(&at("public_title"), texts.public_title.as_deref())?,
                public_body: optional(&at("public_body"), texts.public_body.as_deref())?,
            };
            locales.insert(locale.clone(), compiled);
        }
        let link = optional("/link", content.link.as_deref())?;
        let image = optional("/image", content.image.as_deref())?;
        let collapse = optional("/collapse", content.collapse.as_deref())?;
        let ends_at = optional("/ends_at", content.ends_at.as_deref())?;
        let pass = pass_link::of(&content)?;
        Ok(Self {
            content,
            locales,
            link,
            pass,
            image,
            collapse,
            ends_at,
        })
    }

    /// Everything that is rendered for a reader of these texts of it.
    pub fn templates<'c>(&'c self, texts: &'c CompiledTexts) -> impl Iterator<Item = &'c Template> {
        let shared = [
            self.link.as_ref(),
            self.image.as_ref(),
            self.collapse.as_ref(),
            self.ends_at.as_ref(),
        ];
        texts.templates().chain(shared.into_iter().flatten())
    }

    /// The texts for a person who reads `locale`: `pt-BR`, then `pt`, then the default.
    pub fn texts_for(&self, locale: Option<&str>) -> Option<(&str, &CompiledTexts)> {
        let mut wanted = locale;
        while let Some(tag) = wanted {
            if let Some((name, texts)) = self.locales.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag)) {
                return Some((name, texts));
            }
            wanted = tag.rsplit_once(['-', '_']).map(|(parent, _)| parent);
        }
        self.locales
            .get_key_value(&self.content.default_locale)
            .map(|(name, texts)| (name.as_str(), texts))
    }
}

fn check_bounds(content: &Content) -> Result<(), ContentError> {
    let fail = |code, pointer: &str, detail: String| {
        Err(ContentError {
            code,
            pointer: pointer.to_owned(),
            detail,
        })
    };
    let name_length = content.name.chars().count();
    if name_length == 0 || name_length > limits::NAME_CHARS_MAX {
        return fail(
            "name_out_of_bounds",
            "/name",
            format!("a name has 1 to {} characters", limits::NAME_CHARS_MAX),
        );
    }
    if !content.locales.contains_key(&content.default_locale) {
        let detail = format!("there are no texts for the default locale `{}`", content.default_locale);
        return fail("default_locale_missing", "/default_locale", detail);
    }
    if content.locales.len() > limits::LOCALES_MAX || content.locales.keys().any(|locale| locale.len() > 35) {
        return fail(
            "locales_out_of_bounds",
            "/locales",
            format!("at most {} locales of 35 characters", limits::LOCALES_MAX),
        );
    }
    if content.ttl.as_seconds() < 1 || content.ttl > Span::hours(24 * 28) {
        // Four weeks is the longest that FCM and web push keep a message.
        return fail(
            "ttl_out_of_bounds",
            "/ttl",
            "a message lives from 1 second to 28 days".into(),
        );
    }
    if content.actions.len() > 4 {
        return fail(
            "too_many_actions",
            "/actions",
            "at most 4 actions fit under a message".into(),
        );
    }
    Ok(())
}

fn optional(pointer: &str, source: Option<&str>) -> Result<Option<Template>, ContentError> {
    source.map(|source| template(pointer, source)).transpose()
}

fn template(pointer: &str, source: &str) -> Result<Template, ContentError> {
    if source.chars().count() > limits::TEMPLATE_CHARS_MAX {
        let detail = format!("a text has at most {} characters", limits::TEMPLATE_CHARS_MAX);
        return Err(ContentError {
            code: "template_too_long",
            pointer: pointer.to_owned(),
            detail,
        });
    }
    Template::compile(source).map_err(|error| ContentError {
        code: "template_invalid",
        pointer: pointer.to_owned(),
        detail: error.to_string(),
    })
}
