//! Cuts the text of a model into tokens.

use super::error::Mistake;

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As it was written, with quotes.
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Text,
    Pattern,
    /// Digits, with dots between them.
    Number,
    And,
    Or,
    Symbol(char),
    End,
}

impl Token<'_> {
    /// The byte after it.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, in upper or lower case.
    pub(super) fn is_word(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }
}

/// The token at or after the byte `from`.
///
/// What is not closed cannot be read around: then the token is the place, with the mistake.
pub(super) fn read_token(source: &str, from: usize) -> Result<Token<'_>, (Token<'_>, Mistake)> {
    let start = skip_blanks(source, from)?;
    let rest = &source[start..];
    let token = |kind, length: usize| Token { kind, text: &rest[..length], start };
    let Some(first) = rest.chars().next() else { return Ok(token(Kind::End, 0)) };
    let (kind, length) = match first {
        '"' => (Kind::Text, closed_length(rest, 1, '"')),
        '~' if rest[1..].starts_with('/') => (Kind::Pattern, closed_length(rest, 2, '/')),
        '0'..='9' => (Kind::Number, Some(number_length(rest))),
        '&' if rest.starts_with("&&") => (Kind::And, Some(2)),
        '|' if rest.starts_with("||") => (Kind::Or, Some(2)),
        first if first.is_alphabetic() || first == '_' => (Kind::Word, Some(word_length(rest))),
        symbol => (Kind::Symbol(symbol), Some(symbol.len_utf8())),
    };
    length.map(|length| token(kind, length)).ok_or_else(|| {
        let mistake = if kind == Kind::Text { Mistake::OpenText } else { Mistake::OpenPattern };
        (token(kind, line_length(rest)), mistake)
    })
}

/// Where the first token after spaces and comments begins.
fn skip_blanks(source: &str, from: usize) -> Result<usize, (Token<'_>, Mistake)> {
    let mut at = from;
    // Some editors begin a file with this mark.
    if at == 0 && source.starts_with('\u{feff}') {
        at = '\u{feff}'.len_utf8();
    }
    loop {
        let rest = source[at..].trim_start();
        at = source.len() - rest.len();
        if rest.starts_with("//") {
            at += line_length(rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let Some(end) = comment.find("*/") else {
                let token = Token { kind: Kind::End, text: &rest[..2], start: at };
                return Err((token, Mistake::OpenComment));
            };
            at += 2 + end + 2;
        } else {
            return Ok(at);
        }
    }
}

/// The length of what ends with `close` on its line, `None` if nothing does. It begins after
/// `opening` bytes; a backslash hides the character behind it.
fn closed_length(text: &str, opening: usize, close: char) -> Option<usize> {
    let mut is_hidden = false;
    // A line may be as long as the text, so its end must not be looked for at every token.
    for (offset, character) in text[opening..].char_indices() {
        match character {
            '\n' | '\r' => return None,
            character if character == close && !is_hidden => {
                return Some(opening + offset + close.len_utf8());
            }
            character => is_hidden = character == '\\' && !is_hidden,
        }
    }
    None
}

fn line_length(text: &str) -> usize {
    text.find(['\n', '\r']).unwrap_or(text.len())
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len())
        .find(|at| !(is_digit(*at) || bytes[*at] == b'.' && is_digit(at + 1)))
        .unwrap_or(bytes.len())
}

fn word_length(text: &str) -> usize {
    let is_in_word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.');
    text.find(|character| !is_in_word(character)).unwrap_or(text.len())
}
