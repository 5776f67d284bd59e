//! Sessions opened and closed, and heartbeats, on SQLite.

use std::rc::Rc;

use serde_json::Value;
use uuid::Uuid;

use super::{EchoServer, echo_name};
use crate::{
    Error,
    bench::{Bench, Storage},
    case::Case,
    plan::Part,
    setup::{self, shared},
    site::Site,
    workloads::{heartbeats::Heartbeats, sessions::OpenAndClose},
};

pub(crate) const PARTS: &[Part] = &[Part::Sessions, Part::Heartbeats];
const HEARTBEAT_SESSIONS: u64 = 10_000;
/// Of the echo.
const HEARTBEAT_TARGET: f64 = 0.85;
const ECHO: &str = "echo of heartbeats";

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let (mut cases, connections) = (Vec::new(), bench.plan.connections());
    let mut opened = None;
    if bench.plan.has(Part::Sessions) {
        let site = bench.site(Storage::Sqlite).await?;
        let instance_id = site.instance("SESSIONS").await?;
        cases.push(open_and_close(Part::Sessions, &site, instance_id, connections)?);
        opened = Some((site, instance_id));
    }
    let mut beating = None;
    if bench.plan.has(Part::Heartbeats) {
        let echo = EchoServer::start(bench).await?;
        let site = bench.site(Storage::Sqlite).await?;
        let instance_id = site.instance("HEARTBEATS").await?;
        let ids = setup::sessions(bench, &site, instance_id, HEARTBEAT_SESSIONS).await?;
        let heartbeats = shared(Heartbeats::new(&site, instance_id, &ids)?);
        let on = (&site, connections);
        let case = Case::of_licet(Part::Heartbeats, "heartbeats".to_owned(), on, &heartbeats);
        cases.push(echo.heartbeats(ECHO, connections));
        cases.push(case.against(ECHO, Some(HEARTBEAT_TARGET)));
        beating = Some((echo, site, instance_id));
    }
    bench.measure(cases).await?;
    if let Some((site, instance_id)) = opened {
        prove_closed(bench, Part::Sessions, &site, instance_id).await?;
    }
    if let Some((_, site, instance_id)) = beating {
        let used = site.used_micros(instance_id).await?;
        let found = format!("{used} millionths used by {HEARTBEAT_SESSIONS} sessions");
        let is_met = used == HEARTBEAT_SESSIONS * 1_000_000;
        bench.report.check(Part::Heartbeats, "heartbeats charge nothing", is_met, found);
    }
    Ok(())
}

/// A case of sessions that are opened and closed; an operation is both requests.
pub(crate) fn open_and_close(
    part: Part,
    site: &Rc<Site>,
    instance_id: Uuid,
    connections: usize,
) -> Result<Case, Error> {
    let workload = shared(OpenAndClose::new(site, instance_id)?);
    let case = Case::of_licet(part, part.name().to_owned(), (site, connections), &workload);
    Ok(case.counting("open+close").against(echo_name(connections), None))
}

/// Checks that no session is left.
pub(crate) async fn prove_closed(
    bench: &mut Bench,
    part: Part,
    site: &Site,
    instance_id: Uuid,
) -> Result<(), Error> {
    let path = format!("/api/v1.1/sessions?instanceId={instance_id}");
    let live = site.call("GET", &path, None).await?;
    let is_met = live.as_array().is_some_and(Vec::is_empty);
    let left = live.as_array().map_or(0, Vec::<Value>::len);
    bench.report.check(part, "no session is left open", is_met, format!("{left} listed"));
    Ok(())
}
