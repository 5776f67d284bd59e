//! TLS: a server with a certificate speaks HTTPS, and only to who trusts it.

mod support;

use std::fs;

use licet_client::Client;
use licet_protocol::AuthorizeRequest;
use serde_json::json;
use support::{PASSWORD, Server, read};

#[test]
fn a_certificate_makes_it_https() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.expect("a certificate is made");
    fs::write(path("chain.pem"), made.cert.pem()).expect("it is written");
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("it is written");
    let (chain, key) = (path("chain.pem"), path("key.pem"));
    let environment = [("LICET_TLS_CERTIFICATE", &*chain), ("LICET_TLS_KEY", &*key)];
    let server = Server::start_with(&folder.path().join("data"), &environment);
    assert!(server.url.starts_with("https://"), "{}", server.url);

    let log_in: AuthorizeRequest = read(&json!({ "user": "admin", "password": PASSWORD }));
    let trusting = Client::with_certificates(&server.url, made.cert.pem().as_bytes());
    trusting.expect("an address").authorize(&log_in).expect("it is trusted");
    let wary = Client::new(&server.url).expect("an address");
    wary.with_attempts(1, std::time::Duration::ZERO).authorize(&log_in).expect_err("it is not");
    server.stop();
}
