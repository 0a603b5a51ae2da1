//! The page of a pass: one file without a script, which loads nothing from anywhere.

use crate::engine::pass::{Card, Line, Words};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("pass.css");

/// Allows this one style sheet and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The Content-Security-Policy of these pages.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// What a page shows.
pub(super) struct Sheet<'a> {
    pub organization: &'a str,
    pub words: Words,
    pub card: &'a Card,
    /// An SVG.
    pub code: Option<String>,
    pub token: &'a str,
    pub apple: bool,
    pub google: bool,
    pub as_of: DateTime<Tz>,
}

/// The page of a pass.
pub(super) fn sheet(sheet: &Sheet<'_>) -> String {
    let (words, card) = (sheet.words, sheet.card);
    let kind = words.label(if card.flight.is_some() { "boarding_pass" } else { "pass" });
    let code = sheet.code.as_ref().map_or_else(String::new, |svg| {
        let alternative = escaped(&card.title);
        format!("<figure role=\"img\" aria-label=\"{alternative}\">{svg}</figure>")
    });
    let button = |shown: bool, class: &str, path: &str, label: &'static str| {
        let text = words.label(label);
        let token = sheet.token;
        let link = || format!("<a class=\"{class}\" href=\"{token}/{path}\" rel=\"noreferrer\">{text}</a>");
        if shown { link() } else { String::new() }
    };
    let body = format!(
        "<main><header><div><h1>{organization}</h1><p>{kind}</p></div>{header}</header>\
         <section class=\"{primary_class}\">{primary}</section>{secondary}{auxiliary}{code}{back}</main>\
         <nav>{apple}{google}</nav><footer>{fresh} <time>{as_of}</time></footer>",
        organization = escaped(sheet.organization),
        header = lines(&card.header),
        primary_class = if card.flight.is_some() { "route" } else { "room" },
        primary = lines(&card.primary),
        secondary = lines(&card.secondary),
        auxiliary = lines(&card.auxiliary),
        back = lines(&card.back),
        apple = button(sheet.apple, "apple", "pass.pkpass", "add_to_apple"),
        google = button(sheet.google, "google", "google", "add_to_google"),
        fresh = words.label("fresh"),
        as_of = sheet.as_of.format("%H:%M"),
    );
    document(words, &format!("{} – {}", card.title, sheet.organization), &body)
}

/// The page that stands where a pass was: what is wrong, and what to do.
pub(super) fn refusal(words: Words, (what, remedy): (&'static str, &'static str)) -> String {
    let (what, remedy) = (words.label(what), words.label(remedy));
    document(
        words,
        what,
        &format!("<main class=\"gone\"><h1>{what}</h1><p>{remedy}</p></main>"),
    )
}

fn document(words: Words, title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex, nofollow\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><style>{STYLE}</style></head>\
         <body>{body}</body></html>",
        language = words.language(),
        title = escaped(title),
    )
}

fn lines(lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let each = lines.iter().map(|line| {
        let (label, value) = (escaped(line.label), escaped(&line.said.text()));
        format!("<div class=\"{}\"><dt>{label}</dt><dd>{value}</dd></div>", line.key)
    });
    format!("<dl>{}</dl>", each.collect::<String>())
}

/// Text that can stand anywhere in HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Marks that turn the direction of writing would let a value rewrite what stands around it.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other => safe.push(other),
        }
    }
    safe
}
