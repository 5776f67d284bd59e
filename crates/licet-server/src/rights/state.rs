//! What is kept of documents, with the settings of the instance.

use licet_protocol::JwkSet;
use licet_store::{InstanceSettingRow, StoreError};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    App, Problem,
    instance_settings::{
        RIGHTS_DIGEST, RIGHTS_GENERATION, RIGHTS_SOURCE, RIGHTS_TRUST, RIGHTS_TRUST_GIVEN,
    },
    security::Author,
};

/// Of an exporting instance, the last document that was signed; of an importing one, the last that
/// was taken, and who may sign the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RightsState {
    pub(super) generation: Option<i64>,
    /// The instance whose rights were taken.
    pub(super) source_id: Option<Uuid>,
    /// Of the document, in Base64url.
    pub(super) digest: Option<String>,
    pub(super) trust: Option<JwkSet>,
    /// Whom somebody said to trust; documents may have brought other keys since.
    pub(super) trust_given: Option<JwkSet>,
}

/// What a change of the state is called in the audit log.
pub(super) struct Change<'a> {
    pub(super) action: &'a str,
    pub(super) after: Value,
}

impl RightsState {
    pub(super) async fn read(app: &App, instance_id: Uuid) -> Result<Self, Problem> {
        let mut state = Self::default();
        for row in app.store.instance_settings(Some(instance_id)).await? {
            let value = row.value;
            match row.name.as_str() {
                RIGHTS_GENERATION => state.generation = Some(value.parse().map_err(damaged)?),
                RIGHTS_SOURCE => state.source_id = Some(value.parse().map_err(damaged)?),
                RIGHTS_DIGEST => state.digest = Some(value),
                RIGHTS_TRUST => state.trust = Some(read_keys(&value)?),
                RIGHTS_TRUST_GIVEN => state.trust_given = Some(read_keys(&value)?),
                _ => {}
            }
        }
        Ok(state)
    }

    /// Keeps what is known of these; nothing that was kept before goes.
    pub(super) async fn write(
        &self,
        app: &App,
        instance_id: Uuid,
        author: Author<'_>,
        change: Change<'_>,
    ) -> Result<(), Problem> {
        let keys = |keys: &Option<JwkSet>| {
            let text = keys.as_ref().map(serde_json::to_string).transpose();
            text.map_err(|error| Problem::internal(&error))
        };
        let values = [
            (RIGHTS_GENERATION, self.generation.map(|it| it.to_string())),
            (RIGHTS_SOURCE, self.source_id.map(|it| it.to_string())),
            (RIGHTS_DIGEST, self.digest.clone()),
            (RIGHTS_TRUST, keys(&self.trust)?),
            (RIGHTS_TRUST_GIVEN, keys(&self.trust_given)?),
        ];
        let row = |(name, value): (&str, Option<String>)| {
            Some(InstanceSettingRow {
                instance_id,
                name: name.to_owned(),
                value: value?,
                modified_ms: author.now_ms,
                updated_by: author.name.to_owned(),
            })
        };
        let rows = values.into_iter().filter_map(row).collect();
        let object = format!("instance/{instance_id}");
        let audit = author.audit(change.action, &object, None, Some(&change.after));
        Ok(app.store.put_instance_settings(rows, audit).await?)
    }
}

fn read_keys(text: &str) -> Result<JwkSet, Problem> {
    serde_json::from_str(text).map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> Problem {
    StoreError::Damaged(format!("what is kept of an instance's rights: {error}")).into()
}
