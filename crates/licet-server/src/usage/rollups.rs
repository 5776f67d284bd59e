//! Usage summed by hour and day.

use axum::{extract::State, response::Response};
use licet_protocol::{Millis, RollupRow, Rollups};
use licet_store::{Pending, RollupFilter, Span, Store};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    parameter::Complaints,
    period::{Moment, Period},
    pieces::Pieces,
    reach::Wanted,
    row::{count, tokens},
    slices::{Slices, Sums},
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

/// Which sums are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct RollupParameters {
    /// `hour` or `day`, UTC; `day` unless given.
    #[param(pattern = "^(hour|day)$", example = "day")]
    span: Option<String>,
    /// Start: POSIX milliseconds or RFC 3339. The hour or day that it lies in counts whole.
    #[param(value_type = Option<Moment>, inline, example = "2026-01-01T00:00:00Z")]
    from: Option<String>,
    /// End, exclusive; up to now unless given. An hour or day that has begun before it counts
    /// whole.
    #[param(value_type = Option<Moment>, inline, example = "2026-02-01T00:00:00Z")]
    to: Option<String>,
    /// Days before the end, in place of `from`; 30 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 36_500)]
    past_days: Option<String>,
    /// Of this instance alone: its UUID or short form.
    instance_id: Option<String>,
    /// Of this account alone.
    #[param(max_length = 256)]
    account_id: Option<String>,
}

/// Sum usage by hour or day.
///
/// One row for each hour or day, instance and item that saw use, in order of time. Tokens given
/// back count where they were given back.
#[utoipa::path(
    get,
    path = "/usage/api/v1/rollups",
    operation_id = "listRollups",
    tag = "usage",
    params(RollupParameters),
    responses((status = 200, description = "The sums", body = Rollups), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::UsageRead>,
    Params(parameters): Params<RollupParameters>,
) -> Result<Response, Problem> {
    let RollupParameters { span, from, to, past_days, instance_id, account_id } = parameters;
    let mut complaints = Complaints::default();
    let words = [("day", Span::Day), ("hour", Span::Hour)];
    let span = complaints.word("span", span.as_deref(), &words);
    let (from, to, past_days) = (from.as_deref(), to.as_deref(), past_days.as_deref());
    let period = Period::read(&mut complaints, from, to, past_days);
    let wanted = Wanted::read(&mut complaints, instance_id.as_deref(), account_id);
    complaints.check()?;
    let as_of_ms = app.now_ms();
    app.engine.projected().await?;
    let reach = wanted.within(&app, &caller).await?;
    Slices::<RollupTable>::new(app, span, &period, reach, as_of_ms).send("application/json").await
}

struct RollupTable;

impl Sums for RollupTable {
    type Row = licet_store::RollupRow;
    type Out = RollupRow;

    fn read(store: &dyn Store, filter: RollupFilter) -> Pending<'_, Vec<Self::Row>> {
        store.rollups(filter)
    }

    fn wire(row: Self::Row) -> RollupRow {
        RollupRow {
            starts_at: Millis(row.starts_at_ms),
            instance_id: row.instance_id,
            account_id: row.account_id,
            item: row.item,
            item_version: row.item_version,
            tokens_charged: tokens(row.tokens_charged),
            tokens_refunded: tokens(row.tokens_refunded),
            units: count(row.units),
            granted: row.granted.unsigned_abs(),
            denied: row.denied.unsigned_abs(),
        }
    }
}
