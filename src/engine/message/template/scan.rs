//! A look at the tags of a template before it is compiled: only what is on the short lists, nothing that can multiply.

use super::error::{TemplateCode as Code, TemplateError};
use super::filters::{FILTERS, TESTS, check_format, zone_of};
use crate::base::limits::{TEMPLATE_LOOPS_DEEP_MAX, TEMPLATE_WORDS_PER_TAG_MAX};

/// One word of a tag, with the byte where it starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'s> {
    Word(&'s str),
    /// The text between its quotes, escapes as written.
    Text(&'s str),
    Number,
    Sign(char),
}

pub(super) type Placed<'s> = (usize, Token<'s>);

const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
/// Words after which a bracket groups, and calls nothing.
const OPERATORS: [&str; 8] = ["and", "or", "not", "in", "is", "if", "elif", "else"];

/// Refuses what the short lists do not hold.
pub(super) fn check(source: &str) -> Result<(), TemplateError> {
    let fault =
        |code, at: usize, detail: String| TemplateError::new(code, source, source[..at].chars().count(), detail);
    let (mut at, mut loops) = (0, 0_usize);
    while let Some(opens) = next_tag(source, at) {
        let body = opens + 2;
        if source[opens..].starts_with("{#") {
            at = source[body..]
                .find("#}")
                .map_or(source.len(), |length| body + length + 2);
            continue;
        }
        let is_block = source[opens..].starts_with("{%");
        let (tokens, end) = tokens_of(source, body, if is_block { "%}" } else { "}}" });
        at = end;
        if tokens.len() > TEMPLATE_WORDS_PER_TAG_MAX {
            let detail = format!("a tag holds at most {TEMPLATE_WORDS_PER_TAG_MAX} words and signs");
            return Err(fault(Code::TagTooLong, opens, detail));
        }
        if is_block {
            check_block(&tokens, &mut loops).map_err(|refusal| refusal.at(opens, &fault))?;
        }
        check_words(&tokens).map_err(|refusal| refusal.at(opens, &fault))?;
    }
    Ok(())
}

/// A fault whose place in the whole is not yet known.
struct Refusal {
    code: Code,
    /// The byte, when it is not the start of the tag.
    at: Option<usize>,
    detail: String,
    hint: Option<String>,
}

impl Refusal {
    fn new(code: Code, at: usize, detail: impl Into<String>) -> Self {
        Self {
            code,
            at: Some(at),
            detail: detail.into(),
            hint: None,
        }
    }

    fn hinting(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    fn at(self, opens: usize, fault: &impl Fn(Code, usize, String) -> TemplateError) -> TemplateError {
        let error = fault(self.code, self.at.unwrap_or(opens), self.detail);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

pub(super) fn next_tag(source: &str, from: usize) -> Option<usize> {
    let rest = source.get(from..)?;
    ["{{", "{%", "{#"]
        .iter()
        .filter_map(|open| rest.find(open))
        .min()
        .map(|found| from + found)
}

/// The words of a tag and the byte after it.
pub(super) fn tokens_of<'s>(source: &'s str, body: usize, close: &str) -> (Vec<Placed<'s>>, usize) {
    let bytes = source.as_bytes();
    let mut tokens = Vec::new();
    // `{%-` and `-%}` trim blanks; these signs are no operators.
    let mut at = if matches!(bytes.get(body), Some(b'-' | b'+')) {
        body + 1
    } else {
        body
    };
    while at < bytes.len() {
        let rest = &source[at..];
        if rest.starts_with(close) {
            return (tokens, at + 2);
        }
        if matches!(bytes[at], b'-' | b'+') && rest[1..].starts_with(close) {
            return (tokens, at + 3);
        }
        let letter = rest.chars().next().unwrap_or(' ');
        let (token, length) = match letter {
            '\'' | '"' => text_token(rest, letter),
            letter if letter.is_alphabetic() || letter == '_' => {
                let length = length_while(rest, |letter| letter.is_alphanumeric() || letter == '_');
                (Token::Word(&rest[..length]), length)
            }
            letter if letter.is_ascii_digit() => (
                Token::Number,
                length_while(rest, |letter| letter.is_ascii_alphanumeric() || letter == '_'),
            ),
            letter => (Token::Sign(letter), letter.len_utf8()),
        };
        if !letter.is_whitespace() {
            tokens.push((at, token));
        }
        at += length;
    }
    (tokens, source.len())
}

fn length_while(text: &str, keeps: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !keeps(letter)).unwrap_or(text.len())
}

fn text_token(rest: &str, quote: char) -> (Token<'_>, usize) {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return (Token::Text(&rest[1..at]), at + 1),
            _ => {}
        }
    }
    (Token::Text(&rest[1..]), rest.len())
}

