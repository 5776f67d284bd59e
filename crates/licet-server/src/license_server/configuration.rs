//! Settings of the instance.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use licet_protocol::{InstanceSetting, InstanceSettings, Moment, SettingValues};
use licet_store::{InstanceSettingRow, StoreError};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{LicenseServer, Operations};
use crate::{
    App, Code, Problem,
    elastic::changing_terms,
    extract::{JsonBody, Params},
    instance_settings::{Editor, HTTP_AUTH, SETTINGS, Setting},
    operations::{Asked, ChangeProblems, ReadProblems},
    security::{Author, OverTls, Principal, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(read, change), routes!(reset)]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct FilterQuery {
    /// Beginning of the names of the settings that are wanted.
    #[param(example = "security")]
    filter: Option<String>,
}

/// `{setting}`, if there is such a setting.
struct SettingAt(&'static Setting);

impl<S: Send + Sync> FromRequestParts<S> for SettingAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Segment {
            setting: String,
        }
        let segment = Path::<Segment>::from_request_parts(parts, state).await.ok();
        let setting = segment.and_then(|Path(segment)| Setting::named(&segment.setting));
        setting.map(Self).ok_or_else(|| Problem::not_found("setting"))
    }
}

/// Whether the request came over TLS.
struct IsOverTls(bool);

impl<S: Send + Sync> FromRequestParts<S> for IsOverTls {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parts.extensions.get::<OverTls>().is_some()))
    }
}

