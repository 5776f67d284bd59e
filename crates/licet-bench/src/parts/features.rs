//! Requests for features on SQLite beside the echo: plain and signed, by few hosts and by many, of
//! one line item and of many, beside no reservations and many.

use std::{rc::Rc, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::EchoServer;
use crate::{
    Error,
    bench::{Bench, Storage},
    case::Case,
    load::{Slice, Span},
    plan::Part,
    report::Ratio,
    setup::shared,
    site::Site,
    stopwatch::now,
    workloads::features::{Answers, FEATURE, Renewals},
};

pub(crate) const PARTS: &[Part] = &[Part::Features];

const ECHO: &str = "echo of features";
const PLAIN: &str = "features";
/// Of the echo.
const PLAIN_TARGET: f64 = 0.6;
const SIGNED_TARGET: f64 = 0.4;
/// Of what the processors can sign with RSA.
const RSA_TARGET: f64 = 0.9;
const RSA: &str = "RSA-2048 signatures";
/// Hosts of the small figures, and of the large one.
const FEW: u64 = 100;
const MANY: u64 = 100_000;
/// Of the figure with few.
const MANY_TARGET: f64 = 0.85;
/// Line items of one feature, and hosts that something is reserved for, where there are many.
const SHARES: u64 = 10_000;
/// How many are sent together.
const TOGETHER: u64 = 1_000;
/// Bytes of a common answer.
const SIGNED_BYTES: usize = 600;

/// An instance whose seats suffice, and as many hosts.
struct Seats {
    site: Rc<Site>,
    instance_id: Uuid,
    hosts: u64,
}

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let connections = bench.plan.connections();
    let echo = EchoServer::start(bench).await?;
    let few = Seats::open(bench, FEW, "EdDSA").await?;
    let many = Seats::open(bench, MANY, "EdDSA").await?;
    let rsa = Seats::open(bench, FEW, "RS256").await?;
    let split = Seats::open_split(bench).await?;
    let reserved = Seats::open_reserved(bench).await?;
    many.fill(bench, connections).await?;
    let plain = few.case(PLAIN, Answers::Plain, connections)?;
    let cases = vec![
        echo.features(ECHO, connections),
        plain.against(ECHO, Some(PLAIN_TARGET)),
        many.case("features, 100,000 hosts", Answers::Plain, connections)?
            .against(PLAIN, Some(MANY_TARGET)),
        split
            .case("features, 10,000 line items", Answers::Plain, connections)?
            .against(PLAIN, Some(MANY_TARGET)),
        reserved
            .case("features, 10,000 reservations", Answers::Plain, connections)?
            .against(PLAIN, Some(MANY_TARGET)),
        few.case("signed features", Answers::Signed, connections)?
            .against(ECHO, Some(SIGNED_TARGET)),
        rsa.case("features signed RS256", Answers::Signed, connections)?,
    ];
    bench.measure(cases).await?;
    measure_rsa(bench)?;
    for seats in [&few, &many, &split, &reserved, &rsa] {
        seats.prove(bench).await?;
    }
    Ok(())
}

impl Seats {
    async fn open(bench: &Bench, hosts: u64, algorithm: &str) -> Result<Self, Error> {
        let site = bench.site(Storage::Sqlite).await?;
        let instance_id = seats(&site, "SEATS", hosts).await?;
        let path = format!("/api/1.0/instances/{instance_id}/configuration");
        let setting = json!({ "licensing.signing.algorithm": algorithm });
        site.call("PUT", &path, Some(&setting)).await?;
        Ok(Self { site, instance_id, hosts })
    }

    /// Seats that come from many line items, each with one.
    async fn open_split(bench: &Bench) -> Result<Self, Error> {
        let site = bench.site(Storage::Sqlite).await?;
        let instance_id = site.empty_instance("SPLIT").await?;
        let seat = feature(1);
        let seats = vec![seat; TOGETHER as usize];
        for number in 0..SHARES / TOGETHER {
            put(&site, instance_id, &format!("L{number}"), &seats).await?;
        }
        Ok(Self { site, instance_id, hosts: FEW })
    }

