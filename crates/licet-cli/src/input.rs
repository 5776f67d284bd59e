//! Reading what a file, or standard input as `-`, holds.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// All of a file, or of standard input if it is `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let result = match path.as_os_str() == "-" {
        true => io::stdin().lock().read_to_string(&mut text).map(|_| ()),
        false => fs::read_to_string(path).map(|read| text = read),
    };
    result.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(text)
}

/// JSON out of a file, checked as the server would.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    parse_json(&path.display().to_string(), &read_text(path)?)
}

/// JSON out of a text that is called `name` in errors.
pub(crate) fn parse_json<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Failure> {
    licet_protocol::parse(text.as_bytes())
        .map_err(|error| Failure::usage(format!("{name}: {error}")))
}

/// Whether a text of JSON is an array.
pub(crate) fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[')
}
