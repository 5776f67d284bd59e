//! A figure in the making: what is measured, round by round.

use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

use crate::{
    Error,
    histogram::Histogram,
    load::{Shared, Slice, Span, Target, Workload},
    plan::Part,
    postgres::Pgbench,
    process::Process,
    report::{Figure, Ratio, fifths, median},
    site::{Site, projector_lag},
};

const WARM_UP_FIRST: Duration = Duration::from_millis(1_500);
const WARM_UP: Duration = Duration::from_millis(300);
const LAG_SAMPLE: Duration = Duration::from_millis(250);
const PIECE_S: f64 = 0.1;

/// Who answers.
#[derive(Clone)]
pub(crate) enum Server {
    Licet(Rc<Site>),
    Other(Rc<Process>),
}

/// What one round is of.
pub(crate) enum Subject {
    Load { target: Target, workload: Shared<dyn Workload>, server: Server },
    Pgbench(Pgbench),
}

/// Another figure that this one is held against.
#[derive(Debug, Clone)]
pub(crate) struct Against {
    pub(crate) to: String,
    pub(crate) target: Option<f64>,
}

/// A figure and what its rounds have shown so far.
pub(crate) struct Case {
    pub(crate) part: Part,
    pub(crate) name: String,
    unit: &'static str,
    subject: Subject,
    against: Vec<Against>,
    rounds_per_second: Vec<f64>,
    histogram: Histogram,
    operations: u64,
    seconds: f64,
    processor_s: Option<f64>,
    pieces: Vec<u64>,
    disk_us: Vec<f64>,
    projector_lag_max: Option<u64>,
    caught_up_ms: Option<f64>,
}

impl Case {
    pub(crate) fn new(part: Part, name: String, unit: &'static str, subject: Subject) -> Self {
        Self {
            part,
            name,
            unit,
            subject,
            against: Vec::new(),
            rounds_per_second: Vec::new(),
            histogram: Histogram::default(),
            operations: 0,
            seconds: 0.0,
            processor_s: Some(0.0),
            pieces: Vec::new(),
            disk_us: Vec::new(),
            projector_lag_max: None,
            caught_up_ms: None,
        }
    }

