//! Who may do what at the elastic door, operation by operation.

use std::collections::BTreeSet;

use licet_server::security::Role;

use crate::{
    office::Office,
    permissions::fill,
    support::{Agent, TestServer},
};

/// Columns: ADMINISTRATOR, PRODUCER, VIEWER, CUSTOMER_ADMINISTRATOR, CUSTOMER_VIEWER, client key.
const TABLE: [(&str, &str); 36] = [
    ("producer-admin-key-upload", "x....."),
    ("delete-producer-admin-key", "x....."),
    ("client-key-upload", "x....."),
    ("delete-client-key", "x....."),
    ("get-public-keys", "x....."),
    ("listinstances", "xxxxx."),
    ("addinstance", "xx...."),
    ("getinstance", "xxxxx."),
    ("getlineitems", "xxxxxx"),
    ("getlineitembyid", "xxxxxx"),
    ("addactivation", "xx...."),
    ("deletelineitem", "xx...."),
    ("getratetables", "xxx..."),
    ("postratetables", "xx...."),
    ("deleteratetables", "xx...."),
    ("getconditionsofaccess", "xxxxxx"),
    ("postconditionsofaccess", "xx.x.x"),
    ("patchconditions", "xx.x.x"),
    ("deleteconditions", "xx.x.x"),
    ("deletecondition", "xx.x.x"),
    ("getactions", "xxxxxx"),
    ("createactions", "xx.x.x"),
    ("putactions", "xx.x.x"),
    ("deleteactions", "xx.x.x"),
    ("getlineitemactions", "xxxxxx"),
    ("createsession", "xx.x.x"),
    ("getallsessionsforinstance", "xxxxxx"),
    ("getsession", "xxxxxx"),
    ("putsessionaccessrequest", "xx.x.x"),
    ("getheartbeat", "xx.x.x"),
    ("closesession", "xx.x.x"),
    ("getsessionevents", "xxxxxx"),
    ("postaccessrequest", "xx...x"),
    ("postaccessrequests", "xx...x"),
    ("gettenantconfigurations", "xxx..."),
    ("patchtenantconfigurations", "x....."),
];

async fn callers(office: &Office, instance: &str) -> Vec<(String, Agent)> {
    let mut callers = Vec::new();
    for role in Role::ALL {
        let account = role.is_customer().then_some("NORTHWIND");
        let credentials = office.user(*role, account).await;
        let caller = office.server.stranger().with("authorization", &credentials);
        callers.push((role.to_string(), caller));
    }
    callers.push(("client key".to_owned(), office.server.client(&[instance])));
    callers
}

#[tokio::test]
async fn every_documented_operation_is_for_those_in_the_table() {
    let office = Office::open().await;
    let server: &TestServer = &office.server;
    let instance = server.stocked("NORTHWIND", 10).await;
    let callers = callers(&office, &instance).await;
    let contract = server.stranger().get("/openapi.json").await.value(200);
    let mut walked = BTreeSet::new();
    for (path, operations) in contract["paths"].as_object().unwrap() {
        let is_elastic =
            ["/api/v", "/provisioning/", "/elastic/"].iter().any(|door| path.starts_with(door));
        if !is_elastic {
            continue;
        }
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let id = id.strip_suffix("_v1_0").or_else(|| id.strip_suffix("_v1_1")).unwrap();
            let row = TABLE.iter().find(|(known, _)| *known == id);
            let (id, row) = row.unwrap_or_else(|| panic!("{id} has no row in the table"));
            walked.insert(*id);
            assert_eq!(row.len(), callers.len(), "{id}");
            let path = fill(path, "", &instance);
            for ((name, caller), mark) in callers.iter().zip(row.chars()) {
                let answer = caller.call(&method.to_uppercase(), &path).await;
                let what = format!("{name}: {id}: {}", String::from_utf8_lossy(&answer.body));
                assert!(answer.status != 401 && answer.status < 500, "{what}");
                if mark == 'x' {
                    assert_ne!(answer.status, 403, "{what}");
                } else {
                    assert_eq!(answer.status, 403, "{what}");
                    answer.problem(403, "permission_denied");
                }
            }
        }
    }
    assert_eq!(walked, TABLE.iter().map(|(id, _)| *id).collect(), "rows of no operation");
}