fn check_block(tokens: &[Placed<'_>], loops: &mut usize) -> Result<(), Refusal> {
    let Some((at, Token::Word(tag))) = tokens.first().copied() else {
        return Err(Refusal {
            code: Code::UnknownTag,
            at: None,
            detail: "the tag has no name".to_owned(),
            hint: None,
        });
    };
    match tag {
        "for" => *loops += 1,
        "endfor" => *loops = loops.saturating_sub(1),
        known if TAGS.contains(&known) => {}
        other => {
            let hint = "there are if, elif, else, endif, for and endfor; write texts out instead of building them";
            let refusal = Refusal::new(Code::UnknownTag, at, format!("there is no tag `{other}`"));
            return Err(refusal.hinting(Some(hint.to_owned())));
        }
    }
    if *loops > TEMPLATE_LOOPS_DEEP_MAX {
        let detail = format!("loops nest at most {TEMPLATE_LOOPS_DEEP_MAX} deep");
        return Err(Refusal::new(Code::LoopsTooDeep, at, detail));
    }
    match tokens.iter().find(|(_, token)| *token == Token::Word("recursive")) {
        Some((at, _)) => Err(Refusal::new(Code::LoopsTooDeep, *at, "loops cannot call themselves")),
        None => Ok(()),
    }
}

fn check_words(tokens: &[Placed<'_>]) -> Result<(), Refusal> {
    for (index, (at, token)) in tokens.iter().enumerate() {
        let before = index
            .checked_sub(1)
            .and_then(|index| tokens.get(index))
            .map(|(_, token)| *token);
        match *token {
            // Of a slice, `[0:2]`, the engine does not tell which variable it reads, and that must not be hidden.
            Token::Sign(sign @ ('~' | '*' | '+' | '%' | '{' | '}' | ':')) => {
                let refusal = Refusal::new(
                    Code::OperatorRefused,
                    *at,
                    format!("`{sign}` is not offered in a template"),
                );
                let hint = "write texts next to each other: {{ a }} {{ b }}; compute numbers where the fact is made";
                return Err(refusal.hinting(Some(hint.to_owned())));
            }
            Token::Sign('(') => check_call(tokens, index, *at)?,
            Token::Word(filter) if before == Some(Token::Sign('|')) => {
                if !FILTERS.contains(&filter) {
                    return Err(unknown(Code::UnknownFilter, *at, "filter", filter, &FILTERS));
                }
                check_arguments(filter, tokens.get(index + 1..).unwrap_or(&[]))?;
            }
            Token::Word(test) if is_test(tokens, index) && !TESTS.contains(&test) => {
                return Err(unknown(Code::UnknownTest, *at, "test", test, &TESTS));
            }
            Token::Word(_) | Token::Text(_) | Token::Number | Token::Sign(_) => {}
        }
    }
    Ok(())
}

fn unknown(code: Code, at: usize, what: &str, name: &str, known: &[&str]) -> Refusal {
    let near = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
    let hint = near.unwrap_or_else(|| format!("there are: {}", known.join(", ")));
    Refusal::new(code, at, format!("there is no {what} `{name}`")).hinting(Some(hint))
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    crate::engine::trigger::expression::nearest(name, known.iter().copied())
}

/// Whether the word stands after `is` or `is not`.
fn is_test(tokens: &[Placed<'_>], index: usize) -> bool {
    let word = |back: usize| {
        index
            .checked_sub(back)
            .and_then(|at| tokens.get(at))
            .map(|(_, token)| *token)
    };
    let this = word(0);
    match (word(1), word(2)) {
        (Some(Token::Word("is")), _) => this != Some(Token::Word("not")),
        (Some(Token::Word("not")), Some(Token::Word("is"))) => true,
        _ => false,
    }
}

/// A bracket may group or hold the arguments of a filter; everything else that is called is a function.
fn check_call(tokens: &[Placed<'_>], index: usize, at: usize) -> Result<(), Refusal> {
    let token = |back: usize| {
        index
            .checked_sub(back)
            .and_then(|at| tokens.get(at))
            .map(|(_, token)| *token)
    };
    let calls = match token(1) {
        Some(Token::Word(word)) => {
            let of_filter = token(2) == Some(Token::Sign('|'));
            let of_attribute = token(2) == Some(Token::Sign('.'));
            !of_filter && (of_attribute || !OPERATORS.contains(&word)) && !is_test(tokens, index - 1)
        }
        Some(Token::Sign(')' | ']') | Token::Text(_) | Token::Number) => true,
        Some(Token::Sign(_)) | None => false,
    };
    if calls {
        let hint = "use a filter instead: {{ value | filter }}".to_owned();
        return Err(
            Refusal::new(Code::FunctionRefused, at, "there are no functions in a template").hinting(Some(hint)),
        );
    }
    Ok(())
}

/// Time zones and date formats that are written out are checked when the text is saved.
fn check_arguments(filter: &str, after: &[Placed<'_>]) -> Result<(), Refusal> {
    let [(_, Token::Sign('(')), arguments @ ..] = after else {
        return Ok(());
    };
    let texts: Vec<_> = match arguments {
        [
            (at, Token::Text(first)),
            (_, Token::Sign(',')),
            (then, Token::Text(second)),
            ..,
        ] => {
            vec![(*at, *first), (*then, *second)]
        }
        [(at, Token::Text(first)), ..] => vec![(*at, *first)],
        _ => Vec::new(),
    };
    let checks: &[Check] = match filter {
        "time" => &[|zone| zone_of(zone).map(drop)],
        "date" => &[check_format, |zone| zone_of(zone).map(drop)],
        _ => &[],
    };
    for ((at, text), check) in texts.iter().zip(checks) {
        check(text).map_err(|why| Refusal::new(Code::BadArgument, *at, why))?;
    }
    Ok(())
}

type Check = fn(&str) -> Result<(), String>;
