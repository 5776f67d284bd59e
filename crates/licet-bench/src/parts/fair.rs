//! A quiet instance beside one that is flooded: a client of the one asks one request after the
//! other, while hundreds of connections ask the other as fast as they can.

use std::rc::Rc;

use super::{features::seats, plain_figure};
use crate::{
    Error,
    bench::{Bench, Storage},
    load::{Shared, Slice, Span},
    plan::Part,
    report::Ratio,
    setup::shared,
    site::Site,
    workloads::features::{Answers, Renewals},
};

pub(crate) const PARTS: &[Part] = &[Part::Fair];

const ALONE: &str = "quiet alone";
const BESIDE: &str = "quiet beside a flood";
const FLOOD: &str = "the flood";
/// Of what it gets alone.
const TARGET: f64 = 0.75;
const QUIET_CONNECTIONS: usize = 1;
const FLOOD_CONNECTIONS: usize = 256;
const HOSTS: u64 = 1_000;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let site = bench.site(Storage::Sqlite).await?;
    let quiet = seats(&site, "QUIET", HOSTS).await?;
    let flooded = seats(&site, "FLOODED", HOSTS).await?;
    let quiet = shared(Renewals::new(&site, quiet, HOSTS, Answers::Plain)?);
    let flood = shared(Renewals::new(&site, flooded, HOSTS, Answers::Plain)?);
    let (mut alone, mut beside, mut flooding) = (Sum::default(), Sum::default(), Sum::default());
    for round in 1..=bench.plan.rounds {
        bench.progress(ALONE, u64::from(round), u64::from(bench.plan.rounds));
        alone.add(load(bench, &site, &quiet, QUIET_CONNECTIONS).await?);
        bench.progress(BESIDE, u64::from(round), u64::from(bench.plan.rounds));
        let (one, other) = tokio::join!(
            load(bench, &site, &quiet, QUIET_CONNECTIONS),
            load(bench, &site, &flood, FLOOD_CONNECTIONS),
        );
        beside.add(one?);
        flooding.add(other?);
    }
    let ratio = beside.0.per_second() / alone.0.per_second();
    bench.add_figure(alone.figure(ALONE, QUIET_CONNECTIONS));
    let mut figure = beside.figure(BESIDE, QUIET_CONNECTIONS);
    figure.ratios.push(Ratio { to: ALONE.to_owned(), ratio, target: Some(TARGET) });
    bench.add_figure(figure);
    bench.add_figure(flooding.figure(FLOOD, FLOOD_CONNECTIONS));
    Ok(())
}

async fn load(
    bench: &Bench,
    site: &Rc<Site>,
    workload: &Shared<Renewals>,
    connections: usize,
) -> Result<Slice, Error> {
    let measured = bench.plan.round_length();
    let span = Span::Timed { warm_up: measured / 4, measured };
    site.target(connections).load(workload, span, &site.processes(), &|_| {}).await
}

/// What all rounds showed.
#[derive(Default)]
struct Sum(Slice);

impl Sum {
    fn add(&mut self, slice: Slice) {
        self.0.operations += slice.operations;
        self.0.seconds += slice.seconds;
        self.0.histogram.merge(&slice.histogram);
    }

    fn figure(&self, name: &str, connections: usize) -> crate::report::Figure {
        let mut figure = plain_figure(Part::Fair, name, "requests", &self.0);
        figure.latencies(&self.0.histogram);
        figure.connections = connections;
        figure
    }
}
