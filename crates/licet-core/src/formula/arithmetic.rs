//! What the operators of a formula do with two decimals: checked, and in bounded time.

use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

use super::EvaluationError;

/// The largest magnitude of an exponent.
const MAX_EXPONENT: u32 = 1_000;
/// The largest magnitude of the precision of `ROUND`.
const MAX_PRECISION: u32 = 10;
/// Decimals that rounding looks at: what is behind them comes from quotients without an end.
const SETTLED_DECIMALS: u32 = 12;
/// Digits of a fractional power that are kept, of some 23 right ones, so that `4^0.5` is 2.
const POWER_DIGITS: u32 = 22;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnaryOperator {
    Negate,
    Absolute,
    Floor,
    Ceiling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Smaller,
    Larger,
    Round,
}

impl UnaryOperator {
    pub(super) fn apply(self, value: Decimal) -> Decimal {
        match self {
            Self::Negate => -value,
            Self::Absolute => value.abs(),
            Self::Floor => settled(value).floor(),
            Self::Ceiling => settled(value).ceil(),
        }
    }
}

impl BinaryOperator {
    pub(super) fn apply(self, left: Decimal, right: Decimal) -> Result<Decimal, EvaluationError> {
        let value = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide if right.is_zero() => return Err(EvaluationError::DivisionByZero),
            Self::Divide => left.checked_div(right),
            Self::Power => return power(left, right),
            Self::Smaller => Some(left.min(right)),
            Self::Larger => Some(left.max(right)),
            Self::Round => return round(left, right),
        };
        value.ok_or(EvaluationError::OutOfRange)
    }
}

fn settled(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(SETTLED_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
}

/// Half away from zero; a negative precision counts from the decimal point to the left.
fn round(value: Decimal, precision: Decimal) -> Result<Decimal, EvaluationError> {
    let places = small_whole(precision.abs(), MAX_PRECISION).ok_or(EvaluationError::Precision)?;
    let half_up = RoundingStrategy::MidpointAwayFromZero;
    let value = settled(value);
    if precision >= Decimal::ZERO {
        return Ok(value.round_dp_with_strategy(places, half_up));
    }
    let unit = Decimal::from(10_u64.pow(places));
    let units = value.checked_div(unit).map(|units| units.round_dp_with_strategy(0, half_up));
    units.and_then(|units| units.checked_mul(unit)).ok_or(EvaluationError::OutOfRange)
}

/// `value` as an integer, if it is one and not above `max`.
fn small_whole(value: Decimal, max: u32) -> Option<u32> {
    let whole = value.normalize();
    let small = whole.scale() == 0 && whole >= Decimal::ZERO && whole <= Decimal::from(max);
    if small { u32::try_from(whole.mantissa()).ok() } else { None }
}

/// `base` to the `exponent`; anything to the power of zero is 1.
fn power(base: Decimal, exponent: Decimal) -> Result<Decimal, EvaluationError> {
    if exponent.is_zero() {
        return Ok(Decimal::ONE);
    }
    if base.is_zero() {
        let positive = exponent > Decimal::ZERO;
        return if positive { Ok(Decimal::ZERO) } else { Err(EvaluationError::NotANumber) };
    }
    if exponent.abs() > Decimal::from(MAX_EXPONENT) {
        return Err(EvaluationError::OutOfRange);
    }
    let value = match small_whole(exponent.abs(), MAX_EXPONENT) {
        Some(times) => whole_power(base, times, exponent > Decimal::ZERO),
        None if base < Decimal::ZERO => return Err(EvaluationError::NotANumber),
        None => fractional_power(base, exponent),
    };
    let grows = (base.abs() > Decimal::ONE) == (exponent > Decimal::ZERO);
    match value {
        Some(value) => Ok(value),
        // What does not fit is either too large or, its reciprocal being so, as good as zero.
        None if grows => Err(EvaluationError::OutOfRange),
        None => Ok(Decimal::ZERO),
    }
}

/// `base` to the power of `times` or, if not `positive`, of `-times`.
fn whole_power(base: Decimal, times: u32, positive: bool) -> Option<Decimal> {
    if positive {
        return repeated_product(base, times);
    }
    // The reciprocal is taken where fewer digits get lost: of the larger number.
    if base.abs() > Decimal::ONE {
        Decimal::ONE.checked_div(repeated_product(base, times)?)
    } else {
        repeated_product(Decimal::ONE.checked_div(base)?, times)
    }
}

/// Squares from the highest bit of `times` down, so that no product exceeds the last one.
fn repeated_product(base: Decimal, times: u32) -> Option<Decimal> {
    let mut product = Decimal::ONE;
    for bit in (0..u32::BITS - times.leading_zeros()).rev() {
        product = product.checked_mul(product)?;
        if times >> bit & 1 == 1 {
            product = product.checked_mul(base)?;
        }
    }
    Some(product)
}

/// `base` must be above zero.
fn fractional_power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    // As `checked_powd` does it, which panics where its logarithm fails.
    let value = base.checked_ln()?.checked_mul(exponent)?.checked_exp()?;
    // Not `round_sf`: of a small number it makes a decimal with too large a scale.
    let whole_digits = value.trunc().mantissa().checked_ilog10().map_or(0, |log| log + 1);
    let places = POWER_DIGITS.saturating_sub(whole_digits);
    Some(value.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven))
}
