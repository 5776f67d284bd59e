//! What is needed of DER, in which keys are written.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Contents of the value with the tag `tag` that `input` begins with, and what follows it.
pub(crate) fn value(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = header(input, tag)?;
    rest.split_at_checked(length)
}

/// The length that the header of a value with the tag `tag` tells, and what follows the header.
pub(crate) fn header(input: &[u8], tag: u8) -> Option<(usize, &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&short, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    if short < 0x80 {
        return Some((usize::from(short), rest));
    }
    let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
    if long.len() > 4 {
        return None;
    }
    Some((long.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest))
}

/// Digits of an unsigned integer without leading zeros, and what follows it.
pub(crate) fn unsigned(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, rest) = value(input, INTEGER)?;
    let first = digits.iter().position(|byte| *byte != 0)?;
    Some((&digits[first..], rest))
}

/// Modulus and exponent of a DER `RSAPublicKey`, which is SEQUENCE { INTEGER n, INTEGER e },
/// without leading zeros.
pub(crate) fn rsa_numbers(pkcs1: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = value(pkcs1, SEQUENCE)?;
    let (modulus, rest) = unsigned(sequence)?;
    let (exponent, _) = unsigned(rest)?;
    Some((modulus, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_each_other() {
        let input = [0x30, 0x81, 0x07, 0x02, 0x02, 0x00, 0x81, 0x02, 0x01, 0x03, 0xff];
        let (sequence, rest) = value(&input, SEQUENCE).unwrap();
        assert_eq!(rest, [0xff]);
        let (first, rest) = unsigned(sequence).unwrap();
        assert_eq!((first, unsigned(rest)), (&[0x81][..], Some((&[3][..], &[][..]))));
        assert_eq!(value(&input, INTEGER), None);
        assert_eq!(value(&input[..9], SEQUENCE), None, "cut off");
        assert_eq!(value(&[0x30, 0x85, 0, 0, 0, 0, 0], SEQUENCE), None, "too long to be true");
    }
}
