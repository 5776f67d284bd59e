//! Texts to compare with, and regular expressions.

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::{MAX_PATTERN, MAX_PATTERN_BYTES};

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher<T> {
    Exactly(T),
    Pattern(Pattern),
}

impl Matcher<Box<str>> {
    #[must_use]
    pub fn is_met_by(&self, value: &str) -> bool {
        match self {
            Self::Exactly(wanted) => **wanted == *value,
            Self::Pattern(pattern) => pattern.is_match(value),
        }
    }
}

/// A regular expression, in the syntax of the `regex` crate. It takes linear time.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Box<str>,
    regex: Regex,
}

/// Why a text is not a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    #[error("a regular expression has at most {MAX_PATTERN} characters")]
    TooLong,
    #[error(
        "this regular expression needs too much memory; make its repetitions smaller, or write \
         [a-z] for \\w and [0-9] for \\d"
    )]
    TooLarge,
    #[error("this regular expression cannot be read: {0}")]
    Syntax(Box<str>),
}

impl Pattern {
    /// Reads a regular expression without the slashes around it.
    ///
    /// # Errors
    /// [`PatternError`]
    pub fn new(source: &str) -> Result<Self, PatternError> {
        if source.chars().count() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        // Alone first: `a)(b` would be well-formed only inside the parentheses below.
        compile(source)?;
        let regex = compile(&format!(r"\A(?:{source})\z"))?;
        Ok(Self { source: source.into(), regex })
    }

    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole of `text` is as the expression says.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

fn compile(source: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(source)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            error => PatternError::Syntax(reason(&error.to_string()).into()),
        })
}

/// The last line of what the library says; those before it draw the place.
fn reason(message: &str) -> &str {
    let last = message.lines().last().unwrap_or(message);
    last.strip_prefix("error: ").unwrap_or(last)
}
