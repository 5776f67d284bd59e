//! Addresses that answers lead on to.

use std::fmt::Write;

/// A path with the values that are there as its query.
pub(crate) fn with_query(path: &str, values: &[(&str, Option<String>)]) -> String {
    let mut address = path.to_owned();
    let mut separator = '?';
    for (name, value) in values {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(address, "{separator}{name}={}", encode(value));
            separator = '&';
        }
    }
    address
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_addresses_is_escaped() {
        let values = [("a", Some("1&2 ü".to_owned())), ("b", None), ("c", Some(String::new()))];
        assert_eq!(with_query("/x", &values), "/x?a=1%262%20%C3%BC&c=");
        assert_eq!(with_query("/x", &[("a", None)]), "/x");
    }
}
