//! Hosts of the clients: devices and users.

use axum::{extract::State, http::Uri};
use licet_core::{ClientId, Command, HostFilter, HostPlace, HostView, HostedFeature, Query, Reply};
use licet_protocol::{End, FeatureVersion, HostFeature, HostKind, HostOut};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{LicenseServer, Operations, bare_list::BareList, clients::host_id};
use crate::{
    App, Problem,
    address::with_query,
    answer::unexpected,
    extract::Params,
    operations::{ReadProblems, page},
    security::perm,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list)]
}

/// The type of the hostids of users.
const USER: &str = "USER";

/// Which page of the hosts is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct HostParameters {
    /// Where the page before ended; the next page is named by `Link`.
    #[param(pattern = "^[0-9]{1,18}\\.[0-9]{1,9}$", example = "7749.0")]
    after: Option<String>,
    /// Hosts of the page, at most 1000.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
}

/// List the hosts of the clients, devices and users, in the order in which clients named them first.
///
/// A client is listed under each of its hostids, so what it holds is too.
#[utoipa::path(
    get, path = "/hosts", operation_id = "listHosts", tag = "served clients",
    params(HostParameters),
    responses(
        (status = 200, description = "A page of hosts", body = Vec<HostOut>, headers(
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
    Params(parameters): Params<HostParameters>,
) -> Result<BareList<HostOut>, Problem> {
    let limit = page::limit(&parameters.limit)?;
    let after = parameters.after.as_deref().map(place).transpose()?;
    // One more tells whether there is another page.
    let filter = HostFilter { after, limit: limit + 1 };
    let as_of_ms = app.now_ms();
    let hosts = match server.ask(&app, Command::Query(Query::Hosts(filter))).await? {
        Reply::Hosts(hosts) => hosts,
        _ => return Err(unexpected()),
    };
    let after = |last: &HostView| address(uri.path(), last.place, limit);
    Ok(BareList::page(as_of_ms, hosts, limit, after, wire))
}

fn place(text: &str) -> Result<HostPlace, Problem> {
    let read = || {
        let (client, index) = text.split_once('.')?;
        Some(HostPlace { client: ClientId(client.parse().ok()?), index: index.parse().ok()? })
    };
    read().ok_or_else(|| Problem::invalid("after", "must be what the page before gave, as 7749.0"))
}

fn address(path: &str, after: HostPlace, limit: usize) -> String {
    let after = format!("{}.{}", after.client.0, after.index);
    with_query(path, &[("after", Some(after)), ("limit", Some(limit.to_string()))])
}

fn wire(view: HostView) -> HostOut {
    let is_user = view.host.kind() == USER;
    HostOut {
        hostid: host_id(&view.host),
        kind: if is_user { HostKind::User } else { HostKind::Device },
        clients: view.clients.into_iter().map(|id| id.0).collect(),
        features: view.features.into_iter().map(feature).collect(),
    }
}

fn feature(held: HostedFeature) -> HostFeature {
    HostFeature {
        name: held.name.to_string(),
        version: FeatureVersion(held.version),
        count: held.count,
        next_expiration: End(held.next_expiry_ms),
    }
}
