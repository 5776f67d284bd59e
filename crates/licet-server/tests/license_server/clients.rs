//! Served clients as the instance lists them.

use std::sync::Arc;

use futures_util::future::join_all;
use licet_core::{Asker, FeatureTerms, LicenseModel, Metered, Operation, model::HostId};
use serde_json::{Value, json};

use crate::{
    site::Site,
    stock::{ask, floating},
    support::{Agent, Answer, HOUR_MS},
};

fn ids(clients: &Value) -> Vec<u64> {
    clients.as_array().unwrap().iter().map(|client| client["id"].as_u64().unwrap()).collect()
}

/// The address of the next page, if there is one.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.headers.get("link")?.to_str().unwrap();
    let address = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    Some(address.to_owned())
}

/// The elements of all pages, and how many each has.
pub(crate) async fn pages(agent: &Agent, first: String) -> (Vec<Value>, Vec<usize>) {
    let (mut all, mut sizes, mut address) = (Vec::new(), Vec::new(), Some(first));
    while let Some(path) = address {
        let answer = agent.get(&path).await.is(200);
        assert!(answer.headers.contains_key("x-as-of"));
        address = next(&answer);
        let page = answer.json().as_array().unwrap().clone();
        sizes.push(page.len());
        all.extend(page);
    }
    (all, sizes)
}

#[tokio::test]
async fn a_client_is_listed_with_what_it_holds() {
    let site = Site::stocked(vec![floating("render", 10), floating("export", 1)]).await;
    let mut request = ask(&["02AB34CD56EF/ETHERNET", "alice/user"], &[("render", 2)]);
    request.asker = Arc::new(Asker {
        host_name: Some("ws-17".into()),
        host_type: Some("workstation".into()),
        ..(*request.asker).clone()
    });
    site.serve(request.clone()).await;
    site.office.server.pass(HOUR_MS);
    request.borrow_interval_ms = Some(8 * HOUR_MS);
    site.serve(request).await;
    let answer = site.site_admin().get(&site.at("/clients")).await.is(200);
    assert_eq!(answer.headers["x-as-of"], "2026-01-01T01:00:00.000Z");
    assert!(next(&answer).is_none());
    assert_eq!(
        answer.json(),
        json!([{
            "id": 1, "servedStatus": "NORMAL",
            "requestHostid": { "hostidValue": "02AB34CD56EF", "hostidType": "ETHERNET" },
            "hostids": [{ "hostidValue": "alice", "hostidType": "USER" }],
            "hostName": "ws-17", "hostType": "workstation",
            "firstSeen": "2026-01-01T00:00:00.000Z", "lastSeen": "2026-01-01T01:00:00.000Z",
            "features": [{
                "featureId": 1, "featureName": "render", "featureVersion": "1.0", "count": 2,
                "expires": "2026-01-01T09:00:00.000Z", "activationId": "act-1", "pool": "default",
            }],
        }])
    );
    // Its lease ends by itself.
    site.office.server.pass(8 * HOUR_MS);
    assert_eq!(site.read("/clients").await, json!([]));
}

#[tokio::test]
async fn what_has_no_lease_is_held_for_good() {
    let locked = FeatureTerms { model: LicenseModel::NodeLocked, ..floating("cad", 3) };
    let site = Site::stocked(vec![locked]).await;
    site.take(&["h1"], "cad", 1).await;
    let clients = site.read("/clients").await;
    assert_eq!(clients[0]["features"][0]["expires"], "permanent");
    assert_eq!(clients[0]["hostids"], json!([]));
}

#[tokio::test]
async fn who_may_undo_what_it_reported_is_listed_without_features() {
    let metered = LicenseModel::Metered(Metered { reusable: false, undo_interval_ms: HOUR_MS });
    let meter = FeatureTerms { model: metered, ..floating("sessions", 100) };
    let site = Site::stocked(vec![meter]).await;
    let mut report = ask(&["h1"], &[("sessions", 7)]);
    report.operation = Operation::Report;
    site.serve(report).await;
    assert_eq!(site.read("/clients").await[0]["features"], json!([]));
    site.office.server.pass(HOUR_MS + 1);
    assert_eq!(site.read("/clients").await, json!([]));
}

