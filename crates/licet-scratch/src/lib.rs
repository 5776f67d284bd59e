//! PostgreSQL for tests: schemas and servers that come and go.
//!
//! `LICET_TEST_POSTGRES` says where a server is (otherwise on this machine, port 5432). Without
//! one, tests pass and say that they were skipped, unless `LICET_REQUIRE_POSTGRES` is 1.

#![allow(clippy::print_stderr, reason = "a test says that it was skipped")]
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on panics")]

mod schema;
mod server;

use std::future::Future;

pub use schema::{ScratchSchema, connect};
pub use server::{Ending, ScratchServer};

/// Says that a test is skipped, and why.
///
/// # Panics
/// PostgreSQL is required here.
fn skip(why: &str) {
    let is_required = std::env::var("LICET_REQUIRE_POSTGRES").is_ok_and(|set| set == "1");
    assert!(!is_required, "PostgreSQL is required here, but {why}");
    eprintln!("skipped: {why}");
}

/// Runs a future to its end, also from within another runtime.
fn wait<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join()).expect("it does not panic")
}
