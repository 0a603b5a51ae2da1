//! Reads one Rust file into what the rules judge: code without comments and strings, its tokens, and the paths it names.

/// A path as the code names it, for example `crate::engine::fix::Fix`, expanded out of nested `use` trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    pub segments: Vec<String>,
    pub line: usize,
    /// Inline modules around the path; each one costs a `super` to leave.
    pub nested: Vec<String>,
    pub in_use: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Replaces comments, strings and character literals by blanks; line ends stay, so that line numbers stay true.
pub fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = opaque_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn opaque_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let after_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next == Some('/') => find(chars, at, |i| chars[i] == '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => quoted_end(chars, at + 1, '"'),
        'r' if !after_word || chars[at - 1] == 'b' => raw_string_end(chars, at),
        // A lifetime has no closing quote right behind its first character, a literal has (or starts with a backslash).
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => quoted_end(chars, at + 1, '\''),
        _ => at,
    }
}

fn find(chars: &[char], from: usize, stop: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|i| stop(*i)).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0, at);
    while i < chars.len() {
        if chars[i..].starts_with(&['/', '*']) {
            depth += 1;
            i += 2;
        } else if chars[i..].starts_with(&['*', '/']) {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw_string_end(chars: &[char], at: usize) -> usize {
    let open = find(chars, at + 1, |i| chars[i] != '#');
    if chars.get(open) != Some(&'"') {
        return at;
    }
    let hashes = vec!['#'; open - at - 1];
    let close = find(chars, open + 1, |i| {
        chars[i] == '"' && chars[i + 1..].starts_with(&hashes)
    });
    (close + 1 + hashes.len()).min(chars.len())
}

/// Words, `::` and single signs; numbers carry no meaning for any rule and are left out.
pub fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let chars: Vec<char> = line.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let end = find(&chars, at, |i| !(chars[i].is_alphanumeric() || chars[i] == '_')).max(at + 1);
            let end = if chars[at..].starts_with(&[':', ':']) {
                at + 2
            } else {
                end
            };
            if !chars[at].is_whitespace() && !chars[at].is_ascii_digit() {
                found.push(Token {
                    text: chars[at..end].iter().collect(),
                    line: index + 1,
                });
            }
            at = end;
        }
    }
    found
}

/// Every path the code names, imports expanded.
pub fn paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut modules: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0_usize, 0);
    while at < tokens.len() {
        let text = tokens[at].text.as_str();
        let nested = || modules.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        match text {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                modules.retain(|(_, opened)| *opened <= depth);
            }
            "mod" if tokens.get(at + 2).is_some_and(|t| t.text == "{") => {
                modules.push((tokens[at + 1].text.clone(), depth + 1));
                at += 1;
            }
            // `impl Trait + use<'a>` captures lifetimes; it imports nothing.
            "use" if tokens.get(at + 1).is_some_and(|t| t.text != "<") => {
                let end = (at..tokens.len())
                    .find(|i| tokens[*i].text == ";")
                    .unwrap_or(tokens.len());
                expand(&tokens[at + 1..end], &[], &nested(), &mut found);
                at = end;
            }
            _ if tokens[at].is_word() && (at == 0 || !matches!(tokens[at - 1].text.as_str(), "::" | ".")) => {
                let end = path_end(tokens, at);
                let segments = tokens[at..end].iter().step_by(2).map(|t| t.text.clone()).collect();
                found.push(NamedPath {
                    segments,
                    line: tokens[at].line,
                    nested: nested(),
                    in_use: false,
                });
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn path_end(tokens: &[Token], at: usize) -> usize {
    let mut end = at + 1;
    while end + 1 < tokens.len() && tokens[end].text == "::" && tokens[end + 1].is_word() {
        end += 2;
    }
    end
}

/// Unfolds one `use` tree: `a::{b, c::{self, D as E}, *}` names `a::b`, `a::c`, `a::c::D` and `a::*`.
fn expand(tree: &[Token], prefix: &[String], nested: &[String], found: &mut Vec<NamedPath>) {
    for branch in branches(tree) {
        let mut segments = prefix.to_vec();
        let line = branch.first().map_or(0, |t| t.line);
        let open = branch.iter().position(|t| t.text == "{");
        let stem = &branch[..open.unwrap_or(branch.len())];
        // What follows `as` is a new name, not part of the path.
        let stem = stem.iter().take_while(|t| t.text != "as").filter(|t| t.text != "::");
        segments.extend(stem.map(|t| t.text.clone()));
        if let Some(open) = open {
            expand(&branch[open + 1..branch.len() - 1], &segments, nested, found);
            continue;
        }
        if segments.len() > 1 && segments.last().is_some_and(|s| s == "self") {
            segments.pop();
        }
        found.push(NamedPath {
            segments,
            line,
            nested: nested.to_vec(),
            in_use: true,
        });
    }
}

/// Splits a list at the commas that stand outside of braces.
fn branches(tree: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, token) in tree.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                found.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&tree[start..]);
    found.retain(|branch| !branch.is_empty());
    found
}
