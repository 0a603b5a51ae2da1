//! Which variables of a template can do without a value, because `default` follows them wherever they stand.

use super::scan::{Token, next_tag, tokens_of};
use std::collections::BTreeMap;

/// The dotted paths that are followed by `| default(…)` in every place.
pub(super) fn defaulted(source: &str) -> Vec<String> {
    let mut always: BTreeMap<String, bool> = BTreeMap::new();
    let mut at = 0;
    while let Some(opens) = next_tag(source, at) {
        let body = opens + 2;
        if source[opens..].starts_with("{#") {
            at = source[body..]
                .find("#}")
                .map_or(source.len(), |length| body + length + 2);
            continue;
        }
        let close = if source[opens..].starts_with("{%") { "%}" } else { "}}" };
        let (tokens, end) = tokens_of(source, body, close);
        at = end;
        let words: Vec<Token<'_>> = tokens.into_iter().map(|(_, token)| token).collect();
        for (path, after) in paths(&words) {
            let here = matches!(after, [Token::Sign('|'), Token::Word("default"), ..]);
            always.entry(path).and_modify(|known| *known &= here).or_insert(here);
        }
    }
    always
        .into_iter()
        .filter_map(|(path, always)| always.then_some(path))
        .collect()
}

/// Every path with what follows it.
fn paths<'t, 's>(words: &'t [Token<'s>]) -> Vec<(String, &'t [Token<'s>])> {
    let mut found = Vec::new();
    let mut rest = words;
    while let Some((first, mut after)) = rest.split_first() {
        if let Token::Word(root) = first {
            let mut path = (*root).to_owned();
            while let [Token::Sign('.'), Token::Word(field), more @ ..]
            | [Token::Sign('['), Token::Text(field), Token::Sign(']'), more @ ..] = after
            {
                path = format!("{path}.{field}");
                after = more;
            }
            found.push((path, after));
        }
        rest = after;
    }
    found
}
