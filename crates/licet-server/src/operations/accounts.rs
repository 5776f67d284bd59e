//! Accounts. They exist by their instances.

use std::collections::HashMap;

use axum::{Json, extract::State};
use licet_protocol::{AccountOut, AccountPage};
use licet_store::InstanceFilter;

use super::{page::PageParameters, responses::ReadProblems};
use crate::{
    App, Problem,
    extract::Params,
    security::{Authorized, Scope, perm},
};

/// List accounts that have instances, in the order in which they came.
#[utoipa::path(
    get,
    path = "/operations/api/v1/accounts",
    operation_id = "listAccounts",
    tag = "accounts",
    params(PageParameters),
    responses((status = 200, description = "A page of accounts", body = AccountPage), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::InstancesRead>,
    Params(parameters): Params<PageParameters>,
) -> Result<Json<AccountPage>, Problem> {
    let page = parameters.page()?;
    let account_ids = match &caller.scope {
        Scope::Site => Vec::new(),
        Scope::Accounts(accounts) => accounts.clone(),
        // Who sees single instances sees no account.
        Scope::Instances(_) => return Ok(Json(AccountPage { accounts: Vec::new(), next: 0 })),
    };
    // Every account has exactly one default instance, which stands for it here.
    let filter = InstanceFilter {
        account_ids,
        default_only: true,
        after: page.after,
        limit: page.limit + 1,
    };
    let mut defaults = app.store.instances(filter).await?;
    let has_more = defaults.len() > page.limit;
    defaults.truncate(page.limit);
    let next = defaults.last().filter(|_| has_more).map_or(0, |(number, _)| *number);
    let ids = defaults.iter().map(|(_, row)| row.account_id.clone()).collect();
    let counts = count_instances(&app, ids).await?;
    let accounts = defaults.into_iter().map(|(_, row)| AccountOut {
        instances: counts.get(&row.account_id).copied().unwrap_or_default(),
        account_id: row.account_id,
        default_instance_id: row.id,
    });
    Ok(Json(AccountPage { accounts: accounts.collect(), next: next.unsigned_abs() }))
}

/// Rows that are read at a time.
const ROWS: usize = 1_000;

async fn count_instances(
    app: &App,
    account_ids: Vec<String>,
) -> Result<HashMap<String, u64>, Problem> {
    let mut counts = HashMap::new();
    // No account would mean all of them.
    if account_ids.is_empty() {
        return Ok(counts);
    }
    let mut after = 0;
    loop {
        let account_ids = account_ids.clone();
        let filter = InstanceFilter { account_ids, default_only: false, after, limit: ROWS };
        let rows = app.store.instances(filter).await?;
        let is_last = rows.len() < ROWS;
        for (number, row) in rows {
            after = number;
            *counts.entry(row.account_id).or_default() += 1;
        }
        if is_last {
            return Ok(counts);
        }
    }
}
