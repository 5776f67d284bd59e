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

#[test]
fn the_same_on_postgres() {
    support::once_more_on_postgres("the_same_on_postgres");
}
