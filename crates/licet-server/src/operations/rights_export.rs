//! The rights of an instance, signed for a local licence server.

use axum::{
    Json,
    extract::{Path, State},
};
use licet_core::{InstanceId, model::HostId};
use licet_protocol::{HostIdIn, RightsExportIn, RightsExportOut, ServerId};

use super::{asked::Asked, body::SmallBody, responses::ChangeProblems};
use crate::{
    App, Problem, rights,
    security::{Authorized, perm},
};

/// Sign what an instance is entitled to serve, for a local licence server.
///
/// The document has all line items of features that are not obsolete, and the keys that verify the
/// next one. It is for one host; who exports the rights for two hosts gives them away twice. An
/// Ethernet address may be written with or without `:` or `-`, in upper or lower case.
#[utoipa::path(
    post,
    path = "/operations/api/v1/instances/{instanceId}/rights-export",
    operation_id = "exportRights",
    tag = "feature line items",
    params(("instanceId" = String, Path, description = "The UUID, or its short form")),
    request_body = RightsExportIn,
    responses(
        (status = 200, description = "The signed rights", body = RightsExportOut),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are more rights than one document takes",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn export(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesWrite>,
    Path(id): Path<String>,
    asked: Asked,
    SmallBody(mut wanted): SmallBody<RightsExportIn>,
) -> Result<Json<RightsExportOut>, Problem> {
    // What is no id is the id of nothing.
    let ServerId(id) = id.parse().map_err(|_| Problem::not_found("instance"))?;
    wanted.host_id = as_servers_write_it(wanted.host_id)?;
    let author = asked.author(&caller, app.now_ms());
    rights::export(&app, &caller, InstanceId(id), &wanted, author).await.map(Json)
}

const ETHERNET: &str = "ETHERNET";

/// Of the many forms of an Ethernet address the one that servers have as their hostid. Another would
/// be signed, and no server would take it.
fn as_servers_write_it(host_id: HostIdIn) -> Result<HostIdIn, Problem> {
    let host = HostId::new(&host_id.value, &host_id.kind);
    if host.kind() != ETHERNET {
        return Ok(host_id);
    }
    let digits: String = host.value().split([':', '-']).collect();
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::invalid(
            "$.hostId.value",
            "must be the 12 hex digits of an Ethernet address, such as 02AB34CD56EF or \
             02:ab:34:cd:56:ef",
        ));
    }
    Ok(HostIdIn { kind: ETHERNET.into(), value: digits.to_ascii_uppercase().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, kind: &str) -> Result<HostId, Vec<String>> {
        let host = HostIdIn { kind: kind.into(), value: value.into() };
        let written = as_servers_write_it(host).map_err(|problem| problem.errors().to_vec())?;
        Ok(HostId::new(&written.value, &written.kind))
    }

    #[test]
    fn ethernet_addresses_are_one_in_every_form() {
        let ours = Ok(HostId::new("02AB34CD56EF", "ETHERNET"));
        for value in ["02AB34CD56EF", "02ab34cd56ef", "02:ab:34:cd:56:ef", "02-AB-34-CD-56-EF"] {
            assert_eq!(read(value, "ethernet"), ours, "{value}");
        }
        for value in ["", "banana", "02:ab:34:cd:56", "02AB34CD56EG", "02.ab.34.cd.56.ef"] {
            let errors = read(value, "ETHERNET").unwrap_err();
            assert!(errors[0].contains("such as 02AB34CD56EF"), "{value}: {errors:?}");
        }
        assert_eq!(read("02:ab", "USER"), Ok(HostId::new("02:ab", "USER")));
        assert_eq!(read("banana", ""), Ok(HostId::new("banana", "STRING")));
    }
}
