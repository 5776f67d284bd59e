//! What the server of the instance is known by.

use std::{fs, path::Path};

use axum::{Json, extract::State};
use licet_core::InstanceId;
use licet_protocol::{HostIdOut, HostIds, Moment, ServerId};
use licet_store::InstanceRow;
use utoipa_axum::routes;

use super::{LicenseServer, Operations};
use crate::{App, Problem, operations::ReadProblems, security::perm};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list), routes!(selected)]
}

/// Where Linux lists the network interfaces of the machine.
const INTERFACES: &str = "/sys/class/net";
/// Of an interface: it is an Ethernet.
const ETHERNET: &str = "1";

/// List the host ids of the server of the instance, the selected one first.
///
/// The short id of the instance, of type `STRING`; where the instance is this machine's own, the
/// addresses of the machine as well, of type `ETHERNET`.
#[utoipa::path(
    get, path = "/hostids", operation_id = "listHostIds", tag = "license server",
    responses((status = 200, description = "The host ids", body = HostIds), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::FeaturesRead>,
) -> Result<Json<HostIds>, Problem> {
    let as_of = Moment(app.now_ms());
    Ok(Json(HostIds { as_of, hostids: of_server(&app, &server.instance).await? }))
}

/// Show the host id by which the server of the instance is known.
#[utoipa::path(
    get, path = "/hostids/selected", operation_id = "getSelectedHostId", tag = "license server",
    responses((status = 200, description = "The host id", body = HostIdOut), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn selected(server: LicenseServer<perm::FeaturesRead>) -> Json<HostIdOut> {
    Json(of_instance(&server.instance))
}

/// All host ids of the server of an instance, the selected one first.
///
/// # Errors
/// 500
pub(crate) async fn of_server(
    app: &App,
    instance: &InstanceRow,
) -> Result<Vec<HostIdOut>, Problem> {
    let mut hostids = vec![of_instance(instance)];
    if app.local_instance.is(InstanceId(instance.id)) {
        let of_machine = tokio::task::spawn_blocking(|| of_machine(Path::new(INTERFACES)));
        hostids.extend(of_machine.await.map_err(|error| Problem::internal(&error))?);
    }
    Ok(hostids)
}

fn of_instance(instance: &InstanceRow) -> HostIdOut {
    HostIdOut { kind: "STRING".to_owned(), value: ServerId(instance.id).to_string() }
}

/// Ethernet addresses by the name of their interface. What cannot be read is left out: elsewhere
/// than on Linux there is nothing to read.
fn of_machine(interfaces: &Path) -> Vec<HostIdOut> {
    let Ok(entries) = fs::read_dir(interfaces) else { return Vec::new() };
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort_unstable();
    folders.iter().filter_map(|folder| ethernet(folder)).collect()
}

fn ethernet(interface: &Path) -> Option<HostIdOut> {
    let read = |name: &str| fs::read_to_string(interface.join(name)).ok();
    if read("type")?.trim() != ETHERNET {
        return None;
    }
    let digits: String = read("address")?.trim().split(':').collect();
    let is_address = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_set = digits.bytes().any(|byte| byte != b'0');
    (is_address && is_set)
        .then(|| HostIdOut { kind: "ETHERNET".to_owned(), value: digits.to_ascii_uppercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ethernets_are_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let interface = |name: &str, kind: &str, address: &str| {
            let at = folder.path().join(name);
            fs::create_dir(&at).unwrap();
            fs::write(at.join("type"), format!("{kind}\n")).unwrap();
            fs::write(at.join("address"), format!("{address}\n")).unwrap();
        };
        interface("lo", "772", "00:00:00:00:00:00");
        interface("eth1", "1", "02:ab:34:cd:56:f0");
        interface("eth0", "1", "02:ab:34:cd:56:ef");
        interface("ib0", "32", "80:00:02:08:fe:80:00:00");
        interface("dummy0", "1", "00:00:00:00:00:00");
        fs::create_dir(folder.path().join("bare")).unwrap();
        let values: Vec<_> = of_machine(folder.path()).into_iter().map(|id| id.value).collect();
        assert_eq!(values, ["02AB34CD56EF", "02AB34CD56F0"]);
        assert!(of_machine(&folder.path().join("absent")).is_empty());
    }
}
