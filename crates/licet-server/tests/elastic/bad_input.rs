//! Bad input gets a clear answer and changes nothing.

use serde_json::{Value, json};

use crate::support::{Agent, TestServer, access};

struct Story {
    server: TestServer,
    instance: String,
    client: Agent,
}

impl Story {
    async fn begin() -> Self {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 1_000).await;
        let client = server.client(&[&instance]);
        Self { server, instance, client }
    }

    fn path(&self) -> String {
        format!("/elastic/api/v1.1/instances/{}/access-request", self.instance)
    }

    /// Sends an access request as text and gives the detail of its refusal.
    async fn refused(&self, body: &str) -> String {
        let answer = self.client.post(&self.path(), &Value::Null).text(body).await;
        let answer = answer.is(400).json();
        let code = answer["code"].as_str().unwrap();
        assert!(["malformed", "validation_failed", "value_out_of_range"].contains(&code), "{code}");
        answer["detail"].as_str().unwrap().to_owned()
    }

    async fn assert_untouched(&self) {
        assert_eq!(self.server.used(&self.instance, "L1").await, 0.0);
    }
}

fn with_count(count: &str) -> String {
    with_item(&format!(r#""item":"A","count":{count}"#))
}

fn with_item(item: &str) -> String {
    format!(r#"{{"requester":{{"type":"u","value":"v"}},"requestedItems":[{{{item}}}]}}"#)
}

#[tokio::test]
async fn numbers_must_be_numbers_that_fit() {
    let story = Story::begin().await;
    for (count, wanted) in [
        ("0", "must be greater than 0"),
        ("-0.0", "must be greater than 0"),
        ("-1", "must be greater than 0"),
        ("1.0000001", "has more than six decimals"),
        ("1e-7", "has more than six decimals"),
        ("9223372036854.775808", "is out of range"),
        ("1e400", "is out of range"),
        ("\"1\"", "string found, number expected"),
        ("true", "boolean found, number expected"),
        ("[1]", "array found, number expected"),
        ("{}", "object found, number expected"),
        ("null", "null found, number expected"),
        ("NaN", "is not JSON"),
        ("Infinity", "is not JSON"),
        ("1x10", "is not JSON"),
        ("01", "is not JSON"),
        (".5", "is not JSON"),
    ] {
        let detail = story.refused(&with_count(count)).await;
        assert!(detail.contains(wanted), "{count}: {detail}");
        let answer = story.client.post(&story.path(), &Value::Null).text(&with_count(count)).await;
        let is_number = ["greater", "decimals", "range"].iter().any(|it| wanted.contains(it));
        answer.problem(400, if is_number { "value_out_of_range" } else { "malformed" });
    }
    story.assert_untouched().await;
    // What fits is a matter of tokens, not of the body.
    let body = with_count("9223372036854.775807");
    let answer = story.client.post(&story.path(), &Value::Null).text(&body).await.value(200);
    assert_eq!(answer["requestedItems"][0]["status"]["code"], "1306");
    story.assert_untouched().await;
}

#[tokio::test]
async fn shapes_must_be_right() {
    let story = Story::begin().await;
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let good = access(&[("A", 1.0)]).to_string();
    for (body, wanted) in [
        (String::new(), "is not JSON"),
        ("{}".to_owned(), "is missing"),
        ("[]".to_owned(), "array found, object expected"),
        ("null".to_owned(), "object expected"),
        (good[..good.len() - 1].to_owned(), "is not JSON"),
        (format!("{good}{good}"), "followed by something else"),
        (format!("\u{feff}{good}"), "is not JSON"),
        (with_item(r#""item":"","count":1"#), "at least 1 character"),
        (with_item(r#""item":"a\u0000","count":1"#), "control characters"),
        (with_item(&format!(r#""item":"{}","count":1"#, "x".repeat(257))), "at most 256"),
        (with_item(r#""item":"A","count":1,"count":2"#), "given twice"),
        (with_item(r#""item":"A","count":1,"metaData":7"#), "object expected"),
        (with_item(r#""item":"A","count":1,"variables":{"x":"1"}"#), "number expected"),
        (with_item(r#""item":"A","count":1,"variables":{"x":1e999}"#), "28 digits"),
        (
            with_item(r#""item":"A","count":1,"variables":{"x":1.00000000000000000000000000001}"#),
            "28 digits",
        ),
        (with_item(&format!(r#""item":"A","count":1,"metaData":{{"a":{deep}}}"#)), "levels deep"),
    ] {
        let detail = story.refused(&body).await;
        assert!(detail.contains(wanted), "{body}: {detail}");
    }
    let many = access(&vec![("A", 1.0); 1_001]);
    assert!(story.refused(&many.to_string()).await.contains("at most 1000 elements"));
    story.assert_untouched().await;
    let thousand = access(&vec![("A", 1.0); 1_000]);
    let answer = story.client.post(&story.path(), &thousand).await.value(200);
    assert_eq!(answer["requestedItems"].as_array().unwrap().len(), 1_000);
    assert_eq!(story.server.used(&story.instance, "L1").await, 1_000.0);
}

#[tokio::test]
async fn bodies_that_are_too_large_or_not_json_are_not_read() {
    let story = Story::begin().await;
    let huge = format!("{}{}", access(&[("A", 1.0)]), " ".repeat(1 << 20));
    let answer = story.client.post(&story.path(), &Value::Null).text(&huge).await;
    answer.problem(413, "body_too_large");
    let answer = story.client.post(&story.path(), &Value::Null).text(&huge.repeat(3)).await;
    answer.problem(413, "body_too_large");
    let form = story.client.post(&story.path(), &access(&[("A", 1.0)]));
    let form = form.header("content-type", "application/x-www-form-urlencoded").await;
    form.problem(415, "unsupported_media_type");
    story.assert_untouched().await;
}

#[tokio::test]
async fn unknown_fields_are_open_where_the_reference_is() {
    let story = Story::begin().await;
    let body = with_item(r#""item":"A","count":1,"colour":"red""#);
    story.client.post(&story.path(), &Value::Null).text(&body).await.is(200);
    // Old guides write the version so.
    let body = with_item(r#""item":"A","count":1,"requestedVersion":"9""#);
    let answer = story.client.post(&story.path(), &Value::Null).text(&body).await.value(200);
    assert_eq!(answer["requestedItems"][0]["version"], "9");
}

/// Every operation that takes a body gets bodies that no operation takes.
#[tokio::test]
async fn no_operation_chokes_on_nonsense() {
    let story = Story::begin().await;
    let admin = story.server.admin().naming(&story.instance);
    let opened = admin.post("/api/v1.1/sessions", &json!({"instanceId": story.instance})).await;
    let session = opened.value(200)["sessionId"].as_str().unwrap().to_owned();
    let bodies = [
        "",
        "{",
        "nul",
        "7",
        "\"x\"",
        "[[]]",
        "[null]",
        "{\"\":null}",
        "\u{0}",
        "[1e999]",
        "{\"conditions\":{}}",
        "[{\"name\":[]}]",
    ];
    for version in crate::VERSIONS {
        for (method, path) in crate::addresses::OPERATIONS {
            if !matches!(method, "post" | "put" | "patch") {
                continue;
            }
            let path = path
                .replace('V', version)
                .replace("{instanceId}", &story.instance)
                .replace("{sessionId}", &session)
                .replace("{lineItemId}", "L1");
            for body in bodies {
                let answer = admin.call(&method.to_uppercase(), &path).text(body).await;
                assert_eq!(answer.status, 400, "{method} {path} {body:?}");
            }
        }
    }
    story.assert_untouched().await;
    let tables = admin.get("/provisioning/api/v1.1/rate-tables").await.value(200);
    assert_eq!(tables.as_array().unwrap().len(), 1);
}
