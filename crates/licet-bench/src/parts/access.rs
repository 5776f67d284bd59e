//! Access requests on SQLite beside the echo: one instance, many, and in arrays.

use super::{Charged, EchoServer, echo_name, hot_name, postgres::FUNCTION_HOT};
use crate::{
    Error,
    bench::{Bench, Storage},
    plan::Part,
    setup,
    workloads::access::Access,
};

pub(crate) const PARTS: &[Part] = &[Part::Echo, Part::Hot, Part::Spread, Part::Arrays];

/// Of the echo, at the first number of connections.
const HOT_TARGET: f64 = 0.6;
/// Of the rival's function on one row.
const FUNCTION_TARGET: f64 = 25.0;
/// Requests in each call of `arrays`.
pub(crate) const ARRAY_REQUESTS: usize = 100;
/// More of them only wait for each other.
pub(crate) const ARRAY_CONNECTIONS: usize = 8;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let (mut cases, mut charged) = (Vec::new(), Vec::new());
    let echo =
        if bench.plan.has(Part::Echo) { Some(EchoServer::start(bench).await?) } else { None };
    let numbers = bench.plan.connections.clone();
    cases.extend(echo.iter().flat_map(|echo| numbers.iter().map(|number| echo.access(*number))));
    if bench.plan.has(Part::Hot) {
        let site = bench.site(Storage::Sqlite).await?;
        let instances = vec![site.instance("HOT").await?];
        let hot = Charged::one_by_one(bench, Part::Hot, &site, instances).await?;
        cases.extend(numbers.iter().map(|number| {
            let case = hot.case(hot_name(*number), *number);
            if *number == numbers[0] {
                case.with_target(&echo_name(*number), HOT_TARGET)
                    .against(FUNCTION_HOT, Some(FUNCTION_TARGET))
            } else {
                case
            }
        }));
        charged.push(hot);
    }
    if bench.plan.has(Part::Spread) {
        let site = bench.site(Storage::Sqlite).await?;
        let instances = setup::instances(bench, &site, bench.plan.instances).await?;
        let spread = Charged::one_by_one(bench, Part::Spread, &site, instances).await?;
        cases.push(spread.case("spread", numbers[0]).against(hot_name(numbers[0]), None));
        charged.push(spread);
    }
    if bench.plan.has(Part::Arrays) {
        let site = bench.site(Storage::Sqlite).await?;
        let instances = vec![site.instance("ARRAYS").await?];
        let access = Access::in_arrays(&site, &instances, ARRAY_REQUESTS)?;
        let arrays = Charged::new(bench, Part::Arrays, &site, (instances, access)).await?;
        let case = arrays.case("arrays", ARRAY_CONNECTIONS).counting("decisions");
        cases.push(case.against(hot_name(numbers[0]), None));
        charged.push(arrays);
    }
    bench.measure(cases).await?;
    for charged in &charged {
        charged.prove(bench).await?;
    }
    Ok(())
}
