//! Rate tables: what items cost.

use axum::{extract::State, http::StatusCode, response::Response};
use licet_core::Formula;
use licet_protocol::{ApiVersion, Message, PriceIn, RateTableIn, RateTableOut};
use licet_store::{RateTableRow, StoreError};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Operations, changing_terms, path::Version};
use crate::{
    App, Code, Problem,
    answer::{self, ReferenceProblem},
    extract::{JsonBody, Params, RequestId},
    security::{Author, Authorized, perm},
    terms,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list_rate_tables, post_rate_table, delete_rate_table)]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RateTableQuery {
    /// Left out or empty for the tables without a series.
    #[serde(default)]
    series: String,
    /// The version to delete.
    #[serde(default)]
    #[param(required = true, min_length = 1)]
    version: String,
}

/// All rate tables, in effect or not.
#[utoipa::path(
    get, path = "/rate-tables", operation_id = "getratetables", tag = "rate tables",
    responses((status = 200, description = "The rate tables", body = Vec<RateTableOut>)),
)]
async fn list_rate_tables(
    _caller: Authorized<perm::RateTablesRead>,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let rows = app.store.rate_tables().await?;
    let tables: Result<Vec<_>, StoreError> = rows.into_iter().map(rate_table_out).collect();
    answer::ok(&tables?)
}

/// Adds a rate table, which never changes.
///
/// It prices from its `effectiveFrom`, until another table of its series takes effect.
#[utoipa::path(
    post, path = "/rate-tables", operation_id = "postratetables", tag = "rate tables",
    request_body = RateTableIn,
    responses(
        (status = 201, description = "Added", body = Message),
        (status = 409, description = "The series has a table of this version",
            body = ReferenceProblem, content_type = "application/problem+json"),
    ),
)]
async fn post_rate_table(
    caller: Authorized<perm::RateTablesWrite>,
    State(app): State<App>,
    Version(version): Version,
    RequestId(request_id): RequestId,
    JsonBody(table): JsonBody<RateTableIn>,
) -> Result<Response, Problem> {
    check(&table, version)?;
    let now_ms = app.now_ms();
    let row = RateTableRow {
        series: table.series.to_string(),
        version: table.version.to_string(),
        effective_from_ms: table.effective_from.0,
        created_ms: now_ms,
        items: terms::encode_items(&table.items)?,
    };
    let author = Author::new(&caller, &request_id, now_ms);
    let object = name(&row.series, &row.version);
    let audit = author.audit("rate-table.post", &object, None, Some(&json!(table)));
    let store = app.store.clone();
    let creating = async move { Ok(store.create_rate_table(row, audit).await) };
    match changing_terms::change(app, creating).await? {
        Ok(()) => {
            let message = Message { message: "Rate table successfully saved".into() };
            answer::json(StatusCode::CREATED, &message)
        }
        Err(StoreError::Duplicate) => Ok(refuse(
            Code::AlreadyExists,
            "A rate table with this series and version exists and never changes; post a new version",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a rate table that is not yet in effect.
#[utoipa::path(
    delete, path = "/rate-tables", operation_id = "deleteratetables", tag = "rate tables",
    params(RateTableQuery),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "The series has no table of this version",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The table is in effect, or was",
            body = ReferenceProblem, content_type = "application/problem+json"),
    ),
)]
async fn delete_rate_table(
    caller: Authorized<perm::RateTablesWrite>,
    State(app): State<App>,
    RequestId(request_id): RequestId,
    Params(RateTableQuery { series, version }): Params<RateTableQuery>,
) -> Result<Response, Problem> {
    if version.is_empty() {
        return Err(Problem::invalid("version", "is missing but it is required"));
    }
    let now_ms = app.now_ms();
    let object = name(&series, &version);
    let author = Author::new(&caller, &request_id, now_ms);
    let audit = author.audit("rate-table.delete", &object, None, None);
    let store = app.store.clone();
    let deleting = async move { Ok(store.delete_rate_table(series, version, now_ms, audit).await) };
    match changing_terms::change(app, deleting).await? {
        Ok(()) => Ok(no_content()),
        Err(StoreError::NotFound) => Err(Problem::not_found("rate table")),
        Err(StoreError::Conflict) => Ok(refuse(
            Code::RateTableInEffect,
            "The rate table is in effect and stays for the record; post one that follows it",
        )),
        Err(error) => Err(error.into()),
    }
}

fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn refuse(code: Code, detail: &'static str) -> Response {
    ReferenceProblem::error(&Problem::new(code, detail)).answer(code.status())
}

/// How the audit log names a table.
fn name(series: &str, version: &str) -> String {
    json!({"series": series, "version": version}).to_string()
}

fn check(table: &RateTableIn, version: ApiVersion) -> Result<(), Problem> {
    let mut errors: Vec<String> =
        table.complaints(version).iter().map(ToString::to_string).collect();
    if table.version.is_empty() {
        errors.insert(0, "$.version: is missing but it is required".to_owned());
    }
    for (index, item) in table.items.iter().enumerate() {
        if let Ok(PriceIn::Formula(source)) = item.price()
            && let Err(error) = Formula::parse(source)
        {
            errors.push(format!("$.items[{index}].formula: {error}"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
}

fn rate_table_out(row: RateTableRow) -> Result<RateTableOut, StoreError> {
    let items = terms::decode_items(&row)?;
    Ok(RateTableOut {
        created: row.created_ms.into(),
        effective_from: row.effective_from_ms.into(),
        series: row.series,
        version: row.version,
        items,
    })
}
