//! Fixed-point amounts with six decimals.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Millionths in one whole unit.
pub const MICROS: i64 = 1_000_000;

/// Why a decimal text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    #[error("is not a decimal number")]
    NotANumber,
    #[error("has more than six decimals")]
    TooPrecise,
    #[error("is out of range (the largest amount is 9223372036854.775807)")]
    OutOfRange,
}

/// Reads a JSON number: optional sign, digits, optional fraction, optional exponent.
fn parse_micros(text: &str) -> Result<i64, AmountError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
        return Err(AmountError::NotANumber);
    }
    if mantissa.ends_with('.') {
        return Err(AmountError::NotANumber);
    }
    let mut magnitude: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        magnitude = magnitude
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(byte - b'0')))
            .ok_or(AmountError::OutOfRange)?;
    }
    let fraction_len = i32::try_from(fraction.len()).map_err(|_| AmountError::TooPrecise)?;
    let micros = scale(magnitude, exponent - fraction_len + 6)?;
    let signed = if negative { -micros } else { micros };
    i64::try_from(signed).map_err(|_| AmountError::OutOfRange)
}

fn parse_exponent(text: &str) -> Result<i32, AmountError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AmountError::NotANumber);
    }
    let value: i32 = text.parse().map_err(|_| AmountError::OutOfRange)?;
    if value.abs() > 1_000 { Err(AmountError::OutOfRange) } else { Ok(value) }
}

/// `magnitude` times ten to the `exponent`, refusing to lose a digit.
fn scale(mut magnitude: i128, exponent: i32) -> Result<i128, AmountError> {
    if magnitude == 0 {
        return Ok(0);
    }
    for _ in 0..exponent.max(0) {
        magnitude = magnitude.checked_mul(10).ok_or(AmountError::OutOfRange)?;
    }
    for _ in 0..(-exponent).max(0) {
        if magnitude % 10 != 0 {
            return Err(AmountError::TooPrecise);
        }
        magnitude /= 10;
    }
    Ok(magnitude)
}

fn fmt_micros(micros: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let magnitude = micros.unsigned_abs();
    let (whole, fraction) = (magnitude / MICROS.unsigned_abs(), magnitude % MICROS.unsigned_abs());
    if micros < 0 {
        f.write_str("-")?;
    }
    write!(f, "{whole}")?;
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    Ok(())
}

/// `numerator / denominator`, a tie going to the even neighbour.
///
/// Both must not be negative and the denominator not zero.
#[must_use]
pub fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    debug_assert!(numerator >= 0 && denominator > 0);
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    let twice = remainder * 2;
    if twice > denominator || (twice == denominator && quotient % 2 == 1) {
        quotient + 1
    } else {
        quotient
    }
}

macro_rules! fixed_point {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        pub struct $name(i64);

        impl $name {
            pub const ZERO: Self = Self(0);
            pub const MAX: Self = Self(i64::MAX);

            #[must_use]
            pub const fn from_micros(micros: i64) -> Self {
                Self(micros)
            }

            #[must_use]
            pub const fn micros(self) -> i64 {
                self.0
            }

            /// A whole number of units.
            ///
            /// # Errors
            /// [`AmountError::OutOfRange`] above 9,223,372,036,854 or below its negative.
            pub fn whole(units: i64) -> Result<Self, AmountError> {
                units.checked_mul(MICROS).map(Self).ok_or(AmountError::OutOfRange)
            }

            /// Reads a JSON number exactly.
            ///
            /// # Errors
            /// [`AmountError`], if it is none, has more than six decimals or is too large.
            pub fn parse(text: &str) -> Result<Self, AmountError> {
                parse_micros(text).map(Self)
            }

            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }

            /// The difference, or zero if `other` is larger.
            #[must_use]
            pub fn minus_or_zero(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0).max(0))
            }

            #[must_use]
            pub fn is_positive(self) -> bool {
                self.0 > 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt_micros(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

fixed_point! {
    /// Metered tokens, in millionths, from -9,223,372,036,854.775807 up.
    Tokens
}
fixed_point! {
    /// Units of an item: how many are asked for or granted.
    Count
}

impl Tokens {
    /// The price of `count` units at `self` tokens a unit, rounded half to even once.
    ///
    /// `None` if the price is above [`Tokens::MAX`].
    #[must_use]
    pub fn price_of(self, count: Count) -> Option<Self> {
        let product = i128::from(self.0) * i128::from(count.micros());
        i64::try_from(divide_half_even(product, i128::from(MICROS))).ok().map(Self)
    }

    /// The part `share / whole` of a charge, rounded half to even, between zero and the charge.
    #[must_use]
    pub fn share(self, share_ms: i64, whole_ms: i64) -> Self {
        let share_ms = share_ms.clamp(0, whole_ms);
        let product = i128::from(self.0) * i128::from(share_ms);
        let part = divide_half_even(product, i128::from(whole_ms.max(1)));
        // The share is at most the whole, so the part fits where the charge did.
        Self(i64::try_from(part).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly_what_json_can_write() {
        let micros = |text| Tokens::parse(text).map(Tokens::micros);
        assert_eq!(micros("7"), Ok(7_000_000));
        assert_eq!(micros("-0.25"), Ok(-250_000));
        assert_eq!(micros("1e3"), Ok(1_000_000_000));
        assert_eq!(micros("12.5E-5"), Ok(125));
        assert_eq!(micros("1.1000000000"), Ok(1_100_000));
        assert_eq!(micros("9223372036854.775807"), Ok(i64::MAX));
        assert_eq!(micros("9223372036854.775808"), Err(AmountError::OutOfRange));
        assert_eq!(micros("0.0000001"), Err(AmountError::TooPrecise));
        assert_eq!(micros("1e999999999999"), Err(AmountError::OutOfRange));
        for bad in ["", "-", ".5", "5.", "1e", "NaN", "Infinity", "0x10", " 1", "1 ", "+1"] {
            assert_eq!(micros(bad), Err(AmountError::NotANumber), "{bad:?}");
        }
    }

    #[test]
    fn writes_no_digit_too_many() {
        assert_eq!(Tokens::from_micros(-1_250_000).to_string(), "-1.25");
        assert_eq!(Tokens::from_micros(1).to_string(), "0.000001");
        assert_eq!(Tokens::MAX.to_string(), "9223372036854.775807");
    }

    #[test]
    fn a_tie_goes_to_the_even_neighbour() {
        assert_eq!(divide_half_even(5, 10), 0);
        assert_eq!(divide_half_even(15, 10), 2);
        assert_eq!(divide_half_even(25, 10), 2);
        assert_eq!(divide_half_even(26, 10), 3);
    }

    #[test]
    fn a_price_that_does_not_fit_is_none() {
        assert_eq!(Tokens::MAX.price_of(Count::MAX), None);
        let rate = Tokens::from_micros(250_000);
        assert_eq!(rate.price_of(Count::from_micros(2)), Some(Tokens::ZERO));
        assert_eq!(rate.price_of(Count::from_micros(6)), Some(Tokens::from_micros(2)));
    }
}
