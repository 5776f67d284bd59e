//! Settings of the site.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use licet_protocol::{ApiVersion, ConfigurationChange, ConfigurationEntry, ConfigurationPatch};
use licet_store::{SettingRow, Store};
use serde_json::json;
use utoipa_axum::routes;

use super::{Operations, changing_terms, path::Version};
use crate::{
    App, Problem, answer,
    extract::{JsonBody, RequestId},
    security::{Author, Authorized, perm},
    terms::{SESSION_CHARGE_PERIOD, TIMEZONE_TOLERANT, charge_period_ms},
};

/// A setting that a version of the API knows.
struct Setting {
    name: &'static str,
    default: &'static str,
    since: ApiVersion,
    allows: fn(&str) -> bool,
    allowed: &'static str,
}

const SETTINGS: [Setting; 2] = [
    Setting {
        name: TIMEZONE_TOLERANT,
        default: "false",
        since: ApiVersion::V1_0,
        allows: |value| matches!(value, "true" | "false"),
        allowed: "must be true or false",
    },
    Setting {
        name: SESSION_CHARGE_PERIOD,
        default: "PT1H",
        since: ApiVersion::V1_1,
        allows: |value| charge_period_ms(value).is_some(),
        allowed: "must be PTnH, PTnM or PTnHnM, from PT10M to PT24H",
    },
];

fn settings(version: ApiVersion) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |setting| setting.since <= version)
}

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(read_configuration, patch_configuration)]
}

/// All settings.
#[utoipa::path(
    get, path = "/configuration", operation_id = "gettenantconfigurations", tag = "configuration",
    responses((status = 200, description = "The settings", body = Vec<ConfigurationEntry>)),
)]
async fn read_configuration(
    _caller: Authorized<perm::ConfigurationRead>,
    State(app): State<App>,
    Version(version): Version,
) -> Result<Response, Problem> {
    answer::ok(&entries(app.store.settings().await?, version))
}

/// Changes settings, all or none.
#[utoipa::path(
    patch, path = "/configuration", operation_id = "patchtenantconfigurations",
    tag = "configuration", request_body = ConfigurationPatch,
    responses((status = 200, description = "All settings", body = Vec<ConfigurationEntry>)),
)]
async fn patch_configuration(
    caller: Authorized<perm::ConfigurationWrite>,
    State(app): State<App>,
    Version(version): Version,
    RequestId(request_id): RequestId,
    JsonBody(ConfigurationPatch(changes)): JsonBody<ConfigurationPatch>,
) -> Result<Response, Problem> {
    check(&changes, version)?;
    if !changes.is_empty() {
        let store = app.store.clone();
        let now_ms = app.now_ms();
        let changing =
            async move { put(&*store, &changes, Author::new(&caller, &request_id, now_ms)).await };
        changing_terms::change(app.clone(), changing).await?;
    }
    answer::ok(&entries(app.store.settings().await?, version))
}

async fn put(
    store: &dyn Store,
    changes: &[ConfigurationChange],
    author: Author<'_>,
) -> Result<(), Problem> {
    let rows: Vec<_> = changes.iter().map(|change| row(change, author)).collect();
    let after = values(&rows);
    let mut before = values(&store.settings().await?);
    before.retain(|name, _| after.contains_key(name));
    let names = after.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    let (before, after) = (json!(before), json!(after));
    let audit = author.audit("configuration.patch", &names, Some(&before), Some(&after));
    Ok(store.put_settings(rows, audit).await?)
}

fn check(changes: &[ConfigurationChange], version: ApiVersion) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let known = settings(version).find(|setting| setting.name == &*change.name);
        match known {
            None => {
                let names: Vec<_> = settings(version).map(|setting| setting.name).collect();
                let names = names.join(", ");
                errors.push(format!("$[{index}].name: is no setting; there are: {names}"));
            }
            Some(setting) if !(setting.allows)(&change.value.0) => {
                errors.push(format!("$[{index}].value: {}", setting.allowed));
            }
            Some(_) if changes[..index].iter().any(|other| other.name == change.name) => {
                errors.push(format!("$[{index}].name: is in the list twice"));
            }
            Some(_) => {}
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
}

fn row(change: &ConfigurationChange, author: Author<'_>) -> SettingRow {
    SettingRow {
        name: change.name.to_string(),
        value: change.value.0.to_string(),
        modified_ms: author.now_ms,
        updated_by: author.name.to_owned(),
    }
}

fn values(rows: &[SettingRow]) -> BTreeMap<String, String> {
    rows.iter().map(|row| (row.name.clone(), row.value.clone())).collect()
}

/// The settings that a version knows, with their defaults where nobody changed them.
fn entries(rows: Vec<SettingRow>, version: ApiVersion) -> Vec<ConfigurationEntry> {
    let entry = |setting: &Setting| {
        let changed = rows.iter().find(|row| row.name == setting.name);
        ConfigurationEntry {
            name: setting.name.to_owned(),
            value: changed.map_or(setting.default, |row| &row.value).to_owned(),
            modified: changed.map(|row| row.modified_ms.into()),
            updated_by: changed.map(|row| row.updated_by.clone()),
        }
    };
    settings(version).map(entry).collect()
}
