//! Places in the text, and what is found there.

use std::num::NonZeroUsize;

use crate::model::{
    error::Mistake,
    lexer::{Kind, Token},
};

/// How much of a long token an error repeats, in characters.
const MAX_FOUND: usize = 40;

/// Counted from 1, columns in characters.
pub(super) fn line_and_column(source: &str, start: usize) -> (NonZeroUsize, NonZeroUsize) {
    let before = &source[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let count = |number: usize| NonZeroUsize::MIN.saturating_add(number);
    (count(before.matches('\n').count()), count(before[line_start..].chars().count()))
}

pub(super) fn unexpected(token: Token<'_>, expected: &'static str) -> Mistake {
    match token.kind {
        Kind::Symbol('“' | '”' | '„' | '‘' | '’') => Mistake::TypographicQuote,
        _ => Mistake::Unexpected { found: found(token).into(), expected },
    }
}

fn found(token: Token<'_>) -> String {
    if token.kind == Kind::End {
        return "the end".to_owned();
    }
    let mut found: String = token.text.chars().take(MAX_FOUND).map(printable).collect();
    if token.text.chars().nth(MAX_FOUND).is_some() {
        found.push('…');
    }
    format!("`{found}`")
}

/// Control characters would move the cursor of whoever reads the error.
fn printable(character: char) -> char {
    if character.is_control() { '\u{fffd}' } else { character }
}