#[tokio::test]
async fn two_thousand_five_hundred_clients_come_page_by_page() {
    let site = Site::stocked(vec![floating("render", 2_500)]).await;
    let hosts: Vec<String> = (0..2_500).map(|number| format!("h{number}")).collect();
    for some in hosts.chunks(250) {
        join_all(some.iter().map(|host| site.serve(ask(&[host], &[("render", 1)])))).await;
    }
    let admin = site.admin().await;
    let expected: Vec<u64> = (1..=2_500).collect();
    let (all, sizes) = pages(&admin, site.at("/clients?limit=1000")).await;
    assert_eq!((ids(&json!(all)), sizes), (expected.clone(), vec![1_000, 1_000, 500]));
    let (all, sizes) = pages(&admin, "/api/1.0/clients?limit=625".to_owned()).await;
    assert_eq!((ids(&json!(all)), sizes), (expected, vec![625; 4]));
    // A page has 100 unless another number is asked for.
    let first = admin.get(&site.at("/clients")).await.is(200);
    assert_eq!(ids(&first.json()).len(), 100);
    assert_eq!(next(&first), Some(site.at("/clients?after=100&limit=100")));
    // Who is gone is not missed, and who came meanwhile stands behind.
    admin.delete(&site.at("/clients/101")).await.is(204);
    site.take(&["late"], "render", 1).await;
    let second = admin.get(&next(&first).unwrap()).await.value(200);
    assert_eq!(ids(&second)[0], 102);
    let last = admin.get(&site.at("/clients?after=2499")).await.value(200);
    assert_eq!(ids(&last), [2_500, 2_501]);
    let (hosts, sizes) = pages(&admin, site.at("/hosts?limit=1000")).await;
    assert_eq!((hosts.len(), sizes.len()), (2_500, 3));
}

#[tokio::test]
async fn clients_are_found_by_what_they_are_and_hold() {
    let site = Site::stocked(vec![floating("render", 10), floating("export", 10)]).await;
    for (hosts, feature) in [
        (["D1/ETHERNET", "alice/USER"], "render"),
        (["D2/ETHERNET", "alice/USER"], "export"),
        (["alice", "bob/USER"], "render"),
        (["D4/ETHERNET", "bob/USER"], "render"),
    ] {
        site.serve(ask(&hosts, &[(feature, 1)])).await;
    }
    for (query, expected) in [
        ("", &[1, 2, 3, 4][..]),
        ("id=2", &[2]),
        ("id=2&feature=render", &[]),
        ("id=9", &[]),
        ("hostId=D1", &[1]),
        ("hostId=alice", &[1, 2, 3]),
        ("hostId=alice&hostType=user", &[1, 2]),
        ("hostId=alice&hostType=USER&feature=export", &[2]),
        ("hostId=alice&hostType=STRING", &[3]),
        ("hostType=ETHERNET", &[1, 2, 4]),
        ("feature=render", &[1, 3, 4]),
        ("feature=nothing", &[]),
        ("after=1&feature=render", &[3, 4]),
        ("hostId=alice&hostType=USER&after=1", &[2]),
    ] {
        let found = site.read(&format!("/clients?{query}")).await;
        assert_eq!(ids(&found), expected, "{query}");
    }
    let admin = site.site_admin();
    let (found, sizes) = pages(&admin, site.at("/clients?feature=render&limit=1")).await;
    assert_eq!((ids(&json!(found)), sizes), (vec![1, 3, 4], vec![1; 3]), "links keep the filters");
    let some = site.at("/clients?hostId=alice&hostType=USER&limit=1");
    let (found, _) = pages(&admin, some).await;
    assert_eq!(ids(&json!(found)), [1, 2]);
}

#[tokio::test]
async fn what_has_a_meaning_in_addresses_is_kept_in_links() {
    let site = Site::stocked(vec![floating("a&b ü", 10)]).await;
    for host in ["h1", "h2"] {
        site.take(&[host], "a&b ü", 1).await;
    }
    let first = site.at("/clients?feature=a%26b%20%C3%BC&limit=1");
    let (found, sizes) = pages(&site.site_admin(), first).await;
    assert_eq!((ids(&json!(found)), sizes), (vec![1, 2], vec![1; 2]));
}