/// List the settings of the instance by name, with who may change them.
#[utoipa::path(
    get, path = "/configuration", operation_id = "listInstanceSettings",
    tag = "license server settings",
    params(FilterQuery),
    responses((status = 200, description = "The settings", body = InstanceSettings), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn read(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceSettingsRead>,
    Params(query): Params<FilterQuery>,
) -> Result<Json<InstanceSettings>, Problem> {
    listed(&app, server.instance.id, query.filter.as_deref().unwrap_or_default()).await
}

/// Change settings of the instance, all or none.
///
/// They count at once, for decisions from now on. Some are the producer's alone.
#[utoipa::path(
    put, path = "/configuration", operation_id = "changeInstanceSettings",
    tag = "license server settings",
    request_body = SettingValues,
    responses(
        (status = 200, description = "All settings as they are now", body = InstanceSettings),
        (status = 409, description = "The change would lock everybody out",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn change(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceSettingsWrite>,
    asked: Asked,
    IsOverTls(is_over_tls): IsOverTls,
    JsonBody(SettingValues(values)): JsonBody<SettingValues>,
) -> Result<Json<InstanceSettings>, Problem> {
    check_editor(&server.caller, values.keys().filter_map(|name| Setting::named(name)))?;
    let values: BTreeMap<_, _> =
        values.into_iter().map(|(name, value)| (name, value.0.into_string())).collect();
    check_values(&values)?;
    if !is_over_tls && values.get(HTTP_AUTH).is_some_and(|value| value == "false") {
        return Err(Problem::conflict(format!(
            "{HTTP_AUTH} can be set to false over HTTPS only: over plain HTTP nobody could set it \
             back"
        )));
    }
    let id = server.instance.id;
    if !values.is_empty() {
        let (store_app, now_ms) = (app.clone(), app.now_ms());
        let changing = async move {
            let author = asked.author(&server.caller, now_ms);
            put(&store_app, id, values, author).await
        };
        changing_terms::change(app.clone(), changing).await?;
    }
    listed(&app, id, "").await
}

/// Set a setting of the instance back to its default.
#[utoipa::path(
    delete, path = "/configuration/{setting}", operation_id = "resetInstanceSetting",
    tag = "license server settings",
    params(("setting" = String, Path, description = "Name of the setting",
        example = "licensing.borrowIntervalMax")),
    responses(
        (status = 204, description = "The setting is at its default"),
        (status = 404, description = "There is no such setting",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn reset(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceSettingsWrite>,
    SettingAt(setting): SettingAt,
    asked: Asked,
) -> Result<StatusCode, Problem> {
    check_editor(&server.caller, [setting])?;
    let (store_app, now_ms) = (app.clone(), app.now_ms());
    let changing = async move {
        let author = asked.author(&server.caller, now_ms);
        delete(&store_app, server.instance.id, setting, author).await
    };
    changing_terms::change(app, changing).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// # Errors
/// 403 `permission_denied`, naming the settings that the caller may not change.
fn check_editor(
    caller: &Principal,
    settings: impl IntoIterator<Item = &'static Setting>,
) -> Result<(), Problem> {
    let forbidden: Vec<&str> = settings
        .into_iter()
        .filter(|setting| !caller.may(setting.editor.permission()))
        .map(|setting| setting.name)
        .collect();
    if forbidden.is_empty() {
        return Ok(());
    }
    let names = forbidden.join(", ");
    let detail = format!("Only the producer may change {names}; nothing was changed");
    Err(Problem::new(Code::PermissionDenied, detail))
}

fn check_values(values: &BTreeMap<String, String>) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for (name, value) in values {
        match Setting::named(name) {
            None => {
                let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
                errors.push(format!("$.{name}: is no setting; there are: {}", names.join(", ")));
            }
            Some(setting) => {
                if let Err(allowed) = setting.check(value) {
                    errors.push(format!("$.{name}: is {value:?}, but {allowed}"));
                }
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
}

async fn put(
    app: &App,
    instance_id: Uuid,
    values: BTreeMap<String, String>,
    author: Author<'_>,
) -> Result<(), Problem> {
    let stored = app.store.instance_settings(Some(instance_id)).await?;
    let before: BTreeMap<&str, &str> = stored
        .iter()
        .filter(|row| values.contains_key(&row.name))
        .map(|row| (row.name.as_str(), row.value.as_str()))
        .collect();
    let (before, after) = (json!(before), json!(values));
    let action = "instance-settings.put";
    let audit = author.audit(action, &object(instance_id), Some(&before), Some(&after));
    let row = |(name, value)| InstanceSettingRow {
        instance_id,
        name,
        value,
        modified_ms: author.now_ms,
        updated_by: author.name.to_owned(),
    };
    let rows = values.into_iter().map(row).collect();
    Ok(app.store.put_instance_settings(rows, audit).await?)
}

async fn delete(
    app: &App,
    instance_id: Uuid,
    setting: &Setting,
    author: Author<'_>,
) -> Result<(), Problem> {
    let after = json!({ setting.name: setting.default });
    let action = "instance-settings.reset";
    let audit = author.audit(action, &object(instance_id), None, Some(&after));
    let deleted = app.store.delete_instance_setting(instance_id, setting.name.to_owned(), audit);
    match deleted.await {
        // It stands at its default already.
        Ok(()) | Err(StoreError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn object(instance_id: Uuid) -> String {
    format!("instance/{instance_id}/settings")
}

async fn listed(
    app: &App,
    instance_id: Uuid,
    beginning: &str,
) -> Result<Json<InstanceSettings>, Problem> {
    let as_of = Moment(app.now_ms());
    let rows = app.store.instance_settings(Some(instance_id)).await?;
    let settings = SETTINGS
        .iter()
        .filter(|setting| setting.name.starts_with(beginning))
        .map(|setting| wire(setting, rows.iter().find(|row| row.name == setting.name)))
        .collect();
    Ok(Json(InstanceSettings { as_of, settings }))
}

fn wire(setting: &Setting, changed: Option<&InstanceSettingRow>) -> InstanceSetting {
    let editable_by = match setting.editor {
        Editor::Producer => "PRODUCER",
        Editor::Admin => "ADMIN",
    };
    InstanceSetting {
        name: setting.name.to_owned(),
        value: changed.map_or(setting.default, |row| &row.value).to_owned(),
        default: setting.default.to_owned(),
        editable_by: editable_by.to_owned(),
        allowed: setting.kind.allowed(),
        description: setting.description.to_owned(),
        modified: changed.map(|row| Moment(row.modified_ms)),
        updated_by: changed.map(|row| row.updated_by.clone()),
    }
}
