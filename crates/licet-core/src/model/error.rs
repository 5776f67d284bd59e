//! What is wrong with the text of a model, and where.

use std::{fmt, num::NonZeroUsize};

use thiserror::Error;

use super::{
    MAX_COUNT, MAX_DEPTH, MAX_LENGTH, MAX_NAME, PatternError, RESERVED_MODEL_NAMES, VersionError,
};

/// All that was found wrong with a text, in the order of the text; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelErrors(pub(super) Vec<ModelError>);

impl ModelErrors {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ModelError> {
        self.0.iter()
    }
}

/// One error to a line.
impl fmt::Display for ModelErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ModelErrors {}

/// A mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {mistake}")]
pub struct ModelError {
    /// Counted from 1.
    pub line: NonZeroUsize,
    /// Counted in characters from 1.
    pub column: NonZeroUsize,
    /// How many characters are meant; 0 at the end of the text.
    pub length: usize,
    pub mistake: Mistake,
}

/// What can be wrong with a model. The text says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    #[error("found {found}, expected {expected}")]
    Unexpected { found: Box<str>, expected: &'static str },
    #[error("the model is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("at most {max} {what} are possible")]
    TooMany { what: &'static str, max: usize },
    #[error("parentheses and NOT are nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    #[error("this quote is not closed on its line; end the text with \"")]
    OpenText,
    #[error("this regular expression is not closed on its line; end it with /")]
    OpenPattern,
    #[error("this comment is not closed; end it with */")]
    OpenComment,
    #[error("this is a typographic quote; texts stand in straight ones: \"")]
    TypographicQuote,
    #[error("{0:?} has no meaning in a text; write \\\" for a quote and \\\\ for a backslash")]
    Escape(Box<str>),
    #[error("a text must not contain control characters")]
    ControlCharacter,
    #[error("a name or value has at most {MAX_NAME} characters")]
    NameTooLong,
    #[error("a name must not be empty")]
    EmptyName,
    #[error(transparent)]
    Pattern(PatternError),
    #[error(transparent)]
    Version(VersionError),
    #[error("a count is a whole number of at most {MAX_COUNT}")]
    Count,
    #[error("a percentage is a whole number from 0 to 100")]
    Percentage,
    #[error("max must be at least 1; leave the feature out of the pool if nobody may have it")]
    MaxZero,
    #[error("`{0}` stands here twice; keep one of them")]
    ClauseTwice(&'static str),
    #[error("the name {name:?} is reserved, as all of {RESERVED_MODEL_NAMES:?}; choose another")]
    ReservedModelName { name: Box<str> },
    #[error(
        "the default pool is always there and holds what the others leave; give this pool another \
         name"
    )]
    DefaultPoolDefined,
    #[error("there is a pool {name:?} in line {line} already; give one of them another name")]
    PoolTwice { name: Box<str>, line: NonZeroUsize },
    #[error("there is no pool {name:?}{}", remedy(nearest.as_deref()))]
    UnknownPool { name: Box<str>, nearest: Option<Box<str>> },
    #[error(
        "the pool has feature {name:?} of this version in line {line} already; join them, or tell \
         them apart by what they match"
    )]
    FeatureTwice { name: Box<str>, line: NonZeroUsize },
    #[error(
        "nothing is left of feature {name:?} here, as line {line} takes the remainder; put that \
         one behind this"
    )]
    AfterRemainder { name: Box<str>, line: NonZeroUsize },
    #[error("partitions stand once in a model, before its rules")]
    LatePartitions,
    #[error("the rule does nothing; say `use` and the names of pools, or `deny`")]
    EmptyRule,
    #[error("`deny` serves nothing; take out what stands before it, or write `accept`")]
    DenyGives,
    #[error("the text goes on after the model's last brace; each text holds one model")]
    AfterTheModel,
}

fn remedy(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; is {nearest:?} meant?"),
        None => "; define it in `partitions`, or name another".to_owned(),
    }
}