    /// Seats beside those that are kept for others.
    async fn open_reserved(bench: &Bench) -> Result<Self, Error> {
        let site = bench.site(Storage::Sqlite).await?;
        let instance_id = seats(&site, "RESERVED", FEW + SHARES).await?;
        let path = format!("/api/1.0/instances/{instance_id}/reservationgroups");
        for group in 0..SHARES / TOGETHER {
            let reservation = |number: u64| {
                json!({
                    "hostId": { "type": "USER", "value": format!("user-{group}-{number}") },
                    "reservationEntries":
                        [{ "featureName": FEATURE, "featureVersion": "2.0", "featureCount": 1 }],
                })
            };
            let reservations: Vec<Value> = (0..TOGETHER).map(reservation).collect();
            site.call("POST", &path, Some(&json!({ "reservations": reservations }))).await?;
        }
        Ok(Self { site, instance_id, hosts: FEW })
    }

    fn renewals(&self, answers: Answers) -> Result<Renewals, Error> {
        Renewals::new(&self.site, self.instance_id, self.hosts, answers)
    }

    /// Every host takes its seat.
    async fn fill(&self, bench: &Bench, connections: usize) -> Result<(), Error> {
        let workload = shared(self.renewals(Answers::Plain)?.once());
        bench.progress("hosts take their seats", 0, 1);
        let processes = self.site.processes();
        let target = self.site.target(connections);
        target.load(&workload, Span::Whole, &processes, &|_| {}).await?;
        Ok(())
    }

    fn case(&self, name: &str, answers: Answers, connections: usize) -> Result<Case, Error> {
        let workload = shared(self.renewals(answers)?);
        let on = (&self.site, connections);
        Ok(Case::of_licet(Part::Features, name.to_owned(), on, &workload))
    }

    /// Checks that each host holds its one seat.
    async fn prove(&self, bench: &mut Bench) -> Result<(), Error> {
        let path = format!("/api/1.0/instances/{}/features/summaries", self.instance_id);
        let features = self.site.call("GET", &path, None).await?;
        let used = features.pointer("/0/totalUsed").and_then(Value::as_u64);
        let found = format!("{used:?} of {} seats in use", self.hosts);
        let what = "each host holds its seat, once";
        bench.report.check(Part::Features, what, used == Some(self.hosts), found);
        Ok(())
    }
}

/// An instance with so many seats.
pub(crate) async fn seats(site: &Site, name: &str, count: u64) -> Result<Uuid, Error> {
    let instance_id = site.empty_instance(name).await?;
    put(site, instance_id, "L", &[feature(count)]).await?;
    Ok(instance_id)
}

fn feature(count: u64) -> Value {
    json!({ "name": FEATURE, "version": "2.0", "model": "CONCURRENT", "count": count })
}

async fn put(
    site: &Site,
    instance_id: Uuid,
    activation_id: &str,
    features: &[Value],
) -> Result<(), Error> {
    let path =
        format!("/operations/api/v1/instances/{instance_id}/feature-line-items/{activation_id}");
    let line_item =
        json!({ "state": "DEPLOYED", "start": 0, "end": "permanent", "features": features });
    site.call("PUT", &path, Some(&line_item)).await?;
    Ok(())
}

/// Measures what all processors can sign, and holds the signed answers against it.
fn measure_rsa(bench: &mut Bench) -> Result<(), Error> {
    bench.progress(RSA, 0, 1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failed = |_| Error::Failed("RSA keys cannot be made".to_owned());
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let length = bench.plan.length;
    let operations = std::thread::scope(|scope| {
        let sign = || sign_for(&key, length);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(sign)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    let slice = Slice { operations, seconds: length.as_secs_f64(), ..Slice::default() };
    let limit = slice.per_second();
    let figures = &mut bench.report.figures;
    let signed = figures.iter_mut().find(|figure| figure.name == "features signed RS256");
    if let Some(figure) = signed {
        let ratio = figure.per_second / limit;
        figure.ratios.push(Ratio { to: RSA.to_owned(), ratio, target: Some(RSA_TARGET) });
    }
    bench.add_figure(super::plain_figure(Part::Features, RSA, "signatures", &slice));
    Ok(())
}

fn sign_for(key: &RsaKeyPair, length: Duration) -> u64 {
    let (random, message) = (SystemRandom::new(), [7; SIGNED_BYTES]);
    let mut signature = vec![0; key.public_modulus_len()];
    let ends_at = now() + length;
    let mut signed = 0;
    while now() < ends_at {
        if key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).is_ok() {
            signed += 1;
        }
    }
    signed
}
