//! Who may do what: every operation without a token, and with one of a client.

use crate::{VERSIONS, addresses::OPERATIONS, support::TestServer};

/// Rows marked C in table 1.2 of the fact sheet, by the end of their path.
fn is_for_clients(method: &str, path: &str) -> bool {
    let is_line_item = path.contains("/provisioning/") && path.contains("/line-items");
    is_line_item && method == "get"
        || path.contains("/conditions")
        || path.ends_with("/actions")
        || path.contains("/sessions")
        || path.contains("/access-request")
}

/// A path with ids in it; `version` in place of `V`, if it is given.
pub(crate) fn fill(path: &str, version: &str, instance: &str) -> String {
    let absent = "019b4a70-6d3e-7c11-8b8a-2f1f6f6b1c55";
    let path = if version.is_empty() { path.to_owned() } else { path.replace('V', version) };
    path.replace("{instanceId}", instance)
        .replace("{sessionId}", absent)
        .replace("{conditionId}", absent)
        .replace("{lineItemId}", "L1")
        .replace("{keyId}", "k")
}

#[tokio::test]
async fn nothing_is_done_without_a_token() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    for version in VERSIONS {
        for (method, path) in OPERATIONS {
            let path = fill(path, version, &instance);
            let method = method.to_uppercase();
            let answer = server.stranger().call(&method, &path).text("{}").await;
            assert!(answer.headers.contains_key("www-authenticate"), "{method} {path}");
            answer.problem(401, "authentication_required");
            let answer = server.bearer("a.b.c").call(&method, &path).await;
            answer.problem(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn clients_do_what_is_theirs_and_administrators_everything() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    for version in VERSIONS {
        for (method, path) in OPERATIONS {
            let filled = fill(path, version, &instance);
            let call = |agent: crate::support::Agent| agent.call(&method.to_uppercase(), &filled);
            let client = call(server.client(&[&instance])).await;
            if is_for_clients(method, path) {
                assert!(!matches!(client.status, 401 | 403), "{method} {filled}");
            } else {
                client.problem(403, "permission_denied");
            }
            let admin = call(server.admin()).await;
            assert!(!matches!(admin.status, 401 | 403), "{method} {filled}");
            assert!(admin.status < 500, "{method} {filled}");
        }
    }
}
