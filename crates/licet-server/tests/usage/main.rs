//! The usage door as its callers see it, over a story of which every charge is known.

#![allow(clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "support is shared by suites")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/office.rs"]
mod office;

mod calendar;
mod features;
mod metered_year;
mod report;
mod shop;
mod sums;

#[test]
fn the_same_on_postgres() {
    support::once_more_on_postgres("the_same_on_postgres");
}
