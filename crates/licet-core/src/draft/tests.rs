//! How many line items are looked at, and in which order.

use std::sync::Arc;

use uuid::Uuid;

use super::{walk::SERIES_MAX, *};
use crate::{
    LineItemState, LineItemTerms, Overdraft, RateItem, RateTable, RateTables, Record, Site,
    fixed::Count,
};

const NOW_MS: i64 = 1_000;

fn tokens(units: i64) -> Tokens {
    Tokens::whole(units).unwrap()
}

/// Puts a line item that ends later than those before it.
fn put(instance: &mut Instance, name: &str, series: &str, quantity: i64) {
    let after = LineItemTerms {
        activation_id: name.into(),
        state: LineItemState::Deployed,
        quantity: tokens(quantity),
        starts_at_ms: 0,
        ends_at_ms: 2_000 + i64::try_from(instance.line_items().len()).unwrap(),
        elastic: true,
        rate_table_series: series.into(),
        overdraft: Overdraft::None,
        reset_frequency: None,
    };
    instance.fold(&Record::LineItemPut {
        at_ms: 1,
        by: "test".into(),
        before: None,
        after: Box::new(after),
        used: Tokens::ZERO,
        epoch: 1,
        resets_at_ms: None,
    });
}

fn site(series: impl Iterator<Item = String>) -> Site {
    let table = |series| RateTable {
        series,
        version: "1".to_owned(),
        effective_from_ms: 0,
        created_ms: 0,
        items: vec![RateItem {
            name: "Render".to_owned(),
            version: String::new(),
            price: Price::Rate(tokens(2)),
        }],
    };
    Site { rate_tables: RateTables::new(series.map(table)), ..Site::default() }
}

/// Who pays for one unit, or why nobody does, and how many line items were looked at.
fn charge(instance: &Instance, site: &Site) -> (Result<Vec<Arc<str>>, ItemCode>, usize) {
    let (now_ms, up_since_ms, events_max, first_id) = (NOW_MS, 0, 0, Uuid::nil());
    let context = Context {
        now_ms,
        up_since_ms,
        events_max,
        first_id,
        site,
        policies: &site.default_policies,
    };
    let mut draft = Draft::new(instance, context);
    let item = RequestedItem {
        item: "Render".into(),
        version: "".into(),
        count: Count::whole(1).unwrap(),
        variables: Vec::new(),
        meta_data: None,
    };
    let outcome = draft.charge(&item, &Dictionary::default());
    let payers = outcome.charges.iter().map(|charge| charge.activation_id.clone()).collect();
    let paid = if outcome.code == ItemCode::Charged { Ok(payers) } else { Err(outcome.code) };
    (paid, draft.looked_at.get())
}

fn with_others(others: usize) -> Instance {
    let mut instance = Instance::default();
    (0..others).for_each(|at| put(&mut instance, &format!("other-{at}"), "Other", 100));
    instance
}

#[test]
fn line_items_that_do_not_price_the_item_are_not_looked_at() {
    let mut instance = with_others(1_000);
    let site = site(["Studio".to_owned()].into_iter());
    assert_eq!(charge(&instance, &site), (Err(ItemCode::NotPriced), 0));
    put(&mut instance, "last", "Studio", 1);
    assert_eq!(charge(&instance, &site), (Err(ItemCode::Insufficient), 2));
    put(&mut instance, "rich", "Studio", 1);
    assert_eq!(charge(&instance, &site), (Ok(vec!["last".into(), "rich".into()]), 2));
}

#[test]
fn the_first_that_can_pay_is_the_only_one_looked_at() {
    let mut instance = Instance::default();
    (0..1_000).for_each(|at| put(&mut instance, &format!("{at:04}"), "Studio", 2));
    let site = site(["Studio".to_owned()].into_iter());
    assert_eq!(charge(&instance, &site), (Ok(vec!["0000".into()]), 1));
}

#[test]
fn line_items_of_several_series_pay_in_one_order() {
    let names = ["a", "b", "c", "d", "e"];
    let mut instance = with_others(5);
    for (at, name) in names.iter().enumerate() {
        // One third of the two tokens would not do, so all but the last give what they have.
        put(&mut instance, name, &format!("Series {}", at % 3), i64::from(at == 4));
    }
    put(&mut instance, "f", "Series 1", 5);
    let site = site((0..3).map(|at| format!("Series {at}")));
    assert_eq!(charge(&instance, &site), (Ok(vec!["e".into(), "f".into()]), 2));
}

#[test]
fn with_very_many_series_on_either_side_nobody_is_passed_over() {
    let mut instance = with_others(3);
    let series = |at: usize| format!("Series {at:03}");
    for at in 0..=SERIES_MAX {
        put(&mut instance, &format!("{at:03}"), &series(at), 2);
    }
    let few = site([series(SERIES_MAX)].into_iter());
    assert_eq!(charge(&instance, &few), (Ok(vec!["064".into()]), 1));
    let many = site((0..=SERIES_MAX).map(series));
    assert_eq!(charge(&instance, &many), (Ok(vec!["000".into()]), 4));
    let mut alone = with_others(3);
    put(&mut alone, "only", &series(7), 2);
    assert_eq!(charge(&alone, &many), (Ok(vec!["only".into()]), 1));
}
