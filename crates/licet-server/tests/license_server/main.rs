//! The licence server door as its callers see it: a story in each file.

#![allow(clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "support is shared by suites")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/office.rs"]
mod office;

mod access_requests;
mod clients;
mod configuration;
mod feature_line_items;
mod feature_list;
mod features;
mod health;
mod licensing_keys;
mod local;
mod log_in;
mod model;
mod nodes;
mod producer_user;
mod reservation_groups;
mod rights;
mod roles;
mod signed;
mod site;
mod stock;
mod users;

#[test]
fn the_same_on_postgres() {
    support::once_more_on_postgres("the_same_on_postgres");
}
