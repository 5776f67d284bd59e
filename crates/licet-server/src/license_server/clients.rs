//! Served clients of the instance.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, Uri},
};
use licet_core::{
    ClientFilter, ClientId, ClientView, Command, HeldFeature, Hold, Query, Reply, model::HostId,
};
use licet_protocol::{
    ClientFeature, ClientHostId, ClientOut, End, FeatureVersion, Moment, ServedStatus,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{LicenseServer, Operations, bare_list::BareList, numbered::Numbered};
use crate::{
    App, Problem,
    address::with_query,
    answer::unexpected,
    extract::Params,
    operations::{ReadProblems, page},
    security::perm,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list, drop_named), routes!(drop_client)]
}

/// Which clients are wanted. Numbers come as texts, so that a wrong one is named.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientParameters {
    /// Those that came after the client of this number; the next page is named by `Link`.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    after: Option<String>,
    /// Clients of the page, at most 1000.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
    /// The client of this number.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    id: Option<String>,
    /// Value of one of its hostids: of the one that holds what is served, or of another.
    #[param(example = "02AB34CD56EF")]
    host_id: Option<String>,
    /// Type of that hostid, upper and lower case being the same; any unless given.
    #[param(example = "ETHERNET")]
    host_type: Option<String>,
    /// Name of a feature that it holds.
    #[param(example = "render")]
    feature: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DropParameters {
    /// Number of the client.
    #[param(value_type = u64, required = true, example = 7749)]
    id: Option<String>,
}

/// List the clients that hold something, in the order in which they came.
///
/// A client that reported use of a metered feature is listed for as long as it may undo that.
#[utoipa::path(
    get, path = "/clients", operation_id = "listClients", tag = "served clients",
    params(ClientParameters),
    responses(
        (status = 200, description = "A page of clients", body = Vec<ClientOut>, headers(
            ("X-As-Of" = String, description = "When they were read"),
            ("Link" = String, description = "The next page, with rel=\"next\", if there is one"),
        )),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::ClientsRead>,
    uri: Uri,
    Params(parameters): Params<ClientParameters>,
) -> Result<BareList<ClientOut>, Problem> {
    let limit = page::limit(&parameters.limit)?;
    // One more tells whether there is another page.
    let filter = parameters.filter(limit + 1)?;
    let as_of_ms = app.now_ms();
    let clients = match server.ask(&app, Command::Query(Query::Clients(filter))).await? {
        Reply::Clients(clients) => clients,
        _ => return Err(unexpected()),
    };
    let after = |last: &ClientView| parameters.address(uri.path(), last.id, limit);
    Ok(BareList::page(as_of_ms, clients, limit, after, |client| wire(&client)))
}

/// Drop a client: all that it holds is free for others at once.
#[utoipa::path(
    delete, path = "/clients/{id}", operation_id = "dropClient", tag = "served clients",
    params(("id" = u64, Path, description = "Number of the client", example = 7749)),
    responses(
        (status = 204, description = "The client holds nothing any more"),
        (status = 404, description = "There is no such client",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn drop_client(
    State(app): State<App>,
    server: LicenseServer<perm::ClientsDrop>,
    id: Numbered,
) -> Result<StatusCode, Problem> {
    drop_one(&app, &server, id.of("client")?).await
}

/// Drop the client that the query names: all that it holds is free for others at once.
#[utoipa::path(
    delete, path = "/clients", operation_id = "dropClientNamed", tag = "served clients",
    params(DropParameters),
    responses(
        (status = 204, description = "The client holds nothing any more"),
        (status = 404, description = "There is no such client",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn drop_named(
    State(app): State<App>,
    server: LicenseServer<perm::ClientsDrop>,
    Params(DropParameters { id }): Params<DropParameters>,
) -> Result<StatusCode, Problem> {
    match number("id", id.as_deref())? {
        Some(id) => drop_one(&app, &server, id).await,
        None => Err(Problem::invalid("id", "is missing; give the number of the client to drop")),
    }
}

async fn drop_one(
    app: &App,
    server: &LicenseServer<perm::ClientsDrop>,
    id: u64,
) -> Result<StatusCode, Problem> {
    let command = Command::DropClient { id: ClientId(id), by: server.by() };
    server.ask(app, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(name: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().map_err(|_| Problem::invalid(name, "must be a whole number"));
    number.map(Some)
}

impl ClientParameters {
    fn filter(&self, limit: usize) -> Result<ClientFilter, Problem> {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let after = page::cursor("after", self.after.as_deref())?;
        Ok(ClientFilter {
            after: (after > 0).then(|| ClientId(after.unsigned_abs())),
            id: number("id", self.id.as_deref())?.map(ClientId),
            host_value: text(&self.host_id),
            host_kind: self.host_type.as_ref().map(|kind| kind.to_uppercase().into()),
            feature: text(&self.feature),
            limit,
        })
    }

    /// Where the page after a client is.
    fn address(&self, path: &str, after: ClientId, limit: usize) -> String {
        with_query(
            path,
            &[
                ("after", Some(after.0.to_string())),
                ("limit", Some(limit.to_string())),
                ("hostId", self.host_id.clone()),
                ("hostType", self.host_type.clone()),
                ("feature", self.feature.clone()),
            ],
        )
    }
}

fn wire(view: &ClientView) -> ClientOut {
    let client = &view.client;
    let held = client.holds.iter().zip(&view.features);
    let is_in_overage = view.features.iter().any(|feature| feature.is_in_overage);
    ClientOut {
        id: view.id.0,
        served_status: if is_in_overage { ServedStatus::Overage } else { ServedStatus::Normal },
        request_hostid: host_id(client.asker.host()),
        hostids: client.asker.host_ids[1..].iter().map(host_id).collect(),
        host_name: client.asker.host_name.as_deref().map(str::to_owned),
        host_type: client.asker.host_type.as_deref().map(str::to_owned),
        first_seen: Moment(client.first_seen_ms),
        last_seen: Moment(client.last_seen_ms),
        features: held.map(|(hold, feature)| held_feature(hold, feature)).collect(),
    }
}

fn held_feature(hold: &Hold, feature: &HeldFeature) -> ClientFeature {
    ClientFeature {
        feature_id: hold.feature.0,
        feature_name: feature.terms().name.to_string(),
        feature_version: FeatureVersion(feature.terms().version),
        count: hold.count,
        expires: End(hold.expires_at_ms),
        activation_id: feature.line.activation_id.to_string(),
        pool: hold.place.pool_name().to_owned(),
        reservation_id: hold.place.reservation.map(|id| id.0),
    }
}

/// A hostid as lists of clients write it.
pub(super) fn host_id(host: &HostId) -> ClientHostId {
    ClientHostId { hostid_value: host.value().to_owned(), hostid_type: host.kind().to_owned() }
}
