//! Taking signed rights: who signed them, for whom, when; and what is served from then on.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use licet_core::{
    Command, FeatureLineItem, FeatureLineItemTerms, InstanceId, LineItemState, Query, Reply,
    model::HostId,
};
use licet_protocol::{
    FeatureLineItemIn, INSTANCE_RIGHTS_TYP, InstanceRights, JwkSet, Moment, RightsImported,
    SignedDocument,
};
use licet_store::InstanceRow;
use serde_json::json;

use super::{
    CHANGING,
    state::{Change, RightsState},
};
use crate::{
    App, Code, Problem, answer, feature_terms,
    license_server::host_ids,
    security::{Author, sha256},
    signing::{VerifyError, verified},
};

/// Says who may sign the rights of the local instance from now on. Who said so already changes
/// nothing: documents may have brought new keys since.
///
/// # Errors
/// 503 `store_unavailable`
pub(crate) async fn trust(
    app: &App,
    instance: &InstanceRow,
    keys: JwkSet,
    author: Author<'_>,
) -> Result<(), Problem> {
    let _one_at_a_time = CHANGING.lock().await;
    if RightsState::read(app, instance.id).await?.trust_given.as_ref() == Some(&keys) {
        return Ok(());
    }
    let kids: Vec<&str> = keys.keys.iter().map(|key| key.kid.as_str()).collect();
    let change = Change { action: "rights.trust", after: json!({ "kids": kids }) };
    let (trust, trust_given) = (Some(keys.clone()), Some(keys));
    let state = RightsState { trust, trust_given, ..RightsState::default() };
    state.write(app, instance.id, author, change).await
}

/// Whether it is known who may sign the rights.
///
/// # Errors
/// 503 `store_unavailable`
pub(crate) async fn is_trusting(app: &App, instance: &InstanceRow) -> Result<bool, Problem> {
    Ok(RightsState::read(app, instance.id).await?.trust.is_some())
}

/// Whether a document was ever taken.
///
/// # Errors
/// 503 `store_unavailable`
pub(crate) async fn are_there(app: &App, instance: &InstanceRow) -> Result<bool, Problem> {
    Ok(RightsState::read(app, instance.id).await?.digest.is_some())
}

/// Takes a document, and serves what it says. One that was taken already may come again.
///
/// # Errors
/// 400 `untrusted_rights`; 409 `rights_not_applicable` if it is for another server, of another
/// instance, or over; 409 `rights_outdated` if a later one was taken; 409 `conflict` on a server
/// that has no local instance; 503.
pub(crate) async fn import(
    app: &App,
    instance: &InstanceRow,
    document: &str,
    author: Author<'_>,
) -> Result<RightsImported, Problem> {
    if !app.local_instance.is(InstanceId(instance.id)) {
        return Err(Problem::conflict(
            "The rights of this instance are kept here; signed ones are for a local licence \
             server (licet serve --local)",
        ));
    }
    let _one_at_a_time = CHANGING.lock().await;
    let state = RightsState::read(app, instance.id).await?;
    let rights = read(document, &state)?;
    check_host(app, instance, &rights.aud).await?;
    let digest = URL_SAFE_NO_PAD.encode(sha256(document.trim().as_bytes()));
    check_order(&rights, &digest, &state)?;
    if state.digest.as_ref() != Some(&digest) {
        check_time(&rights, author.now_ms)?;
    }
    let terms = terms(rights.line_items)?;
    // What is older is refused from here on, also if this is the last thing that happens; then
    // the same document is taken again.
    let next = RightsState {
        generation: Some(rights.generation),
        source_id: Some(rights.sub),
        digest: Some(digest),
        trust: Some(rights.jwks),
        trust_given: None,
    };
    let after = json!({ "source": rights.sub, "generation": rights.generation });
    let change = Change { action: "rights.import", after };
    next.write(app, instance.id, author, change).await?;
    let (line_items, obsolete) = apply(app, InstanceId(instance.id), terms, author.name).await?;
    Ok(RightsImported {
        source_id: rights.sub,
        generation: rights.generation,
        issued: Moment(rights.iat.saturating_mul(1_000)),
        line_items,
        obsolete,
    })
}

fn read(document: &str, state: &RightsState) -> Result<InstanceRights, Problem> {
    let Some(trusted) = &state.trust else {
        return Err(untrusted(
            "This server was not told whose rights to trust; start it with --trust FILE, where \
             FILE has the keys of the hosted server (its /.well-known/jwks.json)"
                .to_owned(),
        ));
    };
    let document: SignedDocument = document.trim().parse().map_err(|error| {
        untrusted(format!("This is no signed document: it {error}; take the file as it is"))
    })?;
    let payload = verified(&document, INSTANCE_RIGHTS_TYP, trusted).map_err(|error| {
        let advice = match error {
            VerifyError::UnknownKey(_) => {
                "; if the hosted server has new keys, get its /.well-known/jwks.json from the \
                 producer and start this server with --trust FILE"
            }
            VerifyError::Signature => "; export the rights again, and take the file as it is",
            _ => "; a file from licet instance export is wanted",
        };
        untrusted(format!("These rights are not trusted: {error}{advice}"))
    })?;
    Ok(licet_protocol::parse(&payload)?)
}

