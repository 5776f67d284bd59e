//! What is left of line items.

use axum::{Json, extract::State};
use licet_protocol::{Balance, Balances, Millis};
use licet_store::{InstanceFilter, InstanceRow, LineItemRow};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    parameter::Complaints,
    reach::{Reach, Wanted},
    row::tokens,
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

/// Line items after which a page ends with the instance at hand.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
/// Instances that are looked at for one page.
const INSTANCES: usize = 500;

/// Which balances are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct BalanceParameters {
    /// Of this instance alone: its UUID or short form.
    instance_id: Option<String>,
    /// Of this account alone.
    #[param(max_length = 256)]
    account_id: Option<String>,
    /// Number that the page before gave; 0 or nothing for the first page.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    next: Option<String>,
    /// Line items after which a page ends, once those of the instance at hand are all there.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000, example = 1_000)]
    limit: Option<String>,
}

/// List what is left of line items, instance by instance.
#[utoipa::path(
    get,
    path = "/usage/api/v1/balances",
    operation_id = "listBalances",
    tag = "usage",
    params(BalanceParameters),
    responses((status = 200, description = "A page of line items", body = Balances), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::UsageRead>,
    Params(parameters): Params<BalanceParameters>,
) -> Result<Json<Balances>, Problem> {
    let BalanceParameters { instance_id, account_id, next, limit } = parameters;
    let mut complaints = Complaints::default();
    let wanted = Wanted::read(&mut complaints, instance_id.as_deref(), account_id);
    let after = complaints.number("next", next.as_deref(), 0..=i64::MAX).unwrap_or(0);
    let limit = complaints.number("limit", limit.as_deref(), 1..=LIMIT_MAX).unwrap_or(LIMIT);
    complaints.check()?;
    let as_of = Millis(app.now_ms());
    app.engine.projected().await?;
    let (mut data, mut next) = (Vec::new(), 0);
    if let Some(reach) = wanted.within(&app, &caller).await? {
        let (instances, has_more) = instances(&app, reach, after).await?;
        let last = instances.last().map_or(0, |(number, _)| *number);
        for (number, instance) in instances {
            let line_items = app.store.line_items(Some(instance.id)).await?;
            data.extend(line_items.into_iter().map(|row| wire(&instance, row)));
            // Where it stopped; 0 if nothing is left to look at.
            next = if has_more || number != last { number.unsigned_abs() } else { 0 };
            if data.len() >= limit {
                break;
            }
        }
    }
    Ok(Json(Balances { as_of, data, next }))
}

/// Instances with their cursors, and whether there are more.
async fn instances(
    app: &App,
    reach: Reach,
    after: i64,
) -> Result<(Vec<(i64, InstanceRow)>, bool), Problem> {
    if let Some(id) = reach.instance_id {
        let row = app.engine.instance(id.into()).await?;
        return Ok((row.iter().map(|row| (0, InstanceRow::clone(row))).collect(), false));
    }
    let account_ids = reach.account_ids;
    let limit = INSTANCES + 1;
    let filter = InstanceFilter { account_ids, default_only: false, after, limit };
    let mut rows = app.store.instances(filter).await?;
    let has_more = rows.len() > INSTANCES;
    rows.truncate(INSTANCES);
    Ok((rows, has_more))
}

fn wire(instance: &InstanceRow, row: LineItemRow) -> Balance {
    Balance {
        instance_id: row.instance_id,
        account_id: instance.account_id.clone(),
        activation_id: row.activation_id,
        state: row.state,
        start: Millis(row.starts_at_ms),
        end: Millis(row.ends_at_ms),
        rate_table_series: row.rate_table_series,
        quantity: tokens(row.quantity),
        used: tokens(row.used),
        left: tokens(row.quantity.saturating_sub(row.used).max(0)),
        overdraft_used: tokens(row.used.saturating_sub(row.quantity).max(0)),
    }
}
