//! An empty store against one that holds many usage records.

use super::Charged;
use crate::{
    Error,
    bench::{Bench, Storage},
    plan::Part,
    setup,
};

pub(crate) const PARTS: &[Part] = &[Part::Growth];
const EMPTY: &str = "growth, empty store";

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let (connections, records) = (bench.plan.connections(), bench.plan.records);
    let filled_name = format!("growth, {records} records");
    let empty = bench.site(Storage::Sqlite).await?;
    let instances = vec![empty.instance("EMPTY").await?];
    let empty = Charged::one_by_one(bench, Part::Growth, &empty, instances).await?;
    let filled = bench.site(Storage::Sqlite).await?;
    let instances = vec![filled.instance("FILLED").await?];
    setup::records(bench, &filled, &instances, records).await?;
    let filled = Charged::one_by_one(bench, Part::Growth, &filled, instances).await?;
    let cases = vec![
        empty.case(EMPTY, connections),
        filled.case(filled_name.as_str(), connections).against(EMPTY, None),
    ];
    bench.measure(cases).await?;
    empty.prove(bench).await?;
    filled.prove(bench).await?;
    if let Some((before, after)) = bench.report.rate(EMPTY).zip(bench.report.rate(&filled_name)) {
        let percent = (after / before - 1.0) * 100.0 / (records as f64 / 1e6);
        let what = "change of the rate for each million records".to_owned();
        bench.report.fact(Part::Growth, what, percent, "%");
    }
    Ok(())
}