async fn check_host(app: &App, instance: &InstanceRow, host: &str) -> Result<(), Problem> {
    let ours: Vec<HostId> = host_ids::of_server(app, instance)
        .await?
        .iter()
        .map(|id| HostId::new(&id.value, &id.kind))
        .collect();
    if ours.contains(&HostId::from_written(host)) {
        return Ok(());
    }
    let ours: Vec<String> = ours.iter().map(HostId::to_string).collect();
    Err(not_applicable(format!(
        "These rights are for the host {host}; this server is {}: export them again with one of \
         these as --host-id",
        ours.join(" or ")
    )))
}

fn check_time(rights: &InstanceRights, now_ms: i64) -> Result<(), Problem> {
    match rights.exp {
        Some(exp) if exp.saturating_mul(1_000) <= now_ms => Err(not_applicable(format!(
            "These rights could be imported until {}; export them again",
            Moment(exp.saturating_mul(1_000))
        ))),
        _ => Ok(()),
    }
}

/// A document may come twice, but never after a later one.
fn check_order(rights: &InstanceRights, digest: &str, state: &RightsState) -> Result<(), Problem> {
    let (generation, source_id) = (rights.generation, rights.sub);
    if let Some(known) = state.source_id.filter(|known| *known != source_id) {
        return Err(not_applicable(format!(
            "These are rights of the instance {source_id}; this server has those of {known}: \
             export that one, or start with an empty store"
        )));
    }
    let Some(last) = state.generation else { return Ok(()) };
    let is_same = state.digest.as_deref() == Some(digest);
    if generation < last || (generation == last && !is_same) {
        return Err(outdated(format!(
            "These rights have the number {generation}, and this server has {last} already; \
             export them again, which makes a higher number"
        )));
    }
    Ok(())
}

fn terms(
    line_items: BTreeMap<String, FeatureLineItemIn>,
) -> Result<BTreeMap<Arc<str>, FeatureLineItemTerms>, Problem> {
    let read = |(id, line_item): (String, FeatureLineItemIn)| {
        let id: Arc<str> = id.into();
        Ok((id.clone(), feature_terms::terms(id, line_item)?))
    };
    line_items.into_iter().map(read).collect()
}

/// Puts all line items, and makes those obsolete that there are no more. Tells how many of both.
async fn apply(
    app: &App,
    id: InstanceId,
    wanted: BTreeMap<Arc<str>, FeatureLineItemTerms>,
    by: &str,
) -> Result<(usize, usize), Problem> {
    let standing = match app.engine.ask(id, Command::Query(Query::FeatureLineItems)).await? {
        Reply::FeatureLineItems(lines) => lines,
        _ => return Err(answer::unexpected()),
    };
    let gone: Vec<FeatureLineItemTerms> = standing
        .iter()
        .filter(|line| line.terms.state != LineItemState::Obsolete)
        .filter(|line| !wanted.contains_key(&line.terms.activation_id))
        .map(|line| FeatureLineItemTerms {
            state: LineItemState::Obsolete,
            ..(*line.terms).clone()
        })
        .collect();
    let (by, obsolete, mut put): (Arc<str>, _, _) = (by.into(), gone.len(), 0);
    for terms in wanted.into_values() {
        let line = standing.iter().find(|line| line.terms.activation_id == terms.activation_id);
        for command in commands(line, terms, &by) {
            put += usize::from(matches!(command, Command::PutFeatureLineItem { .. }));
            app.engine.ask(id, command).await?;
        }
    }
    for terms in gone {
        app.engine.ask(id, Command::PutFeatureLineItem { terms, by: by.clone() }).await?;
    }
    Ok((put, obsolete))
}

/// What makes a line item as it is wanted.
fn commands(
    standing: Option<&FeatureLineItem>,
    terms: FeatureLineItemTerms,
    by: &Arc<str>,
) -> Vec<Command> {
    let is_deployed = terms.state == LineItemState::Deployed;
    let activation_id = terms.activation_id.clone();
    let put = Command::PutFeatureLineItem { terms, by: by.clone() };
    match standing.map(|line| line.terms.state) {
        // One that serves nothing is not begun with.
        None if !is_deployed => Vec::new(),
        Some(LineItemState::Obsolete) => {
            let delete = Command::DeleteFeatureLineItem { activation_id, by: by.clone() };
            if is_deployed { vec![delete, put] } else { Vec::new() }
        }
        None | Some(_) => vec![put],
    }
}

fn untrusted(detail: String) -> Problem {
    Problem::new(Code::UntrustedRights, detail)
}

fn outdated(detail: String) -> Problem {
    Problem::new(Code::RightsOutdated, detail)
}

fn not_applicable(detail: String) -> Problem {
    Problem::new(Code::RightsNotApplicable, detail)
}