#[tokio::test]
async fn a_dropped_client_frees_its_seats_at_once() {
    let site = Site::stocked(vec![floating("render", 2)]).await;
    site.take(&["crashed"], "render", 1).await;
    site.take(&["gone"], "render", 1).await;
    assert_eq!(site.take(&["waiting"], "render", 2).await, 0);
    let operator = site.user("grace", &["ROLE_DROPCLIENT"]).await;
    operator.delete(&site.at("/clients/1")).await.is(204);
    operator.delete(&site.at("/clients?id=2")).await.is(204);
    assert_eq!(site.take(&["waiting"], "render", 2).await, 2);
    for path in ["/clients/1", "/clients?id=2", "/clients/x", "/clients/18446744073709551616"] {
        operator.delete(&site.at(path)).await.problem(404, "not_found");
    }
    let all = operator.delete(&site.at("/clients")).await.problem(400, "validation_failed");
    assert!(all.starts_with("id: is missing"), "{all}");
    assert_eq!(ids(&site.read("/clients").await), [3], "nobody is dropped without being named");
    let log = site.audit().await;
    let drops: Vec<_> = log.iter().filter(|entry| entry["action"] == "client.drop").collect();
    assert_eq!(drops.len(), 2);
    assert_eq!(drops[1]["object"], json!(format!("instance/{}/client/1", site.instance)));
    assert_eq!(drops[1]["actor"], json!(format!("grace@{}", site.server_id())));
}

#[tokio::test]
async fn parameters_that_are_none_are_named() {
    let site = Site::open().await;
    for (path, name) in [
        ("/clients?limit=0", "limit"),
        ("/clients?limit=1001", "limit"),
        ("/clients?limit=ten", "limit"),
        ("/clients?after=-1", "after"),
        ("/clients?after=x", "after"),
        ("/clients?id=x", "id"),
        ("/clients?host=x", "host"),
        ("/hosts?limit=0", "limit"),
        ("/hosts?after=1", "after"),
        ("/hosts?after=1.x", "after"),
        ("/hosts?feature=x", "feature"),
    ] {
        let told = site.site_admin().get(&site.at(path)).await.problem(400, "validation_failed");
        assert!(told.starts_with(&format!("{name}: ")), "{path}: {told}");
    }
}

#[tokio::test]
async fn hosts_show_what_devices_and_users_hold() {
    let site = Site::stocked(vec![floating("render", 20), floating("export", 10)]).await;
    let mut short = ask(&["D1/ETHERNET", "alice/USER"], &[("render", 2)]);
    short.borrow_interval_ms = Some(HOUR_MS);
    site.serve(short).await;
    site.serve(ask(&["D2/ETHERNET", "alice/USER"], &[("render", 3), ("export", 1)])).await;
    // A host that asks for itself is listed there, also if another client named it before.
    site.serve(ask(&["D3/ETHERNET", "bob/USER"], &[("export", 1)])).await;
    site.serve(ask(&["bob/USER"], &[("export", 2)])).await;
    let week = "2026-01-08T00:00:00.000Z";
    let host = |value: &str, kind: &str, clients: &[u64], held: &[(&str, u64, &str)]| {
        let feature = |(name, count, ends): &(&str, u64, &str)| json!({ "name": name, "version": "1.0", "count": count, "nextExpiration": ends });
        json!({
            "hostid": { "hostidValue": value, "hostidType": kind },
            "kind": if kind == "USER" { "USER" } else { "DEVICE" },
            "clients": clients, "features": held.iter().map(feature).collect::<Vec<_>>(),
        })
    };
    let hour = "2026-01-01T01:00:00.000Z";
    let expected = [
        host("D1", "ETHERNET", &[1], &[("render", 2, hour)]),
        host("alice", "USER", &[1, 2], &[("export", 1, week), ("render", 5, hour)]),
        host("D2", "ETHERNET", &[2], &[("export", 1, week), ("render", 3, week)]),
        host("D3", "ETHERNET", &[3], &[("export", 1, week)]),
        host("bob", "USER", &[3, 4], &[("export", 3, week)]),
    ];
    for limit in [1, 2, 5, 1_000] {
        let first = site.at(&format!("/hosts?limit={limit}"));
        let (hosts, sizes) = pages(&site.site_admin(), first).await;
        assert_eq!(hosts, expected, "{limit}");
        assert!(sizes.iter().all(|size| *size <= limit) && !sizes.contains(&0), "{sizes:?}");
    }
    let as_written = HostId::from_written("bob/USER");
    assert_eq!((as_written.value(), as_written.kind()), ("bob", "USER"));
}
