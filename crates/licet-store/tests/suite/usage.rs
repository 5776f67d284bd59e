//! Stories of usage rows and their blocks.

use licet_store::{Projection, Store, UsageBlock, UsageFilter, UsageKind, UsageRow};
use uuid::Uuid;

use crate::{home::Home, projection::project};

const HOUR: i64 = 3_600_000;

fn instance(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn step(rows: &[UsageRow]) -> Projection {
    Projection { usage: UsageBlock::pack(rows), ..Projection::default() }
}

pub(crate) fn usage(instance_id: Uuid, usage_time_ms: i64, item: &str) -> UsageRow {
    UsageRow {
        correlation_id: Uuid::from_u128(99),
        usage_time_ms,
        write_time_ms: usage_time_ms + 1,
        account_id: "NORTHWIND".into(),
        instance_id,
        consumer_type: "USER".into(),
        consumer_id: "ada".into(),
        meter_cost: 2_000_000,
        meter_quantity: -4_000_000,
        item: item.into(),
        item_version: "1.0".into(),
        item_quantity: 2_000_000,
        activation_id: "act-1".into(),
        mapped_entitled_count: 100,
        used: 5,
        overdraft_count: 6,
        session_id: Some(Uuid::from_u128(55)),
        session_state: "ACTIVE".into(),
        request_response: "101".into(),
        meta_data: Some("{}".into()),
        ..UsageRow::default()
    }
}

pub(crate) fn any_usage() -> UsageFilter {
    UsageFilter { until_ms: i64::MAX, limit: 1_000, ..UsageFilter::default() }
}

pub(crate) async fn items(store: &dyn Store, filter: UsageFilter) -> Vec<String> {
    store.usage(filter).await.unwrap().into_iter().map(|row| row.item).collect()
}

pub(crate) async fn usage_is_filtered_by_every_field(home: &dyn Home) {
    let store = home.open().await;
    let plain = usage(instance(1), 10, "plain");
    let rows = vec![
        plain.clone(),
        usage(instance(2), 20, "instance"),
        UsageRow { account_id: "SOUTHRIDGE".into(), ..usage(instance(3), 30, "account") },
        UsageRow { consumer_id: "grace".into(), ..usage(instance(1), 40, "consumer") },
        UsageRow { activation_id: String::new(), ..usage(instance(1), 50, "activation") },
    ];
    project(&*store, step(&rows)).await;

    let stored = store.usage(any_usage()).await.unwrap();
    assert_eq!(stored.len(), 5);
    assert_eq!(stored[0], UsageRow { row_id: stored[0].row_id, ..plain });
    let found = |filter| items(&*store, filter);
    assert_eq!(
        found(UsageFilter { instance_id: Some(instance(2)), ..any_usage() }).await,
        ["instance"]
    );
    assert_eq!(
        found(UsageFilter { account_ids: vec!["SOUTHRIDGE".into()], ..any_usage() }).await,
        ["account"]
    );
    let both = vec!["SOUTHRIDGE".into(), "NORTHWIND".into()];
    assert_eq!(found(UsageFilter { account_ids: both, ..any_usage() }).await.len(), 5);
    assert_eq!(
        found(UsageFilter { consumer_id: Some("grace".into()), ..any_usage() }).await,
        ["consumer"]
    );
    assert_eq!(
        found(UsageFilter { activation_id: Some(String::new()), ..any_usage() }).await,
        ["activation"]
    );
    assert_eq!(found(UsageFilter { item: Some("plain".into()), ..any_usage() }).await, ["plain"]);
    assert_eq!(
        found(UsageFilter { from_ms: 20, until_ms: 40, ..any_usage() }).await,
        ["instance", "account"]
    );
    let theirs = UsageFilter {
        instance_id: Some(instance(1)),
        account_ids: vec!["SOUTHRIDGE".into()],
        ..any_usage()
    };
    assert!(found(theirs).await.is_empty(), "an instance of another account");
}

pub(crate) async fn usage_is_paged_by_row_id(home: &dyn Home) {
    let store = home.open().await;
    for part in 0..5 {
        let rows: Vec<_> = (0..5_u8)
            .map(|at| {
                let at = part * 5 + i64::from(at);
                usage(instance(1 + u128::from(at % 2 == 0)), at * HOUR, &at.to_string())
            })
            .collect();
        project(&*store, step(&rows)).await;
    }
    for (instance_id, expected) in [(None, 20), (Some(instance(1)), 10)] {
        let mut filter = UsageFilter {
            from_ms: 2 * HOUR,
            until_ms: 22 * HOUR,
            instance_id,
            limit: 3,
            ..UsageFilter::default()
        };
        let mut times = Vec::new();
        loop {
            let page = store.usage(filter.clone()).await.unwrap();
            assert!(page.len() <= 3);
            let Some(last) = page.last() else { break };
            filter.after_row_id = last.row_id;
            times.extend(page.iter().map(|row| row.usage_time_ms));
        }
        assert_eq!(times.len(), expected);
        assert!(times.is_sorted() && times[0] >= 2 * HOUR && *times.last().unwrap() < 22 * HOUR);
    }
}

pub(crate) async fn usage_out_of_order_of_time_is_found(home: &dyn Home) {
    let store = home.open().await;
    for (time, item) in [(9 * HOUR, "nine"), (2 * HOUR, "two"), (9 * HOUR + 5, "nine again")] {
        let rows = vec![usage(instance(1), time, item)];
        project(&*store, step(&rows)).await;
    }
    let at = |from_ms, until_ms| UsageFilter { from_ms, until_ms, ..any_usage() };
    assert_eq!(items(&*store, at(9 * HOUR, 10 * HOUR)).await, ["nine", "nine again"]);
    assert_eq!(items(&*store, at(2 * HOUR, 2 * HOUR + 1)).await, ["two"]);
    assert_eq!(items(&*store, at(9 * HOUR + 1, 10 * HOUR)).await, ["nine again"]);
    assert!(items(&*store, at(3 * HOUR, 9 * HOUR)).await.is_empty());
}

pub(crate) async fn usage_of_an_account_with_many_instances_is_whole(home: &dyn Home) {
    let store = home.open().await;
    let rows: Vec<_> = (1..=200_u8)
        .map(|at| UsageRow {
            account_id: if at % 2 == 0 { "NORTHWIND" } else { "SOUTHRIDGE" }.into(),
            ..usage(instance(u128::from(at)), i64::from(at), &at.to_string())
        })
        .collect();
    project(&*store, step(&rows)).await;
    let filter = UsageFilter { account_ids: vec!["NORTHWIND".into()], limit: 60, ..any_usage() };
    let first = store.usage(filter.clone()).await.unwrap();
    let after_row_id = first.last().unwrap().row_id;
    let second = store.usage(UsageFilter { after_row_id, ..filter }).await.unwrap();
    assert_eq!((first.len(), second.len()), (60, 40));
    assert!(first.iter().chain(&second).all(|row| row.account_id == "NORTHWIND"));
}

/// Two instances by turns, in blocks of more rows than one may have.
async fn project_long_blocks(store: &dyn Store) -> Vec<String> {
    let mut expected = Vec::new();
    for part in 0..4_i64 {
        let id = instance(1 + u128::from(part % 2 == 0));
        let name = |row: i64| format!("{part}-{row}");
        let rows: Vec<_> = (0..5_000).map(|row| usage(id, part * HOUR + row, &name(row))).collect();
        project(store, step(&rows)).await;
        expected.extend((0..5_000).map(name));
    }
    expected
}

async fn pages(store: &dyn Store, filter: &UsageFilter) -> Vec<UsageRow> {
    let (mut filter, mut rows) = (filter.clone(), Vec::new());
    loop {
        let page = store.usage(filter.clone()).await.unwrap();
        assert!(page.len() <= filter.limit);
        let Some(last) = page.last() else { return rows };
        filter.after_row_id = last.row_id;
        rows.extend(page);
    }
}

pub(crate) async fn pages_go_on_across_the_borders_of_blocks(home: &dyn Home) {
    let store = home.open().await;
    let expected = project_long_blocks(&*store).await;
    let all = UsageFilter { limit: 1_700, ..any_usage() };
    let rows = pages(&*store, &all).await;
    assert!(rows.iter().map(|row| &row.item).eq(&expected));
    assert!(rows.windows(2).all(|two| two[0].row_id < two[1].row_id));

    let of_one = UsageFilter { instance_id: Some(instance(1)), ..all.clone() };
    let theirs: Vec<_> = rows.iter().filter(|row| row.instance_id == instance(1)).collect();
    assert!(pages(&*store, &of_one).await.iter().eq(theirs));
    let from_ms = HOUR + 4_500;
    let late = UsageFilter { from_ms, until_ms: 3 * HOUR, item: None, ..of_one };
    let late: Vec<_> = pages(&*store, &late).await.into_iter().map(|row| row.item).collect();
    assert_eq!(late, expected[9_500..10_000]);
    let of_account = UsageFilter { account_ids: vec!["NORTHWIND".into()], ..all.clone() };
    assert_eq!(pages(&*store, &of_account).await, rows);
    let one = UsageFilter { item: Some("3-4999".into()), ..all };
    assert_eq!(pages(&*store, &one).await, rows[19_999..]);
}

pub(crate) async fn row_ids_stay_when_more_is_projected(home: &dyn Home) {
    let store = home.open().await;
    project(&*store, step(&[usage(instance(1), 1, "a"), usage(instance(2), 2, "b")])).await;
    let before = store.usage(any_usage()).await.unwrap();
    drop(store);
    let store = home.open().await;
    project(&*store, step(&[usage(instance(1), 3, "c")])).await;
    let after = store.usage(any_usage()).await.unwrap();
    assert_eq!(after[..2], before);
    assert_eq!(after[2].row_id, after[1].row_id + 1);
}

pub(crate) async fn the_newest_rows_of_a_kind_are_found(home: &dyn Home) {
    let store = home.open().await;
    let kinds = [UsageKind::Tokens, UsageKind::Feature, UsageKind::DeniedFeature];
    let row = |at: i64, number| {
        let kind = kinds[at as usize % 3];
        let user = if kind == UsageKind::Tokens { "" } else { "ada" };
        UsageRow {
            kind,
            user: user.into(),
            ..usage(instance(number), at, &format!("{number}-{at}"))
        }
    };
    // Several blocks of each instance, and steps in between.
    for from in [0, 9_000] {
        let rows = (1..=2).flat_map(|number| (from..from + 9_000).map(move |at| row(at, number)));
        project(&*store, step(&rows.collect::<Vec<_>>())).await;
    }
    let denied = UsageFilter {
        kinds: vec![UsageKind::DeniedFeature],
        newest_first: true,
        instance_id: Some(instance(1)),
        limit: 2,
        ..any_usage()
    };
    assert_eq!(items(&*store, denied.clone()).await, ["1-17999", "1-17996"]);
    let earlier = UsageFilter { until_ms: 8_999, ..denied.clone() };
    assert_eq!(items(&*store, earlier.clone()).await, ["1-8996", "1-8993"]);
    let all = UsageFilter { limit: 9_000, ..denied.clone() };
    let expected: Vec<_> = (0..6_000).rev().map(|at| format!("1-{}", at * 3 + 2)).collect();
    assert_eq!(items(&*store, all.clone()).await, expected);
    let oldest = UsageFilter { newest_first: false, ..denied.clone() };
    assert_eq!(items(&*store, oldest).await, ["1-2", "1-5"]);
    let both = UsageFilter { kinds: kinds[1..].to_vec(), ..earlier };
    assert_eq!(items(&*store, both).await, ["1-8998", "1-8996"]);
    // Of several instances the order is that of the table.
    let anybody = UsageFilter { instance_id: None, ..denied.clone() };
    assert_eq!(items(&*store, anybody.clone()).await, ["2-17999", "2-17996"]);
    let of_account = UsageFilter { account_ids: vec!["NORTHWIND".into()], ..anybody };
    assert_eq!(items(&*store, of_account.clone()).await, ["2-17999", "2-17996"]);
    let more = UsageFilter { limit: 3_001, ..of_account };
    assert_eq!(items(&*store, more).await.last().unwrap(), "1-17999");
    let found = store.usage(denied).await.unwrap();
    assert!(found.iter().all(|row| row.user == "ada" && row.kind == UsageKind::DeniedFeature));
}
