//! `licet bench`: the product measures its own speed beside its rivals, in one run on one machine,
//! and proves that what it answered has happened.
//!
//! [`run`] goes through the parts of a [`Plan`]. Each figure that is compared with another is
//! measured in turns with it, so that whatever else the machine does hits both. Servers and rivals
//! are child processes on scratch folders; none of them outlives the run.

mod bench;
mod case;
mod disk;
mod echo;
mod error;
mod histogram;
mod http;
mod load;
mod machine;
mod million;
mod parts;
mod plan;
mod postgres;
mod process;
mod report;
mod resp;
mod setup;
mod site;
mod stopwatch;
mod tokens;
mod workloads;

use std::{future::Future, rc::Rc};

use bench::Bench;
pub use bench::Watch;
pub use echo::Echo;
pub use error::Error;
pub use machine::Machine;
pub use million::hold_sessions;
pub use plan::{Part, Plan};
pub use report::{Check, Fact, Figure, LeftOut, Ratio, Report};
pub use site::ClientKey;

/// Measures what the plan says, until all is measured or `stop` ends. Takes a thread for itself:
/// call it outside of any runtime.
///
/// # Errors
/// [`Error::Interrupted`] if `stop` ended first; [`Error::Failed`] if nothing can be measured at
/// all. What goes wrong in one part is in the report.
pub fn run<S: Future<Output = ()>>(
    plan: Plan,
    key: Rc<dyn ClientKey>,
    watch: Rc<dyn Watch>,
    stop: impl FnOnce() -> S,
) -> Result<Report, Error> {
    plan.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let bench = Bench::new(plan, key, watch)?;
    runtime.block_on(tasks.run_until(async {
        tokio::select! {
            biased;
            () = stop() => Err(Error::Interrupted),
            report = all(bench) => Ok(report),
        }
    }))
}

/// Makes the walk over all groups of parts.
macro_rules! groups {
    ($bench:ident: $($group:ident),+) => {
        $(if $bench.plan.has_any(parts::$group::PARTS) {
            let ended = Box::pin(parts::$group::run(&mut $bench)).await;
            $bench.settle(parts::$group::PARTS, ended);
        })+
    };
}

async fn all(bench: Bench) -> Report {
    let mut bench = bench;
    if bench.plan.has(Part::Disk) {
        let ended = parts::measure_disk(&mut bench);
        bench.settle(&[Part::Disk], ended);
    }
    groups!(bench: access, sessions, features, fair, items, growth, live, million, reports, postgres, redis);
    bench.finish()
}
