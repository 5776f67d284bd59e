//! Two servers on one database: what is changed at one counts at the other.

use serde_json::json;

use crate::site::{OTHER_PASSWORD, PASSWORD, Site};

#[tokio::test]
async fn what_is_changed_at_one_server_counts_at_the_other() {
    let site = Site::open().await;
    let Some(there) = site.office.server.beside().await else { return };
    let (configuration, users) = (site.at("/configuration"), site.at("/users"));

    // Tokens of the producer and of the administrator, known to the other server already.
    let producer = site.producer().await.at(&there);
    producer.get(&users).await.is(200);
    site.set_producer_user(json!({ "enabled": false })).await.is(200);
    producer.until(&users, 401).await.problem(401, "invalid_token");
    let admin = site.admin().await.at(&there);
    admin.get(&users).await.is(200);
    site.set_admin_password(&site.instance, OTHER_PASSWORD).await.is(204);
    admin.until(&users, 401).await.problem(401, "invalid_token");
    let body = json!({ "user": "admin", "password": PASSWORD });
    there.post(&site.at("/authorize"), &body).await.is(401);

    there.get(&configuration).await.is(401);
    site.set(json!({ "security.anonymous": true })).await.is(200);
    there.until(&configuration, 200).await;
}
