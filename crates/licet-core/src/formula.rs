//! Formulas: rates that depend on variables that come with a request.
//!
//! ```text
//! expression = term { ("+" | "-") term }
//! term       = unary { ("*" | "/") unary }
//! unary      = "-" unary | power
//! power      = primary [ "^" unary ]
//! primary    = number | variable | function "(" expression { "," expression } ")"
//!            | "(" expression ")"
//! ```
//!
//! So `^` binds tightest and to the right: `2^3^2` is 512 and `-2^2` is -4 (a spreadsheet makes it
//! 4; write `(-2)^2`). Numbers are decimal, such as `4`, `0.25` or `.25`, without an exponent.
//! Variables are letters, digits, `_` and `.`, beginning with a letter or `_`. Upper and lower
//! case are the same in names. A name counts as a function only before a parenthesis.
//!
//! | function | value |
//! |---|---|
//! | `FLOOR.MATH(x)`, `CEILING.MATH(x)` | the next whole number towards minus, plus infinity |
//! | `ROUND(x, precision)` | half away from zero; precision is whole, from -10 to 10 |
//! | `POWER(x, y)` | `x^y` |
//! | `ABS(x)` | `x` without its sign |
//! | `SUM`, `PRODUCT`, `MIN`, `MAX` | of two or more values |
//!
//! Values are decimals of 28 digits, so `0.1 * 3` is exactly 0.3. A quotient that has no end is
//! cut at the 28th digit; `FLOOR.MATH`, `CEILING.MATH` and `ROUND` therefore look at twelve
//! decimals only, and `CEILING.MATH(2 / 3 * 3)` is 2.

mod arithmetic;
mod parser;
#[cfg(test)]
mod tests;

use rust_decimal::{Decimal, RoundingStrategy};
use thiserror::Error;

use crate::fixed::Tokens;
use arithmetic::{BinaryOperator, UnaryOperator};

/// The longest formula, in characters.
pub const MAX_LENGTH: usize = 1_000;
/// The most parentheses, signs and exponents inside each other.
pub const MAX_DEPTH: usize = 32;
/// The most values and operations of a formula.
pub const MAX_NODES: usize = 200;

/// A rate that depends on variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    source: Box<str>,
    variables: Box<[Box<str>]>,
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(Decimal),
    /// An index into the variables of the formula.
    Variable(usize),
    Unary(UnaryOperator, Box<Node>),
    Binary(BinaryOperator, Box<Node>, Box<Node>),
}

/// Why a text is not a formula. Columns are counted in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormulaError {
    #[error("is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("column {column}: nested more than {MAX_DEPTH} levels deep")]
    TooDeep { column: usize },
    #[error("column {column}: more than {MAX_NODES} values and operations")]
    TooLarge { column: usize },
    #[error("column {column}: found {found}, expected {expected}")]
    Unexpected { column: usize, found: Box<str>, expected: &'static str },
}

/// Why a formula gives no rate for some variables.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluationError {
    /// Named in lower case.
    #[error("variable `{0}` was not given")]
    MissingVariable(Box<str>),
    #[error("the formula divides by zero for these variables")]
    DivisionByZero,
    #[error("the formula gives a negative rate for these variables")]
    Negative,
    #[error("the formula gives too large a number for these variables")]
    OutOfRange,
    /// Zero to a negative power, or a negative number to a fractional one.
    #[error("the formula raises a number to a power that has no value for these variables")]
    NotANumber,
    #[error("the precision of ROUND must be a whole number from -10 to 10")]
    Precision,
}

impl Formula {
    /// Reads a formula of at most 1,000 characters, 32 levels and 200 values and operations.
    ///
    /// # Errors
    /// [`FormulaError`], which says where the text stops to be a formula.
    pub fn parse(source: &str) -> Result<Self, FormulaError> {
        // A character has four bytes at most; what is longer need not be counted.
        if source.len() > 4 * MAX_LENGTH || source.chars().count() > MAX_LENGTH {
            return Err(FormulaError::TooLong);
        }
        let (root, variables) = parser::parse(source)?;
        Ok(Self { source: source.into(), variables: variables.into_boxed_slice(), root })
    }

    /// The text that was parsed, as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names of the variables it needs: in lower case, each once, in order of appearance.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|name| &**name)
    }

    /// The rate for these variables, rounded half to even to six decimals.
    ///
    /// Names match in any case; of two alike the first counts, and superfluous ones do not
    /// matter. The time it takes is bounded by the limits of [`Formula::parse`].
    ///
    /// # Errors
    /// [`EvaluationError::OutOfRange`] for a rate above [`Tokens::MAX`], an intermediate value
    /// of more than 28 digits or an exponent beyond 1,000; otherwise as the variants say.
    pub fn evaluate(&self, variables: &[(Box<str>, Decimal)]) -> Result<Tokens, EvaluationError> {
        let mut values = Vec::with_capacity(self.variables.len());
        for name in &self.variables {
            values.push(value_of(name, variables)?);
        }
        to_tokens(self.root.evaluate(&values)?)
    }
}

impl Node {
    /// Recurses at most [`MAX_NODES`] deep.
    fn evaluate(&self, variables: &[Decimal]) -> Result<Decimal, EvaluationError> {
        match self {
            Self::Number(value) => Ok(*value),
            Self::Variable(index) => Ok(variables[*index]),
            Self::Unary(operator, operand) => Ok(operator.apply(operand.evaluate(variables)?)),
            Self::Binary(operator, left, right) => {
                operator.apply(left.evaluate(variables)?, right.evaluate(variables)?)
            }
        }
    }
}

fn value_of(name: &str, variables: &[(Box<str>, Decimal)]) -> Result<Decimal, EvaluationError> {
    variables
        .iter()
        .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
        .ok_or_else(|| EvaluationError::MissingVariable(name.into()))
}

fn to_tokens(value: Decimal) -> Result<Tokens, EvaluationError> {
    let rounded = value.round_dp_with_strategy(6, RoundingStrategy::MidpointNearestEven);
    // At most 96 bits times a million, which 128 bits hold.
    let micros = rounded.mantissa() * 10_i128.pow(6 - rounded.scale());
    if micros < 0 {
        return Err(EvaluationError::Negative);
    }
    i64::try_from(micros).map(Tokens::from_micros).map_err(|_| EvaluationError::OutOfRange)
}
