//! One run: scratch folders, rounds, and the report as it grows.

use std::{path::Path, rc::Rc, time::Duration};

use tempfile::TempDir;

use crate::{
    Error,
    case::{Against, Case, ratios},
    disk,
    machine::Machine,
    plan::{Part, Plan},
    postgres::Database,
    report::{Figure, Report},
    site::{ClientKey, Site},
};

const DISK_LOOK: Duration = Duration::from_millis(300);

/// Shows how far the run is.
pub trait Watch {
    /// So much of `total` of what is being done is done.
    fn progress(&self, what: &str, done: u64, total: u64);
}

/// Where a licet server keeps its data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Storage<'a> {
    Sqlite,
    Postgres(&'a Database),
}

/// A run.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) report: Report,
    watch: Rc<dyn Watch>,
    key: Rc<dyn ClientKey>,
    scratch: TempDir,
    against: Vec<(String, Vec<Against>)>,
}

impl Bench {
    pub(crate) fn new(
        plan: Plan,
        key: Rc<dyn ClientKey>,
        watch: Rc<dyn Watch>,
    ) -> Result<Self, Error> {
        let unusable = |error| Error::failed(&format!("--data {}", plan.data.display()), &error);
        let scratch = tempfile::Builder::new()
            .prefix("licet-bench-")
            .tempdir_in(&plan.data)
            .map_err(unusable)?;
        let report = Report::new(Machine::of_data(scratch.path()));
        Ok(Self { plan, report, watch, key, scratch, against: Vec::new() })
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A folder that goes with its guard.
    pub(crate) fn folder(&self) -> Result<TempDir, Error> {
        Ok(tempfile::tempdir_in(self.scratch())?)
    }

    pub(crate) fn progress(&self, what: &str, done: u64, total: u64) {
        self.watch.progress(what, done, total);
    }

    /// A licet server of its own.
    ///
    /// # Errors
    /// [`Error::Absent`] if it does not come up.
    pub(crate) async fn site(&self, storage: Storage<'_>) -> Result<Rc<Site>, Error> {
        self.progress("starting a server", 0, 1);
        let folder = self.folder()?;
        let path = folder.path().join("data");
        let path = path.to_string_lossy().into_owned();
        let (arguments, database) = match storage {
            Storage::Sqlite => (["--data", path.as_str()], None),
            Storage::Postgres(database) => {
                (["--database", database.url.as_str()], database.server.process())
            }
        };
        let (program, key) = (&self.plan.program, self.key.clone());
        Site::start(program, &arguments, (folder, database), key).await.map(Rc::new)
    }

    /// Measures all cases in turns, and keeps their figures. A case that goes wrong is measured no
    /// further and spoils the report, not the others.
    ///
    /// # Errors
    /// The disk cannot be measured.
    pub(crate) async fn measure(&mut self, cases: Vec<Case>) -> Result<(), Error> {
        let mut cases: Vec<(Case, bool)> = cases.into_iter().map(|case| (case, true)).collect();
        for round in 1..=self.plan.rounds {
            for (case, is_well) in cases.iter_mut().filter(|(_, is_well)| *is_well) {
                if let Err(error) = self.round(case, round).await {
                    *is_well = false;
                    let found = format!("{}: {error}", case.name);
                    self.report.check(case.part, ANSWERS, false, found);
                }
            }
        }
        for (case, is_well) in cases {
            if is_well {
                let found = format!("{}: all", case.name);
                self.report.check(case.part, ANSWERS, true, found);
            }
            if let Some((figure, against)) = case.finish() {
                self.against.push((figure.name.clone(), against));
                self.report.figures.push(figure);
            }
        }
        Ok(())
    }

    /// Keeps a figure that is held against no other.
    pub(crate) fn add_figure(&mut self, figure: Figure) {
        self.report.figures.push(figure);
    }

    async fn round(&self, case: &mut Case, round: u32) -> Result<(), Error> {
        let disk = disk::sync_appends(self.scratch(), disk::SMALL_BYTES, DISK_LOOK)?;
        case.add_disk(disk.histogram.quantile_ns(0.5) as f64 / 1e3);
        let what = format!("{}, round {round} of {}", case.name, self.plan.rounds);
        let measured = self.plan.round_length();
        let total_ms = measured.as_millis() as u64;
        let tick = |gone: Duration| {
            let gone_ms = gone.as_millis() as u64;
            self.progress(&what, gone_ms.min(total_ms), total_ms);
        };
        case.round(measured, &tick).await
    }

    /// Takes what became of a group of parts.
    pub(crate) fn settle(&mut self, parts: &[Part], ended: Result<(), Error>) {
        let chosen = parts.iter().copied().filter(|part| self.plan.has(*part));
        let chosen: Vec<Part> = chosen.collect();
        match ended {
            Ok(()) => {}
            Err(Error::Absent(reason)) => {
                chosen.iter().for_each(|part| self.report.leave_out(*part, reason.clone()));
            }
            Err(error) => {
                let part = chosen.first().copied().unwrap_or(parts[0]);
                self.report.check(part, "it can be measured", false, error.to_string());
            }
        }
    }

    /// The report, with every figure held against the others.
    pub(crate) fn finish(mut self) -> Report {
        let figures = &self.report.figures;
        let rates: Vec<_> =
            figures.iter().map(|figure| (figure.name.clone(), figure.per_second)).collect();
        for figure in &mut self.report.figures {
            if let Some((_, against)) = self.against.iter().find(|(name, _)| *name == figure.name) {
                figure.ratios.extend(ratios(figure.per_second, against, &rates));
            }
        }
        self.report
    }
}

/// What every case is checked for.
const ANSWERS: &str = "every answer is as it must be";
