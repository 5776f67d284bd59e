//! The elastic door as a caller sees it: a story in each file.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod bad_input;
mod configuration;
mod idempotency;
mod instances;
mod keys;
mod line_items;
mod permissions;
mod previews;
mod rate_tables;
mod rules;
mod session_charges;
mod session_events;
mod sessions;
mod strangers;
mod tutorial;

/// Both versions of the API.
const VERSIONS: [&str; 2] = ["v1.0", "v1.1"];

/// An item code of three digits as a version writes it.
fn code(version: &str, code: &str) -> String {
    if version == "v1.0" { code.to_owned() } else { format!("1{code}") }
}
