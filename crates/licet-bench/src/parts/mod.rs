//! The parts, a file for each group of figures that take turns.

pub(crate) mod access;
pub(crate) mod fair;
pub(crate) mod features;
pub(crate) mod growth;
pub(crate) mod items;
pub(crate) mod live;
pub(crate) mod million;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod reports;
pub(crate) mod sessions;

use std::{process::Command, rc::Rc};

use uuid::Uuid;

use crate::{
    Error,
    bench::Bench,
    case::{Case, Server, Subject},
    disk, http,
    load::{Shared, Slice, Target, Workload},
    plan::Part,
    process::Process,
    report::Figure,
    setup::{self, shared},
    site::{Site, first_address},
    workloads::{
        access::Access,
        echo::{EchoedAccess, EchoedFeatures, EchoedHeartbeat},
    },
};

/// The name of the echo's figure that others are held against.
pub(crate) fn echo_name(connections: usize) -> String {
    format!("echo {connections}")
}

/// The name of the figure of requests on one instance.
pub(crate) fn hot_name(connections: usize) -> String {
    format!("hot {connections}")
}

/// A running echo.
pub(crate) struct EchoServer {
    process: Rc<Process>,
    address: std::net::SocketAddr,
}

impl EchoServer {
    pub(crate) async fn start(bench: &Bench) -> Result<Self, Error> {
        let mut command = Command::new(&bench.plan.program);
        let log = bench.scratch().join("echo.log");
        let (process, mut lines) = Process::start(command.args(["bench", "echo"]), &log)?;
        let address = first_address(&mut lines).await;
        let why = || Error::Failed(format!("the echo did not start: {}", process.complaint()));
        let address = address.ok_or_else(why)?;
        Ok(Self { process: Rc::new(process), address })
    }

    pub(crate) fn access(&self, connections: usize) -> Case {
        self.case(echo_name(connections), connections, shared(EchoedAccess::new()))
    }

    pub(crate) fn features(&self, name: &str, connections: usize) -> Case {
        self.case(name.to_owned(), connections, shared(EchoedFeatures::new()))
    }

    pub(crate) fn heartbeats(&self, name: &str, connections: usize) -> Case {
        self.case(name.to_owned(), connections, shared(EchoedHeartbeat))
    }

    fn case(&self, name: String, connections: usize, workload: Shared<dyn Workload>) -> Case {
        let target = Target { address: self.address, reader: http::read, connections };
        let server = Server::Other(self.process.clone());
        Case::new(Part::Echo, name, "requests", Subject::Load { target, workload, server })
    }
}

/// Access requests on some instances of a site, and how what was charged is proved afterwards.
pub(crate) struct Charged {
    part: Part,
    site: Rc<Site>,
    instances: Vec<Uuid>,
    access: Shared<Access>,
    /// Used by others before.
    used_before_micros: u64,
    /// The figure of the echo that its rate is held against.
    echo: String,
}

impl Charged {
    pub(crate) async fn new(
        bench: &Bench,
        part: Part,
        site: &Rc<Site>,
        (instances, access): (Vec<Uuid>, Access),
    ) -> Result<Self, Error> {
        let used_before_micros = setup::used_micros(bench, site, &instances).await?;
        let (site, access) = (site.clone(), shared(access));
        let echo = echo_name(bench.plan.connections());
        Ok(Self { part, site, instances, access, used_before_micros, echo })
    }

    /// One request in each call.
    pub(crate) async fn one_by_one(
        bench: &Bench,
        part: Part,
        site: &Rc<Site>,
        instances: Vec<Uuid>,
    ) -> Result<Self, Error> {
        let access = Access::one_by_one(site, &instances)?;
        Self::new(bench, part, site, (instances, access)).await
    }

    pub(crate) fn case(&self, name: impl Into<String>, connections: usize) -> Case {
        Case::of_licet(self.part, name.into(), (&self.site, connections), &self.access)
            .against(self.echo.as_str(), None)
    }

    /// Checks that what the line items say was used is what the answers charged.
    pub(crate) async fn prove(&self, bench: &mut Bench) -> Result<(), Error> {
        let used = setup::used_micros(bench, &self.site, &self.instances).await?;
        let gained = used - self.used_before_micros;
        let charged = self.access.borrow().charged_micros;
        let found =
            format!("{charged} millionths charged in answers, {gained} gained by line items");
        let what = "tokens charged in answers are tokens used";
        bench.report.check(self.part, what, charged == gained && charged > 0, found);
        Ok(())
    }
}

/// Measures the disk itself.
pub(crate) fn measure_disk(bench: &mut Bench) -> Result<(), Error> {
    for (name, bytes) in [("disk 4 KiB", disk::SMALL_BYTES), ("disk 64 KiB", disk::LARGE_BYTES)] {
        bench.progress(name, 0, 1);
        let slice = disk::sync_appends(bench.scratch(), bytes, bench.plan.length)?;
        bench.add_figure(disk_figure(name, &slice));
    }
    Ok(())
}

fn disk_figure(name: &str, slice: &Slice) -> Figure {
    let mut figure = plain_figure(Part::Disk, name, "syncs", slice);
    figure.latencies(&slice.histogram);
    figure.disk_p50_us = figure.p50_us;
    figure
}

/// A figure of what was done here, without a server.
fn plain_figure(part: Part, name: &str, unit: &'static str, slice: &Slice) -> Figure {
    Figure {
        part: part.name(),
        name: name.to_owned(),
        unit,
        connections: 1,
        seconds: slice.seconds,
        per_second: slice.per_second(),
        rounds_per_second: vec![slice.per_second()],
        fifths_per_second: Vec::new(),
        p50_us: 0.0,
        p99_us: 0.0,
        longest_us: 0.0,
        processor_s_per_million: None,
        memory_bytes: None,
        disk_p50_us: 0.0,
        ratios: Vec::new(),
        projector_lag_max: None,
        caught_up_ms: None,
    }
}
