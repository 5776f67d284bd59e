//! Access requests on SQLite beside the echo: one instance, many, and in arrays.

use super::{Charged, EchoServer, echo_name, hot_name, postgres::FUNCTION_HOT};
use crate::{
    Error,
    bench::{Bench, Storage},
    case::Case,
    plan::Part,
    setup,
    workloads::access::Access,
};

pub(crate) const PARTS: &[Part] = &[Part::Echo, Part::Hot, Part::Spread, Part::Arrays];

/// Of the echo, at the first number of connections.
const HOT_TARGET: f64 = 0.6;
/// Of the echo, at so many connections or more.
const BUSY_TARGET: (usize, f64) = (256, 0.7);
/// Of the hot figure.
const SPREAD_TARGET: f64 = 0.9;
/// Of the rival's function on one row.
const FUNCTION_TARGET: f64 = 25.0;
/// Requests in each call of `arrays`.
pub(crate) const ARRAY_REQUESTS: usize = 100;
/// As many as keep the processors busy while some of them wait for the disk.
pub(crate) const ARRAY_CONNECTIONS: usize = 32;

/// Cases of one part, and what proves them.
type Prepared = (Vec<Case>, Charged);

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let echo =
        if bench.plan.has(Part::Echo) { Some(EchoServer::start(bench).await?) } else { None };
    let numbers = bench.plan.connections.clone();
    let echoes = echo.iter().flat_map(|echo| numbers.iter().map(|number| echo.access(*number)));
    let (mut cases, mut charged): (Vec<Case>, Vec<Charged>) = (echoes.collect(), Vec::new());
    for part in PARTS[1..].iter().copied().filter(|part| bench.plan.has(*part)) {
        let (more, proof) = match part {
            Part::Spread => spread(bench).await?,
            Part::Arrays => arrays(bench).await?,
            _ => hot(bench).await?,
        };
        cases.extend(more);
        charged.push(proof);
    }
    bench.measure(cases).await?;
    for charged in &charged {
        charged.prove(bench).await?;
    }
    Ok(())
}

async fn hot(bench: &Bench) -> Result<Prepared, Error> {
    let site = bench.site(Storage::Sqlite).await?;
    let instances = vec![site.instance("HOT").await?];
    let hot = Charged::one_by_one(bench, Part::Hot, &site, instances).await?;
    let first = bench.plan.connections();
    let cases = bench.plan.connections.iter().map(|number| {
        let case = hot.case(hot_name(*number), *number);
        if *number != first {
            let target = (*number >= BUSY_TARGET.0).then_some(BUSY_TARGET.1);
            return case.against(echo_name(*number), target);
        }
        case.with_target(&echo_name(first), HOT_TARGET).against(FUNCTION_HOT, Some(FUNCTION_TARGET))
    });
    Ok((cases.collect(), hot))
}

async fn spread(bench: &Bench) -> Result<Prepared, Error> {
    let (site, connections) = (bench.site(Storage::Sqlite).await?, bench.plan.connections());
    let instances = setup::instances(bench, &site, bench.plan.instances).await?;
    let spread = Charged::one_by_one(bench, Part::Spread, &site, instances).await?;
    let case =
        spread.case("spread", connections).against(hot_name(connections), Some(SPREAD_TARGET));
    Ok((vec![case], spread))
}

async fn arrays(bench: &Bench) -> Result<Prepared, Error> {
    let (site, connections) = (bench.site(Storage::Sqlite).await?, bench.plan.connections());
    let instances = vec![site.instance("ARRAYS").await?];
    let access = Access::in_arrays(&site, &instances, ARRAY_REQUESTS)?;
    let arrays = Charged::new(bench, Part::Arrays, &site, (instances, access)).await?;
    let case = arrays.case("arrays", ARRAY_CONNECTIONS).counting("decisions");
    Ok((vec![case.against(hot_name(connections), None)], arrays))
}
