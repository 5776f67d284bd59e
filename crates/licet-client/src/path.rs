//! Paths and query strings.

use std::fmt::Write;

/// A segment of a path, or a value of a query, with everything but letters, digits and `-._~`
/// written as `%XX`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A query string from the values that are there, with its `?`.
pub(crate) fn query(values: &[(&str, Option<String>)]) -> String {
    let mut text = String::new();
    for (name, value) in values {
        if let Some(value) = value {
            let separator = if text.is_empty() { '?' } else { '&' };
            let _ = write!(text, "{separator}{name}={}", encode(value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_addresses_is_escaped() {
        assert_eq!(encode("NW 2026/01?ü"), "NW%202026%2F01%3F%C3%BC");
        let values = [("a", Some("1&2".to_owned())), ("b", None), ("c", Some(String::new()))];
        assert_eq!(query(&values), "?a=1%262&c=");
        assert_eq!(query(&[("a", None)]), "");
    }
}
