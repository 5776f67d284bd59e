//! Stories of the projection and the reports on it.

use licet_store::{
    BalanceRow, LineItemRow, Position, Projection, RollupFilter, RollupRow, SessionRow, Span,
    Store, StoreError, UsageBlock,
};
use uuid::Uuid;

use crate::{
    home::{Chain, Home, project_all},
    usage::{any_usage, items, usage},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn instance(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A step that needs no journal: from where the projection stands to there.
pub(crate) async fn project(store: &dyn Store, projection: Projection) {
    let stands = store.projected().await.unwrap();
    store.project(Projection { from: stands, to: stands, ..projection }).await.unwrap();
}

fn rollup(instance_id: Uuid, span: Span, starts_at_ms: i64, item: &str) -> RollupRow {
    RollupRow {
        instance_id,
        account_id: "NORTHWIND".into(),
        span,
        starts_at_ms,
        item: item.into(),
        item_version: "1".into(),
        tokens_charged: 10,
        tokens_refunded: 1,
        units: 2,
        granted: 3,
        denied: 4,
    }
}

fn rollup_filter(span: Span) -> RollupFilter {
    RollupFilter {
        span,
        from_ms: 0,
        until_ms: i64::MAX,
        instance_id: None,
        account_ids: Vec::new(),
    }
}

pub(crate) async fn a_step_from_the_wrong_position_changes_nothing(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    chain.append(&*store, "a").await;
    project_all(&*store).await;
    let stands = store.projected().await.unwrap();

    for from in [Position(0), Position(stands.0 + 1)] {
        let step = Projection {
            from,
            to: Position(from.0 + 1),
            usage: UsageBlock::pack(&[usage(chain.id, 5, "twice")]),
            ..Projection::default()
        };
        assert!(matches!(store.project(step).await, Err(StoreError::Conflict)));
    }
    assert_eq!(store.projected().await.unwrap(), stands);
    assert_eq!(items(&*store, any_usage()).await, ["a"]);
}

pub(crate) async fn the_projection_can_be_thrown_away_and_made_again(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    for records in ["a", "b", "c"] {
        chain.append(&*store, records).await;
    }
    project_all(&*store).await;
    let usage = store.usage(any_usage()).await.unwrap();
    let heads = store.heads().await.unwrap();

    store.forget_projection().await.unwrap();
    assert_eq!(store.projected().await.unwrap(), Position(0));
    assert!(store.usage(any_usage()).await.unwrap().is_empty());
    project_all(&*store).await;
    assert_eq!(store.projected().await.unwrap(), store.last_position().await.unwrap());
    assert_eq!(store.usage(any_usage()).await.unwrap(), usage);
    assert_eq!(store.heads().await.unwrap(), heads);
    assert_eq!(heads[0].head, chain.head);
}

pub(crate) async fn roll_ups_are_added_to_what_stands(home: &dyn Home) {
    let store = home.open().await;
    for _ in 0..2 {
        let step = Projection {
            rollups: vec![
                rollup(instance(1), Span::Hour, DAY + HOUR, "cad"),
                rollup(instance(1), Span::Day, DAY, "cad"),
            ],
            ..Projection::default()
        };
        project(&*store, step).await;
    }
    for (span, starts_at_ms) in [(Span::Hour, DAY + HOUR), (Span::Day, DAY)] {
        let once = rollup(instance(1), span, starts_at_ms, "cad");
        let twice = RollupRow {
            tokens_charged: 20,
            tokens_refunded: 2,
            units: 4,
            granted: 6,
            denied: 8,
            ..once
        };
        assert_eq!(store.rollups(rollup_filter(span)).await.unwrap(), [twice]);
    }
}

pub(crate) async fn roll_ups_are_found_by_instance_and_by_account(home: &dyn Home) {
    let store = home.open().await;
    let mut rollups = Vec::new();
    for day in [3, 1, 2] {
        for number in [2, 1] {
            let mut row = rollup(instance(number), Span::Day, day * DAY, "cad");
            row.account_id = format!("account-{number}");
            rollups.push(row);
        }
    }
    project(&*store, Projection { rollups, ..Projection::default() }).await;

    let found = async |filter: RollupFilter| -> Vec<(i64, u128)> {
        let rows = store.rollups(filter).await.unwrap();
        rows.iter().map(|row| (row.starts_at_ms / DAY, row.instance_id.as_u128())).collect()
    };
    let day = rollup_filter(Span::Day);
    assert_eq!(found(day.clone()).await, [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]);
    let of_one = RollupFilter { instance_id: Some(instance(1)), ..day.clone() };
    assert_eq!(found(of_one.clone()).await, [(1, 1), (2, 1), (3, 1)]);
    let in_time = RollupFilter { from_ms: DAY + 1, until_ms: 3 * DAY, ..of_one.clone() };
    assert_eq!(found(in_time).await, [(2, 1)]);
    let of_account = RollupFilter { account_ids: vec!["account-2".into()], ..day.clone() };
    assert_eq!(found(of_account).await, [(1, 2), (2, 2), (3, 2)]);
    let not_theirs = RollupFilter { account_ids: vec!["account-2".into()], ..of_one };
    assert_eq!(found(not_theirs).await, []);
    let nobody = RollupFilter { account_ids: vec!["account-3".into()], ..day };
    assert_eq!(found(nobody).await, []);
    assert_eq!(found(rollup_filter(Span::Hour)).await, []);
}

pub(crate) async fn line_items_and_sessions_are_replaced(home: &dyn Home) {
    let store = home.open().await;
    let item = |number, activation_id: &str, used| LineItemRow {
        instance_id: instance(number),
        activation_id: activation_id.into(),
        state: "DEPLOYED".into(),
        quantity: 100,
        used,
        starts_at_ms: 1,
        ends_at_ms: 2,
        rate_table_series: "S".into(),
    };
    let session = |number, opened_at_ms, state: &str| SessionRow {
        instance_id: instance(1),
        session_id: Uuid::from_u128(number),
        state: state.into(),
        opened_at_ms,
        charged_until_ms: Some(5),
        ended_at_ms: None,
        end_reason: None,
    };
    let step = Projection {
        line_items: vec![item(2, "a", 0), item(1, "b", 0), item(1, "a", 0)],
        sessions: vec![session(1, 10, "IDLE"), session(2, 30, "IDLE"), session(3, 20, "IDLE")],
        ..Projection::default()
    };
    project(&*store, step).await;
    let step = Projection {
        line_items: vec![item(1, "a", 7)],
        balances: vec![BalanceRow { instance_id: instance(2), activation_id: "a".into(), used: 5 }],
        deleted_line_items: vec![(instance(1), "b".into())],
        sessions: vec![session(3, 20, "ENDED")],
        ..Projection::default()
    };
    project(&*store, step).await;

    assert_eq!(store.line_items(None).await.unwrap(), [item(1, "a", 7), item(2, "a", 5)]);
    assert_eq!(store.line_items(Some(instance(2))).await.unwrap(), [item(2, "a", 5)]);
    let newest_first = [session(2, 30, "IDLE"), session(3, 20, "ENDED"), session(1, 10, "IDLE")];
    assert_eq!(store.sessions(None, 0).await.unwrap(), newest_first);
    assert_eq!(store.sessions(Some(instance(1)), 2).await.unwrap(), newest_first[..2]);
    assert_eq!(store.sessions(Some(instance(2)), 0).await.unwrap(), []);
}
