//! Texts with variables: checked when saved, rendered with bounds; a value is never read as a template.
//!
//! The language is the part of Jinja that a message needs: `{{ stay.room }}`, `{% if %}`, `{% for %}`, comments, the
//! filters and tests listed in [`FILTERS`] and [`TESTS`]. There are no other tags, no functions, and no operators that
//! build texts: nothing in a template can multiply what it was given.
//!
//! What comes out of a value loses control characters (except newlines) and the marks that override the direction of
//! writing (U+202A-202E, U+2066-2069): a name must not be able to turn the rest of a message round. The author's own
//! text keeps its direction marks, because a right-to-left locale needs them.

mod defaulted;
mod error;
mod filters;
mod scan;
mod scene;

pub use error::{RenderError, TemplateCode, TemplateError};
pub use filters::{FILTERS, TESTS};
pub use scene::{is_missing, lookup, with_value};

use crate::base::limits::{RENDERED_CHARS_MAX, TEMPLATE_CHARS_MAX, TEMPLATE_FUEL, TEMPLATE_RECURSION_MAX};
use filters::ZONE_VARIABLE;
use minijinja::value::{Serde, Value as Shown, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, LazyLock};

/// One text, compiled once; cloning shares it, and any thread may render it.
///
/// ```
/// use usher::engine::message::template::Template;
///
/// let template = Template::compile("Welcome{% if user.first_name %}, {{ user.first_name }}{% endif %}!")?;
/// assert_eq!(template.variables(), ["user.first_name"]);
/// let scene = serde_json::json!({ "user": { "first_name": "Ana" } });
/// assert_eq!(template.render(scene.as_object().ok_or("not an object")?)?, "Welcome, Ana!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Template {
    compiled: Arc<Compiled>,
}

struct Compiled {
    source: String,
    environment: Environment<'static>,
    variables: Vec<String>,
    /// Those that `default` follows wherever they stand.
    defaulted: Vec<String>,
    /// The roots of the variables: only these are converted.
    roots: BTreeSet<String>,
}

/// The one name a template has in its own environment.
const NAME: &str = "text";

