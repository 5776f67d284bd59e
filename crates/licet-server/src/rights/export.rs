//! Signing what an instance is entitled to serve.

use std::collections::BTreeMap;

use licet_core::{Command, InstanceId, LineItemState, Query, Reply, model::HostId};
use licet_protocol::{
    FeatureLineItemIn, INSTANCE_RIGHTS_TYP, InstanceRights, RightsExportIn, RightsExportOut,
};
use serde_json::json;

use super::{
    CHANGING,
    state::{Change, RightsState},
};
use crate::{
    App, Problem, answer, feature_terms,
    limits::BODY_BYTES_MAX,
    security::{Author, Principal},
};

/// Room for what stands around a document in the body that imports it.
const ENVELOPE_BYTES: usize = 64;

/// Signs the rights of an instance that the caller sees, for one host.
///
/// # Errors
/// 404 if there is no such instance; 400 if `expires` is over; 409 if the document would be larger
/// than a server takes; 503 as of asking and signing.
pub(crate) async fn export(
    app: &App,
    caller: &Principal,
    id: InstanceId,
    wanted: &RightsExportIn,
    author: Author<'_>,
) -> Result<RightsExportOut, Problem> {
    let _one_at_a_time = CHANGING.lock().await;
    let now_ms = author.now_ms;
    let line_items = line_items(app, caller, id).await?;
    if wanted.expires.as_ref().is_some_and(|expires| expires.0 <= now_ms) {
        return Err(Problem::invalid("$.expires", "must be in the future"));
    }
    let last = RightsState::read(app, id.0).await?.generation;
    // The time, so that numbers also grow on when the store was restored from a backup.
    let generation = last.map_or(now_ms, |last| now_ms.max(last.saturating_add(1)));
    let host = HostId::new(&wanted.host_id.value, &wanted.host_id.kind).to_string();
    let line_items_count = line_items.len();
    let rights = InstanceRights {
        sub: id.0,
        aud: host.clone(),
        iat: now_ms.div_euclid(1_000),
        exp: wanted.expires.as_ref().map(|expires| expires.0.div_euclid(1_000)),
        generation,
        line_items,
        jwks: app.signer.jwk_set(),
    };
    let document = signed(app, id, &rights).await?;
    let state = RightsState { generation: Some(generation), ..RightsState::default() };
    let after = json!({ "hostId": host, "generation": generation, "lineItems": line_items_count });
    let change = Change { action: "rights.export", after };
    state.write(app, id.0, author, change).await?;
    Ok(RightsExportOut { document, generation, line_items: line_items_count })
}

async fn signed(app: &App, id: InstanceId, rights: &InstanceRights) -> Result<String, Problem> {
    let payload = serde_json::to_vec(rights).map_err(|error| Problem::internal(&error))?;
    let algorithm = app.instance_settings.load().of(id.0).signing_algorithm;
    let document = app.signer.sign_compact(algorithm, INSTANCE_RIGHTS_TYP, &payload).await?;
    if document.len() + ENVELOPE_BYTES > BODY_BYTES_MAX {
        return Err(Problem::conflict(format!(
            "The signed rights would have {} bytes, and a server takes at most {BODY_BYTES_MAX}; \
             delete obsolete line items, or put fewer features into them",
            document.len()
        )));
    }
    Ok(document)
}

/// All that are not obsolete, by activation ID.
async fn line_items(
    app: &App,
    caller: &Principal,
    id: InstanceId,
) -> Result<BTreeMap<String, FeatureLineItemIn>, Problem> {
    match app.ask(caller, id, Command::Query(Query::FeatureLineItems)).await? {
        Reply::FeatureLineItems(lines) => {
            let owned = lines.iter().filter(|line| line.terms.state != LineItemState::Obsolete);
            let wire = owned.map(feature_terms::wire);
            Ok(wire.map(|line| (line.activation_id, line.line_item)).collect())
        }
        _ => Err(answer::unexpected()),
    }
}
