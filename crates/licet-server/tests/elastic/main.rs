//! The elastic door as a caller sees it: a story in each file.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/office.rs"]
mod office;

mod addresses;
mod bad_input;
mod busy;
mod configuration;
mod idempotency;
mod instances;
mod keys;
mod line_items;
mod parameters;
mod permissions;
mod previews;
mod rate_tables;
mod roles;
mod rules;
mod session_charges;
mod session_events;
mod sessions;
mod short_ids;
mod strangers;
mod tokens;
mod tutorial;
mod unfinished;

/// Both versions of the API.
const VERSIONS: [&str; 2] = ["v1.0", "v1.1"];

/// An item code of three digits as a version writes it.
fn code(version: &str, code: &str) -> String {
    if version == "v1.0" { code.to_owned() } else { format!("1{code}") }
}

#[test]
fn the_same_on_postgres() {
    support::once_more_on_postgres("the_same_on_postgres");
}
