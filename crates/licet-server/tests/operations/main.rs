//! The operations door as its callers see it.

#![allow(clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "support is shared by suites")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/office.rs"]
mod office;

mod contract;
mod roles;
mod users;
