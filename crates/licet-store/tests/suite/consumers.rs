//! Stories of consumers and their blocks.

use std::{collections::BTreeMap, sync::Arc};

use licet_store::{
    ConsumerBlock, ConsumerEntry, ConsumerKey, ConsumerRow, MeterFilter, Meters, Projection,
    RollupFilter, Span, Store,
};
use uuid::Uuid;

use crate::{home::Home, projection::project};

const DAY: i64 = 24 * 3_600_000;

fn key(number: u128, day: i64) -> ConsumerKey {
    ConsumerKey {
        instance_id: Uuid::from_u128(number),
        account_id: format!("account-{number}").into(),
        span: Span::Day,
        starts_at_ms: day * DAY,
        meter: "".into(),
    }
}

fn user(consumer_id: &str, tokens: i64) -> ConsumerEntry<'_> {
    ConsumerEntry { consumer_type: "user", consumer_id, tokens, granted: 1, denied: 2 }
}

fn any_day() -> RollupFilter {
    RollupFilter {
        span: Span::Day,
        from_ms: 0,
        until_ms: i64::MAX,
        instance_id: None,
        account_ids: Vec::new(),
    }
}

async fn consumers(store: &dyn Store, of: RollupFilter) -> Vec<ConsumerRow> {
    store.consumers(MeterFilter { of, meters: Meters::AllAndTokens }).await.unwrap()
}

async fn count(store: &dyn Store, consumers: Vec<ConsumerBlock>) {
    project(store, Projection { consumers, ..Projection::default() }).await;
}

pub(crate) async fn consumers_are_added_to_what_stands(home: &dyn Home) {
    let store = home.open().await;
    for _ in 0..2 {
        count(&*store, vec![ConsumerBlock::pack(key(1, 1), vec![user("ada", 9)])]).await;
    }
    let twice = ConsumerRow {
        instance_id: Uuid::from_u128(1),
        account_id: "account-1".into(),
        starts_at_ms: DAY,
        meter: String::new(),
        consumer_type: "user".into(),
        consumer_id: "ada".into(),
        tokens: 18,
        granted: 2,
        denied: 4,
    };
    assert_eq!(consumers(&*store, any_day()).await, [twice]);
}

pub(crate) async fn consumers_are_found_by_day_instance_and_account(home: &dyn Home) {
    let store = home.open().await;
    let mut blocks = Vec::new();
    for day in [2, 1] {
        for number in [2, 1] {
            blocks.push(ConsumerBlock::pack(key(number, day), vec![user("b", 1), user("a", 1)]));
        }
    }
    count(&*store, blocks).await;

    let found = async |filter: RollupFilter| -> Vec<(i64, u128, String)> {
        let rows = consumers(&*store, filter).await.into_iter();
        let place = |row: &ConsumerRow| (row.starts_at_ms / DAY, row.instance_id.as_u128());
        rows.map(|row| (place(&row).0, place(&row).1, row.consumer_id)).collect()
    };
    let both = |day, number| [(day, number, "a".to_owned()), (day, number, "b".to_owned())];
    let all = [both(1, 1), both(1, 2), both(2, 1), both(2, 2)].concat();
    assert_eq!(found(any_day()).await, all);
    let of_one = RollupFilter { instance_id: Some(Uuid::from_u128(2)), ..any_day() };
    assert_eq!(found(of_one.clone()).await, [both(1, 2), both(2, 2)].concat());
    assert_eq!(found(RollupFilter { from_ms: 1, until_ms: 2 * DAY, ..of_one }).await, both(1, 2));
    let of_account = RollupFilter { account_ids: vec!["account-1".into()], ..any_day() };
    assert_eq!(found(of_account).await, [both(1, 1), both(2, 1)].concat());
}

pub(crate) async fn consumers_of_many_steps_are_their_plain_sum(home: &dyn Home) {
    let store = home.open().await;
    let mut sums: BTreeMap<(u128, String), (i64, i64)> = BTreeMap::new();
    for step in 0..70_u64 {
        let mut blocks = Vec::new();
        for number in 1..=2_u128 {
            // Steps of very different sizes, whose consumers overlap.
            let size = if step % 10 == 0 { 300 } else { 1 + step % 7 };
            let ids: Vec<Arc<str>> =
                (0..size).map(|at| format!("user-{}", (step * 31 + at * 7) % 500).into()).collect();
            for id in &ids {
                let sum = sums.entry((number, id.to_string())).or_default();
                *sum = (sum.0 + step as i64, sum.1 + 1);
            }
            let consumers = ids.iter().map(|id| user(id, step as i64)).collect();
            blocks.push(ConsumerBlock::pack(key(number, 3), consumers));
        }
        count(&*store, blocks).await;
    }
    let rows = consumers(&*store, any_day()).await.into_iter();
    let found: Vec<_> = rows
        .map(|row| ((row.instance_id.as_u128(), row.consumer_id), (row.tokens, row.granted)))
        .collect();
    assert_eq!(found, sums.into_iter().collect::<Vec<_>>());
}

pub(crate) async fn consumers_of_meters_are_kept_apart(home: &dyn Home) {
    let store = home.open().await;
    let of = |span, meter: &str| ConsumerKey { span, meter: meter.into(), ..key(1, 1) };
    let block = |key, id| ConsumerBlock::pack(key, vec![user(id, 1)]);
    for _ in 0..5 {
        let blocks = vec![
            block(of(Span::Day, ""), "ada"),
            block(of(Span::Day, "render"), "grace"),
            block(of(Span::Day, "export"), "ada"),
            block(of(Span::Quarter, "render"), "bob"),
        ];
        count(&*store, blocks).await;
    }
    let found = async |span, meters| -> Vec<(String, String, i64)> {
        let of = RollupFilter { span, ..any_day() };
        let rows = store.consumers(MeterFilter { of, meters }).await.unwrap().into_iter();
        rows.map(|row| (row.meter, row.consumer_id, row.granted)).collect()
    };
    let row = |meter: &str, id: &str| (meter.to_owned(), id.to_owned(), 5);
    let (export, render) = (row("export", "ada"), row("render", "grace"));
    let all = [row("", "ada"), export.clone(), render.clone()];
    assert_eq!(found(Span::Day, Meters::AllAndTokens).await, all);
    assert_eq!(found(Span::Day, Meters::All).await, [export, render.clone()]);
    assert_eq!(found(Span::Day, Meters::Named(vec!["render".into()])).await, [render]);
    assert_eq!(found(Span::Quarter, Meters::All).await, [row("render", "bob")]);
}
