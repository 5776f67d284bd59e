//! What the instance is doing; suspending and resuming it.

use axum::{Json, extract::State};
use licet_core::InstanceId;
use licet_protocol::{LicenseServerStatus, Moment, ServerId};
use licet_store::{InstanceRow, InstanceSettingRow, StoreError};
use serde_json::json;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{LicenseServer, Operations, health::VERSION};
use crate::{
    App, Problem,
    elastic::changing_terms,
    instance_settings::SUSPENDED,
    operations::{Asked, ReadProblems},
    security::{Author, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(status), routes!(suspend), routes!(resume)]
}

/// What an instance is doing, on the wire.
pub(super) fn name(is_suspended: bool) -> &'static str {
    if is_suspended { "SUSPENDED" } else { "RUNNING" }
}

/// Show what the instance is doing.
#[utoipa::path(
    get, path = "/status", operation_id = "getLicenseServerStatus", tag = "license server",
    responses(
        (status = 200, description = "The instance", body = LicenseServerStatus),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn status(
    State(app): State<App>,
    server: LicenseServer<perm::FeaturesRead>,
) -> Json<LicenseServerStatus> {
    Json(wire(&app, &server.instance))
}

/// Suspend the instance: nothing new is served until it is resumed.
///
/// What was served stays served until its lease ends. Doing it again changes nothing.
#[utoipa::path(
    post, path = "/suspend", operation_id = "suspendLicenseServer", tag = "license server",
    responses(
        (status = 200, description = "The instance is suspended", body = LicenseServerStatus),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn suspend(
    State(app): State<App>,
    server: LicenseServer<perm::Suspend>,
    asked: Asked,
) -> Result<Json<LicenseServerStatus>, Problem> {
    set(app, server, asked, true).await
}

/// Resume the instance after it was suspended.
#[utoipa::path(
    post, path = "/resume", operation_id = "resumeLicenseServer", tag = "license server",
    responses(
        (status = 200, description = "The instance runs", body = LicenseServerStatus),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn resume(
    State(app): State<App>,
    server: LicenseServer<perm::Suspend>,
    asked: Asked,
) -> Result<Json<LicenseServerStatus>, Problem> {
    set(app, server, asked, false).await
}

async fn set(
    app: App,
    server: LicenseServer<perm::Suspend>,
    asked: Asked,
    is_suspended: bool,
) -> Result<Json<LicenseServerStatus>, Problem> {
    let (store_app, now_ms) = (app.clone(), app.now_ms());
    let instance = server.instance.clone();
    let changing = async move {
        let author = asked.author(&server.caller, now_ms);
        put(&store_app, server.instance.id, is_suspended, author).await
    };
    changing_terms::change(app.clone(), changing).await?;
    Ok(Json(wire(&app, &instance)))
}

async fn put(
    app: &App,
    instance_id: Uuid,
    is_suspended: bool,
    author: Author<'_>,
) -> Result<(), Problem> {
    let stored = app.store.instance_settings(Some(instance_id)).await?;
    if stored.iter().any(|row| row.name == SUSPENDED) == is_suspended {
        return Ok(());
    }
    let action = if is_suspended { "instance.suspend" } else { "instance.resume" };
    let object = format!("instance/{instance_id}");
    let after = json!({ "state": name(is_suspended) });
    let audit = author.audit(action, &object, None, Some(&after));
    let (setting, value) = (SUSPENDED.to_owned(), "true".to_owned());
    if !is_suspended {
        return match app.store.delete_instance_setting(instance_id, setting, audit).await {
            // Another node was faster.
            Ok(()) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        };
    }
    let row = InstanceSettingRow {
        instance_id,
        name: setting,
        value,
        modified_ms: author.now_ms,
        updated_by: author.name.to_owned(),
    };
    Ok(app.store.put_instance_settings(vec![row], audit).await?)
}

fn wire(app: &App, instance: &InstanceRow) -> LicenseServerStatus {
    let is_suspended = app.engine.site().policies_of(InstanceId(instance.id)).is_suspended;
    LicenseServerStatus {
        as_of: Moment(app.now_ms()),
        id: instance.id,
        server_id: ServerId(instance.id).to_string(),
        short_name: instance.short_name.clone(),
        account_id: instance.account_id.clone(),
        version: VERSION.to_owned(),
        state: name(is_suspended).to_owned(),
    }
}
