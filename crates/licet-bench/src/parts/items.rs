//! One instance with few against many line items.

use std::rc::Rc;

use serde_json::json;
use uuid::Uuid;

use super::Charged;
use crate::{
    Error,
    bench::{Bench, Storage},
    plan::Part,
    setup,
    site::{ITEM, LineItem, OTHER_SERIES, PLENTY, Site},
};

pub(crate) const PARTS: &[Part] = &[Part::Items];
const FEW: u64 = 10;
const MANY: u64 = 10_000;
const FEW_NAME: &str = "items 10";

/// Which of the line items pays.
#[derive(Debug, Clone, Copy)]
enum Payer {
    First,
    /// All before it are used up.
    LastLeft,
    /// None before it prices what is asked.
    OnlyOnePriced,
}

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let site = bench.site(Storage::Sqlite).await?;
    let (mut cases, mut charged) = (Vec::new(), Vec::new());
    for (name, count, payer) in [
        (FEW_NAME, FEW, Payer::First),
        ("items 10,000, the first pays", MANY, Payer::First),
        ("items 10,000, all but the last used up", MANY, Payer::LastLeft),
        ("items 10,000, only the last has a price", MANY, Payer::OnlyOnePriced),
    ] {
        let instance_id = instance(bench, &site, name, (count, payer)).await?;
        let one = Charged::one_by_one(bench, Part::Items, &site, vec![instance_id]).await?;
        let case = one.case(name, bench.plan.connections());
        cases.push(if name == FEW_NAME { case } else { case.against(FEW_NAME, None) });
        charged.push(one);
    }
    bench.measure(cases).await?;
    for one in &charged {
        one.prove(bench).await?;
    }
    Ok(())
}

async fn instance(
    bench: &Bench,
    site: &Rc<Site>,
    name: &str,
    (count, payer): (u64, Payer),
) -> Result<Uuid, Error> {
    let instance_id = site.empty_instance(name).await?;
    let line_item = move |number: u64| {
        let is_last = number + 1 == count;
        let (quantity, series) = match payer {
            Payer::LastLeft if !is_last => (1, ""),
            Payer::OnlyOnePriced if !is_last => (PLENTY, OTHER_SERIES),
            _ => (PLENTY, ""),
        };
        let activation_id = format!("L{number:05}");
        let ends_before_last_ms = (count - number).cast_signed();
        let item =
            LineItem { activation_id: &activation_id, series, quantity, ends_before_last_ms };
        item.body()
    };
    setup::line_items(bench, site, instance_id, count, line_item).await?;
    if matches!(payer, Payer::LastLeft) {
        use_up(site, instance_id, count - 1).await?;
    }
    Ok(instance_id)
}

/// One request that takes so many tokens.
async fn use_up(site: &Site, instance_id: Uuid, tokens: u64) -> Result<(), Error> {
    let request = json!({
        "requester": { "type": "user", "value": "ada" },
        "requestedItems": [{ "item": ITEM, "version": "", "count": tokens }],
    });
    let path = format!("/elastic/api/v1.1/instances/{instance_id}/access-request");
    site.call("POST", &path, Some(&request)).await?;
    Ok(())
}
