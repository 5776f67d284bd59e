//! Who used something, by day.

use axum::{extract::State, response::Response};
use licet_protocol::{ConsumerDay, Consumers, Millis};
use licet_store::{ConsumerRow, MeterFilter, Meters, Pending, RollupFilter, Span, Store};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    parameter::Complaints,
    period::{Moment, Period},
    pieces::Pieces,
    reach::Wanted,
    row::tokens,
    slices::{Slices, Sums},
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

/// Whose consumers are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct ConsumerParameters {
    /// Start: POSIX milliseconds or RFC 3339. The day that it lies in counts whole.
    #[param(value_type = Option<Moment>, inline, example = "2026-01-01T00:00:00Z")]
    from: Option<String>,
    /// End, exclusive; up to now unless given. A day that has begun before it counts whole.
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

/// List who used something, by day.
///
/// One row for each day (UTC), instance and consumer, in order of time, with the tokens that the
/// consumer was charged less those given back. Of a request for features both the host and its
/// users are consumers.
#[utoipa::path(
    get,
    path = "/usage/api/v1/consumers",
    operation_id = "listConsumers",
    tag = "usage",
    params(ConsumerParameters),
    responses((status = 200, description = "The consumers", body = Consumers), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::UsageRead>,
    Params(parameters): Params<ConsumerParameters>,
) -> Result<Response, Problem> {
    let ConsumerParameters { from, to, past_days, instance_id, account_id } = parameters;
    let mut complaints = Complaints::default();
    let (from, to, past_days) = (from.as_deref(), to.as_deref(), past_days.as_deref());
    let period = Period::read(&mut complaints, from, to, past_days);
    let wanted = Wanted::read(&mut complaints, instance_id.as_deref(), account_id);
    complaints.check()?;
    let as_of_ms = app.now_ms();
    app.engine.projected().await?;
    let reach = wanted.within(&app, &caller).await?;
    let slices = Slices::<ConsumerTable>::new(app, Span::Day, &period, reach, as_of_ms);
    slices.send("application/json").await
}

struct ConsumerTable;

/// Consumers with all that they used: of an instance and start the tables have them meter by meter.
fn added_up(mut rows: Vec<ConsumerRow>) -> Vec<ConsumerRow> {
    let place = |row: &ConsumerRow| (row.starts_at_ms, row.instance_id);
    rows.sort_by(|one, next| {
        let names = one.consumer_type.cmp(&next.consumer_type);
        let names = names.then_with(|| one.consumer_id.cmp(&next.consumer_id));
        place(one).cmp(&place(next)).then(names)
    });
    rows.dedup_by(|next, sum| {
        let is_same = place(next) == place(sum)
            && next.consumer_type == sum.consumer_type
            && next.consumer_id == sum.consumer_id;
        if is_same {
            sum.tokens += next.tokens;
            sum.granted += next.granted;
            sum.denied += next.denied;
        }
        is_same
    });
    rows
}

impl Sums for ConsumerTable {
    type Row = ConsumerRow;
    type Out = ConsumerDay;

    fn read(store: &dyn Store, filter: RollupFilter) -> Pending<'_, Vec<ConsumerRow>> {
        let filter = MeterFilter { of: filter, meters: Meters::AllAndTokens };
        Box::pin(async { Ok(added_up(store.consumers(filter).await?)) })
    }

    fn wire(row: ConsumerRow) -> ConsumerDay {
        ConsumerDay {
            starts_at: Millis(row.starts_at_ms),
            instance_id: row.instance_id,
            account_id: row.account_id,
            consumer_type: row.consumer_type,
            consumer_id: row.consumer_id,
            tokens: tokens(row.tokens),
            granted: row.granted.unsigned_abs(),
            denied: row.denied.unsigned_abs(),
        }
    }
}
