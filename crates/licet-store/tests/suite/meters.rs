//! Stories of meters: what was used of them, why it was denied, and what is in use.

use licet_store::{
    MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow, Meters, Projection, RollupFilter, Span,
    Store,
};
use uuid::Uuid;

use crate::{home::Home, projection::project};

const QUARTER: i64 = 15 * 60_000;
const DAY: i64 = 96 * QUARTER;

fn row(number: u128, span: Span, starts_at_ms: i64, meter: &str) -> MeterRow {
    MeterRow {
        instance_id: Uuid::from_u128(number),
        account_id: format!("account-{number}"),
        span,
        starts_at_ms,
        meter: meter.into(),
        units: 7,
        granted: 2,
        denied: 1,
        peak: 5,
        in_use: Some(3),
    }
}

fn denial(number: u128, starts_at_ms: i64, meter: &str, reason: &str) -> MeterDenialRow {
    MeterDenialRow {
        instance_id: Uuid::from_u128(number),
        account_id: format!("account-{number}"),
        span: Span::Quarter,
        starts_at_ms,
        meter: meter.into(),
        reason: reason.into(),
        denied: 2,
    }
}

fn wanted(span: Span) -> MeterFilter {
    let of = RollupFilter {
        span,
        from_ms: 0,
        until_ms: i64::MAX,
        instance_id: None,
        account_ids: Vec::new(),
    };
    MeterFilter { of, meters: Meters::All }
}

async fn count(store: &dyn Store, meters: Vec<MeterRow>) {
    project(store, Projection { meters, ..Projection::default() }).await;
}

pub(crate) async fn meters_are_added_to_what_stands(home: &dyn Home) {
    let store = home.open().await;
    let first = row(1, Span::Quarter, QUARTER, "render");
    count(&*store, vec![first.clone()]).await;
    let later = MeterRow { units: -4, peak: 4, in_use: Some(1), ..first.clone() };
    count(&*store, vec![later.clone()]).await;
    let denied = MeterRow { units: 0, granted: 0, peak: 0, in_use: None, ..first.clone() };
    count(&*store, vec![denied.clone()]).await;

    let sum =
        MeterRow { units: 3, granted: 4, denied: 3, peak: 5, in_use: Some(1), ..first.clone() };
    let stored = store.meters(wanted(Span::Quarter)).await.unwrap();
    assert_eq!(stored, std::slice::from_ref(&sum));
    assert_eq!(store.meters(wanted(Span::Day)).await.unwrap(), []);
    let mut folded = first.clone();
    folded.add(&later);
    folded.add(&denied);
    assert_eq!(folded, sum, "the store adds as the row does");

    let many = MeterRow { units: i64::MAX, ..first };
    count(&*store, vec![many.clone()]).await;
    folded.add(&many);
    assert_eq!(store.meters(wanted(Span::Quarter)).await.unwrap(), [folded]);
}

pub(crate) async fn meters_are_found_by_time_name_instance_and_account(home: &dyn Home) {
    let store = home.open().await;
    let mut rows = Vec::new();
    for quarter in [3, 1] {
        for number in [2, 1] {
            for meter in ["render", "export"] {
                rows.push(row(number, Span::Quarter, quarter * QUARTER, meter));
            }
        }
    }
    count(&*store, rows).await;

    let found = async |filter: MeterFilter| -> Vec<(i64, u128, String)> {
        let rows = store.meters(filter).await.unwrap().into_iter();
        rows.map(|row| (row.starts_at_ms / QUARTER, row.instance_id.as_u128(), row.meter)).collect()
    };
    let name = |quarter, number, meter: &str| (quarter, number, meter.to_owned());
    let both = |quarter, number| [name(quarter, number, "export"), name(quarter, number, "render")];
    let all = wanted(Span::Quarter);
    let everything = [both(1, 1), both(1, 2), both(3, 1), both(3, 2)].concat();
    assert_eq!(found(all.clone()).await, everything);
    let of_one = RollupFilter { instance_id: Some(Uuid::from_u128(2)), ..all.of.clone() };
    let of_one = MeterFilter { of: of_one, ..all.clone() };
    assert_eq!(found(of_one.clone()).await, [both(1, 2), both(3, 2)].concat());
    let late =
        RollupFilter { from_ms: QUARTER + 1, until_ms: 3 * QUARTER + 1, ..of_one.of.clone() };
    let named = Meters::Named(vec!["render".into(), "x".into()]);
    let late = MeterFilter { of: late, meters: named.clone() };
    assert_eq!(found(late).await, [name(3, 2, "render")]);
    let accounts = vec!["account-1".into()];
    let of_account = RollupFilter { account_ids: accounts, ..all.of.clone() };
    let of_account = MeterFilter { of: of_account, meters: named };
    assert_eq!(found(of_account).await, [name(1, 1, "render"), name(3, 1, "render")]);
    assert_eq!(found(wanted(Span::Day)).await, []);
}

pub(crate) async fn denials_are_counted_by_reason(home: &dyn Home) {
    let store = home.open().await;
    let rows = vec![
        denial(1, 0, "render", "HOST_DENIED"),
        denial(1, 0, "render", "COUNT_INSUFFICIENT"),
        denial(2, 0, "export", "COUNT_INSUFFICIENT"),
    ];
    for _ in 0..2 {
        let meter_denials = rows.clone();
        project(&*store, Projection { meter_denials, ..Projection::default() }).await;
    }
    let twice = |at: usize| MeterDenialRow { denied: 4, ..rows[at].clone() };
    let all = wanted(Span::Quarter);
    assert_eq!(store.meter_denials(all.clone()).await.unwrap(), [twice(1), twice(0), twice(2)]);
    let named = MeterFilter { meters: Meters::Named(vec!["export".into()]), ..all };
    assert_eq!(store.meter_denials(named).await.unwrap(), [twice(2)]);
}

pub(crate) async fn what_is_in_use_is_found_as_of_any_day(home: &dyn Home) {
    let store = home.open().await;
    let day = |number, day: i64, meter: &str, in_use| MeterRow {
        in_use,
        ..row(number, Span::Day, day * DAY, meter)
    };
    let rows = vec![
        day(1, 1, "render", Some(3)),
        day(1, 2, "render", None),
        day(1, 3, "render", Some(9)),
        day(1, 4, "render", Some(0)),
        day(2, 1, "export", Some(5)),
        day(2, 2, "sessions", None),
    ];
    count(&*store, rows).await;

    let before = async |day: i64, meters: Meters, instance: Option<u128>| {
        let mut filter = MeterFilter { meters, ..wanted(Span::Day) };
        filter.of.until_ms = day * DAY;
        filter.of.instance_id = instance.map(Uuid::from_u128);
        store.meter_levels(filter).await.unwrap()
    };
    let level = |number: u128, meter: &str, in_use| MeterLevelRow {
        instance_id: Uuid::from_u128(number),
        account_id: format!("account-{number}"),
        meter: meter.into(),
        in_use,
    };
    let (render, export) = (|in_use| level(1, "render", in_use), level(2, "export", 5));
    assert_eq!(before(1, Meters::All, None).await, []);
    assert_eq!(before(3, Meters::All, None).await, [render(3), export.clone()]);
    assert_eq!(before(4, Meters::All, None).await, [render(9), export.clone()]);
    let late = before(9, Meters::All, None).await;
    assert_eq!(late, std::slice::from_ref(&export), "of the other nothing is in use any more");
    assert_eq!(before(4, Meters::All, Some(1)).await, [render(9)]);
    assert_eq!(before(4, Meters::Named(vec!["export".into()]), None).await, [export]);
}
