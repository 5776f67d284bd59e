//! What answers say of tokens, found without reading all of them.

use memchr::memmem::{Finder, find_iter};

const CHARGED: &[u8] = b"\"totalTokensCharged\":";
const CODE: &[u8] = b"\"code\":\"1101\"";
const USED: &[u8] = b"\"used\":";

/// Reads access answers.
#[derive(Debug)]
pub(crate) struct Charges {
    charged: Finder<'static>,
    code: Finder<'static>,
}

impl Charges {
    pub(crate) fn new() -> Self {
        Self { charged: Finder::new(CHARGED), code: Finder::new(CODE) }
    }

    /// How many items were charged, and the millionths of tokens that they cost.
    pub(crate) fn read(&self, body: &[u8]) -> (u64, u64) {
        let places = self.charged.find_iter(body);
        let micros = places.filter_map(|place| micros_at(&body[place + CHARGED.len()..])).sum();
        (self.code.find_iter(body).count() as u64, micros)
    }
}

/// The sum of all `used` in a body, in millionths.
pub(crate) fn used_micros(body: &[u8]) -> u64 {
    let places = find_iter(body, USED);
    places.filter_map(|place| micros_at(&body[place + USED.len()..])).sum()
}

/// The number at the start, with up to six decimals, in millionths.
pub(crate) fn micros_at(text: &[u8]) -> Option<u64> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let decimals = match text.get(whole) {
        Some(b'.') => &text[whole + 1..],
        _ => &[],
    };
    let decimals = &decimals[..digits(decimals)];
    if whole == 0 || decimals.len() > 6 {
        return None;
    }
    let read = |text: &[u8]| text.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    let shift = 10_u64.pow(6 - decimals.len() as u32);
    Some(read(&text[..whole]) * 1_000_000 + read(decimals) * shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, micros) in [
            ("7,", Some(7_000_000)),
            ("0.000001}", Some(1)),
            ("12.5 ", Some(12_500_000)),
            ("9223372036854.775807", Some(9_223_372_036_854_775_807)),
            ("null", None),
            ("1.0000001", None),
        ] {
            assert_eq!(micros_at(text.as_bytes()), micros, "{text}");
        }
    }

    #[test]
    fn charges_of_all_items_are_summed() {
        let body = br#"[{"requestedItems":[
            {"totalTokensCharged":2,"status":{"code":"1101"}},
            {"totalTokensCharged":0.5,"status":{"code":"1101"}},
            {"totalTokensCharged":0,"status":{"code":"1306"}}]}]"#;
        assert_eq!(Charges::new().read(body), (2, 2_500_000));
    }

    #[test]
    fn used_is_not_mistaken_for_what_ends_in_it() {
        let body = br#"[{"used":1.5},{"overdraftUsed":9,"used":2}]"#;
        assert_eq!(used_micros(body), 3_500_000);
    }
}