impl Template {
    /// Checks and compiles a text.
    ///
    /// # Errors
    /// The first fault found, with its code, its line and position, and where possible what to write instead.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let length = source.chars().count();
        if length > TEMPLATE_CHARS_MAX {
            let detail = format!("{length} characters, but at most {TEMPLATE_CHARS_MAX} are allowed");
            return Err(TemplateError::new(
                TemplateCode::TooLong,
                source,
                TEMPLATE_CHARS_MAX,
                detail,
            ));
        }
        scan::check(source)?;
        let mut environment = ENVIRONMENT.clone();
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| TemplateError::of_syntax(source, &error))?;
        let found = environment
            .get_template(NAME)
            .map_err(|error| TemplateError::of_syntax(source, &error))?
            .undeclared_variables(true);
        let variables: Vec<String> = found.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let roots = variables
            .iter()
            .filter_map(|path| path.split('.').next())
            .map(str::to_owned)
            .collect();
        Ok(Self {
            compiled: Arc::new(Compiled {
                source: source.to_owned(),
                environment,
                variables,
                defaulted: defaulted::defaulted(source),
                roots,
            }),
        })
    }

    /// The text as it was saved.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// The dotted paths it reads, sorted, also those behind an `{% if %}`: `["stay.room", "user.first_name"]`.
    pub fn variables(&self) -> &[String] {
        &self.compiled.variables
    }

    /// Can it do without a value for this variable? It does not read it, or `default` follows it wherever it stands.
    pub fn can_do_without(&self, path: &str) -> bool {
        let reads = |paths: &[String]| paths.iter().any(|known| known == path);
        !reads(&self.compiled.variables) || reads(&self.compiled.defaulted)
    }

    /// The text for one user, of at most `RENDERED_CHARS_MAX` characters.
    ///
    /// # Errors
    /// [`RenderError::Missing`] when a value is absent or null where it would be shown; the other errors are bounds, and
    /// values that a filter cannot take.
    pub fn render(&self, scene: &Map<String, Value>) -> Result<String, RenderError> {
        let context = self.context(scene);
        let mut written = Bounded::default();
        self.compiled
            .environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut written).map(drop))
            .map_err(|error| self.fault(&error, written.is_full, scene))?;
        let text = String::from_utf8_lossy(&written.bytes);
        let text: String = text.chars().filter(|letter| !is_control(*letter)).collect();
        if text.chars().count() > RENDERED_CHARS_MAX {
            Err(RenderError::TooLong)
        } else {
            Ok(text)
        }
    }

    /// Only what the text reads is converted. A variable that is absent altogether becomes an empty object, so that
    /// `default` works on its fields as it does on absent fields of a present one.
    fn context(&self, scene: &Map<String, Value>) -> Shown {
        let root = |name: &String| match scene.get(name) {
            Some(value) => Some((name.clone(), Shown::from(Serde(value)))),
            None if self.compiled.variables.contains(name) => None,
            None => Some((name.clone(), Shown::from(Serde(Map::new())))),
        };
        let zone = lookup(scene, "user.time_zone").and_then(Value::as_str);
        let zone = zone.map(|zone| (ZONE_VARIABLE.to_owned(), Shown::from(zone)));
        Shown::from_pairs(self.compiled.roots.iter().filter_map(root).chain(zone))
    }

    fn fault(&self, error: &Error, is_full: bool, scene: &Map<String, Value>) -> RenderError {
        if is_full {
            return RenderError::TooLong;
        }
        let kind = error.kind();
        if kind == ErrorKind::OutOfFuel {
            return RenderError::Fuel;
        }
        // An operation on an absent or null value may surface as a fault of types; what is missing explains it better.
        let about_values = matches!(kind, ErrorKind::UndefinedError | ErrorKind::InvalidOperation);
        let absent = |path: &&String| lookup(scene, path).is_none_or(Value::is_null);
        match self.compiled.variables.iter().find(absent) {
            Some(path) if about_values => RenderError::Missing(path.clone()),
            Some(_) | None => RenderError::Failed(error.to_string().chars().take(200).collect()),
        }
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.compiled.source).finish()
    }
}

/// What every template shares: no loader, no functions, strict about what is absent. Cloning it shares the filters.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(TEMPLATE_FUEL));
    environment.set_recursion_limit(TEMPLATE_RECURSION_MAX);
    environment.set_formatter(show);
    filters::add_to(&mut environment);
    environment
});

/// Writes one value. Nothing is never shown as "none", nor an object as JSON.
fn show(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Shown) -> Result<(), Error> {
    let kind = value.kind();
    if matches!(kind, ValueKind::Undefined | ValueKind::None) {
        return Err(Error::new(ErrorKind::UndefinedError, "a value is missing"));
    }
    if kind == ValueKind::Bool {
        return out
            .write_str(if value.is_true() { "true" } else { "false" })
            .map_err(Error::from);
    }
    if !matches!(kind, ValueKind::String | ValueKind::Number) {
        let detail = format!("a {kind} cannot be shown: name one of its fields, or use join for a list");
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    let text = value.to_string();
    let shown: String = text
        .chars()
        .filter(|letter| !is_control(*letter) && !turns_text(*letter))
        .collect();
    out.write_str(&shown).map_err(Error::from)
}

/// Control characters (C0, DEL, C1) except the newline.
fn is_control(letter: char) -> bool {
    letter.is_control() && letter != '\n'
}

/// The marks that embed, override or isolate a direction of writing; none of them belongs into a name or a number.
fn turns_text(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Takes what is rendered until there is certainly too much of it.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

/// No character of UTF-8 takes more than four bytes.
const RENDERED_BYTES_MAX: usize = RENDERED_CHARS_MAX * 4;

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > RENDERED_BYTES_MAX {
            self.is_full = true;
            return Err(io::Error::other("the text is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