    /// Requests to a licet server.
    pub(crate) fn of_licet<W: Workload + 'static>(
        part: Part,
        name: String,
        (site, connections): (&Rc<Site>, usize),
        workload: &Shared<W>,
    ) -> Self {
        let (target, server) = (site.target(connections), Server::Licet(site.clone()));
        let subject = Subject::Load { target, workload: workload.clone(), server };
        Self::new(part, name, "requests", subject)
    }

    pub(crate) fn counting(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Holds it against another figure, if that is measured.
    pub(crate) fn against(mut self, to: impl Into<String>, target: Option<f64>) -> Self {
        self.against.push(Against { to: to.into(), target });
        self
    }

    /// Sets what the ratio to one of the others shall be.
    pub(crate) fn with_target(mut self, to: &str, target: f64) -> Self {
        let found = self.against.iter_mut().find(|against| against.to == to);
        if let Some(against) = found {
            against.target = Some(target);
        }
        self
    }

    pub(crate) fn connections(&self) -> usize {
        match &self.subject {
            Subject::Load { target, .. } => target.connections,
            Subject::Pgbench(pgbench) => pgbench.clients,
        }
    }

    /// Measures one round, and waits until nothing of it goes on.
    ///
    /// # Errors
    /// The first answer that is not as it must be, or why nothing was measured.
    pub(crate) async fn round(
        &mut self,
        measured: Duration,
        tick: &dyn Fn(Duration),
    ) -> Result<(), Error> {
        let warm_up = if self.rounds_per_second.is_empty() { WARM_UP_FIRST } else { WARM_UP };
        let span = Span::Timed { warm_up: warm_up.min(measured), measured };
        let slice = match &mut self.subject {
            Subject::Pgbench(pgbench) => pgbench.run(measured, tick).await?,
            Subject::Load { target, workload, server: Server::Other(process) } => {
                target.load(workload, span, &[&**process], tick).await?
            }
            Subject::Load { target, workload, server: Server::Licet(site) } => {
                let sampler = LagSampler::start(site.address);
                let slice = target.load(workload, span, &site.processes(), tick).await?;
                let lag = sampler.stop();
                let caught_up_ms = site.caught_up().await?.as_secs_f64() * 1e3;
                self.projector_lag_max = self.projector_lag_max.max(Some(lag));
                let longest = self.caught_up_ms.unwrap_or(0.0).max(caught_up_ms);
                self.caught_up_ms = Some(longest);
                slice
            }
        };
        self.add(slice);
        Ok(())
    }

    fn add(&mut self, slice: Slice) {
        self.rounds_per_second.push(slice.per_second());
        self.histogram.merge(&slice.histogram);
        self.operations += slice.operations;
        self.seconds += slice.seconds;
        self.processor_s = self.processor_s.zip(slice.processor_s).map(|(sum, more)| sum + more);
        self.pieces.extend(slice.pieces);
    }

    pub(crate) fn add_disk(&mut self, p50_us: f64) {
        self.disk_us.push(p50_us);
    }

    fn memory_bytes(&self) -> Option<u64> {
        match &self.subject {
            Subject::Load { server: Server::Licet(site), .. } => site.process.memory_bytes(),
            Subject::Load { server: Server::Other(process), .. } => process.memory_bytes(),
            Subject::Pgbench(_) => None,
        }
    }

    /// The figure, and what it is held against; `None` if no round was measured.
    pub(crate) fn finish(self) -> Option<(Figure, Vec<Against>)> {
        if self.rounds_per_second.is_empty() {
            return None;
        }
        let millions = self.operations as f64 / 1e6;
        let processor_s = self.processor_s.filter(|_| self.operations > 0);
        let mut figure = Figure {
            part: self.part.name(),
            connections: self.connections(),
            unit: self.unit,
            seconds: self.seconds,
            per_second: median(&self.rounds_per_second),
            fifths_per_second: fifths(&self.pieces, PIECE_S),
            p50_us: 0.0,
            p99_us: 0.0,
            longest_us: 0.0,
            processor_s_per_million: processor_s.map(|seconds| seconds / millions),
            memory_bytes: self.memory_bytes(),
            disk_p50_us: median(&self.disk_us),
            ratios: Vec::new(),
            projector_lag_max: self.projector_lag_max,
            caught_up_ms: self.caught_up_ms,
            name: self.name,
            rounds_per_second: self.rounds_per_second,
        };
        figure.latencies(&self.histogram);
        Some((figure, self.against))
    }
}

/// Ratios to those figures that were measured.
pub(crate) fn ratios(rate: f64, against: &[Against], rates: &[(String, f64)]) -> Vec<Ratio> {
    let ratio = |against: &Against| {
        let (_, other) = rates.iter().find(|(name, _)| *name == against.to)?;
        let (to, target) = (against.to.clone(), against.target);
        (*other > 0.0).then(|| Ratio { to, ratio: rate / other, target })
    };
    against.iter().filter_map(ratio).collect()
}

/// Looks beside a load how far the projector is behind.
struct LagSampler {
    lag_max: Rc<Cell<u64>>,
    task: tokio::task::JoinHandle<()>,
}

impl LagSampler {
    fn start(address: SocketAddr) -> Self {
        let lag_max = Rc::new(Cell::new(0));
        let seen = lag_max.clone();
        let task = tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(LAG_SAMPLE).await;
                // A server that does not answer is found out by the load.
                if let Ok(lag) = projector_lag(address).await {
                    seen.set(lag.max(seen.get()));
                }
            }
        });
        Self { lag_max, task }
    }

    fn stop(self) -> u64 {
        self.lag_max.get()
    }
}

impl Drop for LagSampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_what_was_measured() {
        let against = |to: &str, target| Against { to: to.to_owned(), target };
        let wanted = [against("echo", Some(0.6)), against("not measured", None)];
        let rates = [("echo".to_owned(), 50.0)];
        let found = ratios(25.0, &wanted, &rates);
        assert_eq!(found, [Ratio { to: "echo".to_owned(), ratio: 0.5, target: Some(0.6) }]);
    }
}
