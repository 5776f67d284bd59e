//! Setting servers up for what is measured.

use std::{cell::RefCell, rc::Rc};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Error,
    bench::Bench,
    load::{Shared, Span, Workload},
    site::{INSTANCES_PATH, LineItem, Site, line_items_path},
    workloads::{
        access::{Access, Fill},
        script::Script,
        sessions::OpenToStay,
    },
};

const CONNECTIONS: usize = 64;
/// Requests of an array that fills a store.
const FILL_REQUESTS: usize = 500;
const FILL_CONNECTIONS: usize = 32;

/// A workload that may be shared with its connections.
pub(crate) fn shared<W: Workload>(workload: W) -> Shared<W> {
    Rc::new(RefCell::new(workload))
}

/// Puts a workload on a server until it has nothing more to ask.
async fn run<W: Workload + 'static>(
    bench: &Bench,
    (site, connections): (&Site, usize),
    workload: &Shared<W>,
    done: impl Fn(&W) -> (u64, u64),
    what: &str,
) -> Result<(), Error> {
    let tick = |_| {
        let (done, total) = done(&workload.borrow());
        bench.progress(what, done, total);
    };
    site.target(connections).load(workload, Span::Whole, &[], &tick).await?;
    Ok(())
}

async fn play(
    bench: &Bench,
    site: &Site,
    script: Script,
    total: u64,
    what: &str,
) -> Result<(), Error> {
    run(bench, (site, CONNECTIONS), &shared(script), |script| (script.asked(), total), what).await
}

/// So many instances, each of an account of its own with a line item that never runs out.
pub(crate) async fn instances(bench: &Bench, site: &Site, count: u64) -> Result<Vec<Uuid>, Error> {
    let post = site.admin_request("POST", INSTANCES_PATH);
    let ask = move |number| {
        let name = format!("SPREAD-{number}");
        let body = json!({ "shortName": name, "accountId": name }).to_string();
        (number < count).then(|| post.clone().json(&body))
    };
    let made = Rc::new(RefCell::new(Vec::new()));
    let ids = made.clone();
    let take = move |_, body: &[u8]| {
        let answer: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let id = answer.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        ids.borrow_mut().push(id.ok_or("an instance has no id")?);
        Ok(())
    };
    play(bench, site, Script::new(ask, take), count, "making instances").await?;
    let made: Vec<Uuid> = made.take();
    let puts: Vec<_> =
        made.iter().map(|id| site.admin_request("PUT", &line_items_path(*id))).collect();
    let ask = move |number| {
        let put = puts.get(usize::try_from(number).ok()?)?;
        Some(put.clone().json(&LineItem::PLENTIFUL.body()))
    };
    play(bench, site, Script::new(ask, |_, _| Ok(())), count, "putting line items").await?;
    Ok(made)
}

/// So many line items on an instance, as `line_item` says for each number.
pub(crate) async fn line_items(
    bench: &Bench,
    site: &Site,
    instance_id: Uuid,
    count: u64,
    line_item: impl Fn(u64) -> String + 'static,
) -> Result<(), Error> {
    let put = site.admin_request("PUT", &line_items_path(instance_id));
    let ask = move |number| (number < count).then(|| put.clone().json(&line_item(number)));
    play(bench, site, Script::new(ask, |_, _| Ok(())), count, "putting line items").await
}

/// Tokens used of all line items of these instances, in millionths.
pub(crate) async fn used_micros(
    bench: &Bench,
    site: &Site,
    instances: &[Uuid],
) -> Result<u64, Error> {
    let gets: Vec<Vec<u8>> = instances
        .iter()
        .map(|id| site.admin_request("GET", &line_items_path(*id)).empty())
        .collect();
    let (count, sum) = (instances.len() as u64, Rc::new(RefCell::new(0)));
    let ask = move |number| gets.get(usize::try_from(number).ok()?).cloned();
    let total = sum.clone();
    let take = move |_, body: &[u8]| {
        *total.borrow_mut() += crate::tokens::used_micros(body);
        Ok(())
    };
    play(bench, site, Script::new(ask, take), count, "reading what was used").await?;
    Ok(sum.take())
}

/// At least so many usage records, spread over the instances; the millionths charged for them.
pub(crate) async fn records(
    bench: &Bench,
    site: &Site,
    instances: &[Uuid],
    records: u64,
) -> Result<u64, Error> {
    let requests = FILL_REQUESTS.min(usize::try_from(records).unwrap_or(FILL_REQUESTS));
    let access = Access::in_arrays(site, instances, requests)?;
    let fill = shared(Fill::new(access, records.div_ceil(requests as u64)));
    let done = |fill: &Fill| (fill.access.charged_items, records);
    run(bench, (site, FILL_CONNECTIONS), &fill, done, "filling in usage records").await?;
    site.caught_up().await?;
    let charged_micros = fill.borrow().access.charged_micros;
    Ok(charged_micros)
}

/// So many sessions that stay, each charged for one unit.
pub(crate) async fn sessions(
    bench: &Bench,
    site: &Site,
    instance_id: Uuid,
    count: u64,
) -> Result<Vec<Uuid>, Error> {
    let opening = shared(OpenToStay::new(site, instance_id, count)?);
    let done = |opening: &OpenToStay| (opening.ids.len() as u64, count);
    run(bench, (site, CONNECTIONS), &opening, done, "opening sessions").await?;
    site.caught_up().await?;
    let ids = std::mem::take(&mut opening.borrow_mut().ids);
    Ok(ids)
}
