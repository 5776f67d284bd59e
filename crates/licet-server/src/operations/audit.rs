//! The audit log.

use axum::{Json, extract::State};
use licet_protocol::{AuditEntry, AuditPage, Millis};
use licet_store::AuditRow;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::IntoParams;

use super::{
    page::{cursor, limit},
    responses::ReadProblems,
};
use crate::{
    App, Problem,
    extract::Params,
    security::{Authorized, Scope, perm},
};

/// Which page of the audit log is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditParameters {
    /// `next` of the page before; 0 or nothing for the newest entries.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    before: Option<String>,
    /// The same as `before`, by the name that other lists give it.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    next: Option<String>,
    /// Entries of the page, at most 1000.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
}

/// List who changed what, newest first.
///
/// Changes of the site (users, keys, settings, prices, instances, log-ins) and of what instances
/// hold (line items, rules of access) are in one list.
#[utoipa::path(
    get,
    path = "/operations/api/v1/audit",
    operation_id = "listAudit",
    tag = "audit",
    params(AuditParameters),
    responses((status = 200, description = "A page of the log", body = AuditPage), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::AuditRead>,
    Params(parameters): Params<AuditParameters>,
) -> Result<Json<AuditPage>, Problem> {
    let before = parameters.before.as_deref().or(parameters.next.as_deref());
    let before = cursor("before", before)?;
    let limit = limit(&parameters.limit)?;
    // The log tells of all customers; no role that is confined to some has the permission.
    if caller.scope != Scope::Site {
        return Ok(Json(AuditPage { entries: Vec::new(), next: 0 }));
    }
    app.engine.projected().await?;
    let mut rows = app.store.audit_rows(before, limit + 1).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| has_more).map_or(0, |(id, _)| *id);
    let entries: Result<Vec<_>, _> = rows.into_iter().map(|(_, row)| entry(row)).collect();
    Ok(Json(AuditPage { entries: entries?, next: last.unsigned_abs() }))
}

fn entry(row: AuditRow) -> Result<AuditEntry, Problem> {
    Ok(AuditEntry {
        at: Millis(row.at_ms),
        actor: row.actor,
        action: row.action,
        object: row.object,
        request_id: row.request_id,
        before: row.before.map(json).transpose()?,
        after: row.after.map(json).transpose()?,
    })
}

/// What was written as JSON as it is, anything else as a string.
fn json(text: String) -> Result<Box<RawValue>, Problem> {
    if serde_json::from_str::<&RawValue>(&text).is_err() {
        return to_raw_value(&text).map_err(|error| Problem::internal(&error));
    }
    RawValue::from_string(text).map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_strings_and_json_stays() {
        for (text, expected) in [
            (r#"{"role":"VIEWER"}"#, r#"{"role":"VIEWER"}"#),
            ("state=DEPLOYED series=\"\"", r#""state=DEPLOYED series=\"\"""#),
        ] {
            assert_eq!(json(text.to_owned()).unwrap().get(), expected);
        }
    }
}
