//! Reading the body of a request, and saying what is wrong with it.

use std::{fmt, slice};

use serde::Deserialize;
use serde_json::error::Category;

use crate::{limits, number, time};

/// What is wrong with a body, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The place, such as `$.requestedItems[3].count`; `$` is the body itself.
    pub at: String,
    /// Such as `string found, number expected`.
    pub what: String,
}

impl Malformed {
    /// Something wrong with the body as a whole.
    #[must_use]
    pub fn body(what: impl Into<String>) -> Self {
        Self { at: "$".to_owned(), what: what.into() }
    }

    /// Whether there is a number, but one that is too small, too large or too fine.
    #[must_use]
    pub fn is_out_of_range(&self) -> bool {
        number::is_about_range(&self.what) || time::is_about_range(&self.what)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl std::error::Error for Malformed {}

/// Reads a request's body.
///
/// # Errors
/// [`Malformed`], if it is larger than [`limits::BODY_BYTES`], nested more than
/// [`limits::NESTING`] levels deep, not JSON, or not what is asked for.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    if body.len() > limits::BODY_BYTES {
        return Err(Malformed::body(format!("is larger than {} bytes", limits::BODY_BYTES)));
    }
    check_nesting(body)?;
    serde_json::from_slice(body).map_err(|_| explain::<T>(body))
}

/// Counts levels; what is in strings does not count.
fn check_nesting(body: &[u8]) -> Result<(), Malformed> {
    let mut depth = 0_usize;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::NESTING {
                    let what = format!("is nested more than {} levels deep", limits::NESTING);
                    return Err(Malformed::body(what));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Goes behind the end of a string that has begun.
fn skip_string(bytes: &mut slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// Reads the body again, keeping track of the place; only errors pay for that.
fn explain<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Malformed {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            place(&path, error.inner())
        }
        Ok(_) => Malformed::body("is followed by something else"),
    }
}

fn place(path: &str, error: &serde_json::Error) -> Malformed {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message);
    if error.classify() != Category::Data {
        return Malformed::body(format!("is not JSON: {text}"));
    }
    let mut at = match path {
        "." => "$".to_owned(),
        path if path.starts_with('[') => format!("${path}"),
        path => format!("$.{path}"),
    };
    if let Some(field) = quoted(message, "missing field `") {
        if !at.ends_with(&format!(".{field}")) {
            at = format!("{at}.{field}");
        }
        return Malformed { at, what: "is missing but it is required".to_owned() };
    }
    Malformed { at, what: in_words_of_schemas(message) }
}

fn quoted<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.split('`').next()
}

/// Serde's message in the words of JSON Schema validators, which the field is used to.
fn in_words_of_schemas(message: &str) -> String {
    let types = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    if let Some((found, expected)) = types {
        return format!("{} found, {} expected", found_type(found), expected_type(expected));
    }
    if let Some(field) = quoted(message, "unknown field `") {
        return format!(
            "property '{field}' is not defined in the schema and the schema does not allow \
             additional properties"
        );
    }
    if let Some(field) = quoted(message, "duplicate field `") {
        return format!("property '{field}' is given twice");
    }
    message.to_owned()
}

fn found_type(found: &str) -> &str {
    match found.split(' ').next().unwrap_or(found) {
        "floating" => "number",
        "map" => "object",
        "sequence" => "array",
        other => other,
    }
}

fn expected_type(expected: &str) -> &str {
    match expected {
        "i64" | "u64" | "i32" | "u32" | "u16" | "usize" => "integer",
        "f64" => "number",
        "a sequence" => "array",
        "a map" => "object",
        "a Vec" | "unit" => "array",
        "a boolean" => "boolean",
        other if other.starts_with("struct ") => "object",
        other => other.strip_prefix("a ").or_else(|| other.strip_prefix("an ")).unwrap_or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessRequest, RateTableIn};

    fn complaint<'a, T: Deserialize<'a>>(body: &'a str) -> String {
        parse::<T>(body.as_bytes()).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn the_place_and_the_type_are_named() {
        let rates = |items: &str| {
            format!(r#"{{"effectiveFrom":1,"series":"","version":"1","items":[{items}]}}"#)
        };
        let body = rates(r#"{"name":"a","rate":"7"}"#);
        assert_eq!(
            complaint::<RateTableIn>(&body),
            "$.items[0].rate: string found, number expected"
        );
        let body = rates(r#"{"rate":7}"#);
        assert_eq!(
            complaint::<RateTableIn>(&body),
            "$.items[0].name: is missing but it is required"
        );
        let body = rates(r#"["a","",7]"#);
        assert_eq!(complaint::<RateTableIn>(&body), "$.items[0]: array found, object expected");
        let body = rates(r#"{"name":3,"rate":7}"#);
        assert_eq!(
            complaint::<RateTableIn>(&body),
            "$.items[0].name: integer found, string expected"
        );
        assert_eq!(complaint::<RateTableIn>("[]"), "$: array found, object expected");
        assert_eq!(
            complaint::<RateTableIn>("{} x"),
            "$.effectiveFrom: is missing but it is required"
        );
        assert!(complaint::<RateTableIn>("{\"a\":").starts_with("$: is not JSON: "));
        assert_eq!(complaint::<Vec<u8>>("[] []"), "$: is followed by something else");
        assert_eq!(
            complaint::<Vec<AccessRequest>>(r#"[{"requester":{"type":"user"}}]"#),
            "$[0].requester.value: is missing but it is required"
        );
    }

    #[test]
    fn numbers_out_of_range_are_told_from_what_is_no_number() {
        let of = |rate: &str, from: &str| {
            let body =
                format!(r#"{{"effectiveFrom":{from},"items":[{{"name":"a","rate":{rate}}}]}}"#);
            parse::<RateTableIn>(body.as_bytes()).map_err(|error| error.is_out_of_range())
        };
        assert!(of("1", "1").is_ok());
        for (rate, from) in
            [("-1", "1"), ("1e-7", "1"), ("1e13", "1"), ("1", "-1"), ("1", "253402300800000")]
        {
            assert_eq!(of(rate, from), Err(true), "{rate} {from}");
        }
        for (rate, from) in [("\"1\"", "1"), ("1", "1.5"), ("1", "null"), ("x", "1")] {
            assert_eq!(of(rate, from), Err(false), "{rate} {from}");
        }
    }

    #[test]
    fn a_body_too_deep_or_too_large_is_refused_before_it_is_read() {
        let deep = "[".repeat(limits::NESTING + 1);
        assert_eq!(complaint::<Vec<u8>>(&deep), "$: is nested more than 32 levels deep");
        let in_a_string = format!("\"\\\"{}\"", "[".repeat(100));
        assert_eq!(complaint::<String>(&in_a_string), "");
        let large = " ".repeat(limits::BODY_BYTES + 1);
        assert_eq!(complaint::<String>(&large), "$: is larger than 1048576 bytes");
    }
}
