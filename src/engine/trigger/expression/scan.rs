//! A look at the text before the parser: how deep its brackets nest, and where its top-level clauses end.

/// What one pass over the text finds. Offsets are in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// The deepest nesting of brackets.
    pub depth: usize,
    /// The `?` of conditionals, at any depth.
    pub conditionals: usize,
    /// Where the deepest bracket stands.
    pub deepest_at: usize,
    /// The `&&` outside of all brackets.
    ands: Vec<usize>,
    /// A `||` or `? :` outside of all brackets binds weaker than `&&`, so that the text is one clause.
    weaker: bool,
    /// Where the first bracket closes, when the text opens with one.
    first_closes_at: Option<usize>,
}

/// Looks at the text once. Strings (also raw and triple-quoted ones) and comments are skipped.
pub(super) fn shape_of(text: &str) -> Shape {
    let bytes = text.as_bytes();
    let mut shape = Shape::default();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'\'' | b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at = bytes[at..]
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(bytes.len(), |length| at + length);
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > shape.depth {
                    (shape.depth, shape.deepest_at) = (depth, at);
                }
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && shape.first_closes_at.is_none() {
                    shape.first_closes_at = Some(at);
                }
            }
            b'&' if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                shape.ands.push(at);
                at += 1;
            }
            b'?' => {
                shape.conditionals += 1;
                shape.weaker |= depth == 0;
            }
            b'|' if depth == 0 => shape.weaker = true,
            _ => {}
        }
        at += 1;
    }
    shape
}

/// The operands of the top-level `&&`, as written; the whole text when it is no conjunction.
pub(super) fn clauses_of(text: &str) -> Vec<&str> {
    let mut text = text.trim();
    loop {
        let shape = shape_of(text);
        // Brackets around everything say nothing: look inside.
        if text.starts_with('(') && text.len() > 2 && shape.first_closes_at == Some(text.len() - 1) {
            text = text[1..text.len() - 1].trim();
            continue;
        }
        if shape.weaker {
            return vec![text];
        }
        let mut clauses = Vec::with_capacity(shape.ands.len() + 1);
        let mut start = 0;
        for and in shape.ands {
            clauses.push(text[start..and].trim());
            start = and + 2;
        }
        clauses.push(text[start..].trim());
        return clauses;
    }
}

/// The offset after the string that opens at `start`; the end of the text when it never closes.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let raw = is_raw(bytes, start);
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let closing: &[u8] = if triple { &[quote; 3] } else { &bytes[start..=start] };
    let mut at = start + closing.len();
    while at < bytes.len() {
        if bytes[at] == b'\\' && !raw {
            at += 2;
        } else if bytes[at..].starts_with(closing) {
            return at + closing.len();
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Whether the quote follows a prefix with `r`: `r'..'`, `br"..."`, `Rb'..'`.
fn is_raw(bytes: &[u8], quote_at: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let prefix_starts = bytes[..quote_at]
        .iter()
        .rposition(|byte| !is_word(byte))
        .map_or(0, |at| at + 1);
    let prefix = &bytes[prefix_starts..quote_at];
    prefix.len() <= 2 && prefix.iter().any(|byte| matches!(byte, b'r' | b'R'))
}
