//! Instances: created, listed in pages, found as an account's default.

use serde_json::{Value, json};

use crate::{
    VERSIONS,
    support::{START_MS, TestServer},
};

fn names(page: &Value) -> Vec<&str> {
    let content = page["content"].as_array().unwrap();
    content.iter().map(|instance| instance["shortName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_first_instance_of_an_account_is_its_default() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let admin = server.admin();
        let path = format!("/provisioning/api/{version}/instances");
        let create = async |name: &str| {
            let body = json!({"shortName": name, "accountId": "NORTHWIND"});
            admin.post(&path, &body).await
        };
        let first = create("one").await.value(201);
        assert_eq!(first["defaultInstance"], true);
        assert_eq!(first["created"], START_MS);
        assert_eq!(create("two").await.value(201)["defaultInstance"], false);
        create("two").await.problem(409, "already_exists");

        let one = format!("{path}/{}", first["id"].as_str().unwrap());
        assert_eq!(admin.get(&one).await.value(200), first);
        let get = async |query: &str| admin.get(&format!("{path}?{query}")).await;
        let found = get("accountId=NORTHWIND&default=true").await.value(200);
        assert_eq!(found, json!({"content": [first], "next": 0}));
        let found = get("accountId=SOUTHWIND&default=true").await.value(200);
        assert_eq!(found, json!({"content": [], "next": 0}));
        for bad in [
            "accountId=NORTHWIND",
            "default=false",
            "accountId=NORTHWIND&default=false",
            "default=yes",
            "size=0",
            "size=x",
            "next=-1",
        ] {
            get(bad).await.problem(400, "validation_failed");
        }
    }
}

#[tokio::test]
async fn instances_come_in_pages() {
    let server = TestServer::start().await;
    for number in 0..5 {
        server.instance(&format!("ACCOUNT-{number}")).await;
    }
    let get = async |query: &str| {
        server.admin().get(&format!("/provisioning/api/v1.1/instances?{query}")).await.value(200)
    };
    assert_eq!(get("").await["content"].as_array().unwrap().len(), 5);
    let first = get("size=2").await;
    assert_eq!(names(&first), ["ACCOUNT-0-def-inst", "ACCOUNT-1-def-inst"]);
    let second = get(&format!("size=2&next={}", first["next"])).await;
    assert_eq!(names(&second), ["ACCOUNT-2-def-inst", "ACCOUNT-3-def-inst"]);
    let third = get(&format!("size=2&next={}", second["next"])).await;
    assert_eq!(names(&third), ["ACCOUNT-4-def-inst"]);
    assert_eq!(third["next"], 0);
    assert_eq!(get("size=5").await["next"], 0);
    assert_eq!(get("size=9999&next=0").await["next"], 0);
}
