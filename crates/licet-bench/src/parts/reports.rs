//! A year's report, summed by month from the roll-ups.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use licet_engine::{Clock, SystemClock};
use licet_protocol::Rollups;

use super::setup;
use crate::{
    Error,
    bench::{Bench, Storage},
    case::Case,
    http::{Answer, Request},
    load::Workload,
    plan::Part,
    setup::shared,
    workloads::expect,
};

pub(crate) const PARTS: &[Part] = &[Part::Report];
const YEAR_MS: i64 = 366 * 86_400_000;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let site = bench.site(Storage::Sqlite).await?;
    let instances = setup::instances(bench, &site, bench.plan.instances).await?;
    let charged = setup::records(bench, &site, &instances, bench.plan.records).await?;
    let from_ms = SystemClock.now_ms() - YEAR_MS;
    let request =
        site.admin_request("GET", &format!("/usage/api/v1/rollups?span=day&from={from_ms}"));
    let months = Rc::new(RefCell::new(BTreeMap::new()));
    let reports = shared(Reports { request, months: months.clone() });
    let name = format!("report, {} records of {} instances", bench.plan.records, instances.len());
    let case = Case::of_licet(Part::Report, name, (&site, 1), &reports).counting("reports");
    bench.measure(vec![case]).await?;
    let summed: i64 = months.borrow().values().sum();
    let found = format!(
        "{summed} millionths in {} months, {charged} charged in answers",
        months.borrow().len()
    );
    let is_met = u64::try_from(summed) == Ok(charged);
    bench.report.check(Part::Report, "tokens reported are tokens charged", is_met, found);
    Ok(())
}

/// Reads the report and sums it by month, as whoever wants one does.
struct Reports {
    request: Request,
    /// Millionths of tokens by year and month.
    months: Rc<RefCell<BTreeMap<(i16, i8), i64>>>,
}

impl Workload for Reports {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.request.clone().empty());
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(200, answer)?;
        let rollups: Rollups =
            serde_json::from_slice(&answer.content()).map_err(|error| error.to_string())?;
        let mut months = BTreeMap::new();
        for row in &rollups.data {
            let at = jiff::Timestamp::from_millisecond(row.starts_at.0)
                .map_err(|error| error.to_string())?;
            let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
            *months.entry((date.year(), date.month())).or_insert(0) +=
                row.tokens_charged.0.micros() - row.tokens_refunded.0.micros();
        }
        *self.months.borrow_mut() = months;
        Ok(1)
    }
}
