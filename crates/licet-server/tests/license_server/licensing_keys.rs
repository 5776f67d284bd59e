//! Public keys that verify the tokens of an instance's clients.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    site::Site,
    support::{Agent, Answer, SigningKey},
};

async fn upload(agent: &Agent, path: &str, media_type: &str, body: &[u8]) -> Answer {
    agent.call("POST", path).header("content-type", media_type).bytes(body).await
}

#[tokio::test]
async fn keys_come_as_der_or_pem_and_go_with_410() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let path = site.at("/rest_licensing_keys");
    let none = admin.get(&path).await.value(200);
    assert_eq!(none, json!({ "asOf": "2026-01-01T00:00:00.000Z", "keys": [] }));

    let (one, two, three) = (SigningKey::new(), SigningKey::new(), SigningKey::new());
    let der = upload(&admin, &path, "application/octet-stream", &one.public_der()).await;
    let der = der.value(200);
    assert_eq!(der["publicKey"], json!(STANDARD.encode(one.public_der())));
    let thumbprint = der["kid"].as_str().unwrap().to_owned();
    assert_eq!(thumbprint.len(), 43);
    site.office.server.pass(1);
    let pem = format!("{path}?kid=build-farm");
    let pem = upload(&admin, &pem, "application/x-pem-file", two.public_pem().as_bytes()).await;
    assert_eq!(pem.value(200)["kid"], "build-farm");
    site.office.server.pass(1);
    let text = format!("{path}?kid=c");
    upload(&admin, &text, "text/plain; charset=utf-8", three.public_pem().as_bytes()).await.is(200);
    // PEM under the type that clients send for DER.
    let again =
        upload(&admin, &text, "application/octet-stream", one.public_pem().as_bytes()).await;
    assert_eq!(again.value(200)["publicKey"], der["publicKey"]);

    let listed = admin.get(&path).await.value(200);
    assert_eq!(listed["publicKey"], der["publicKey"]);
    let kids: Vec<_> = listed["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, [&json!(thumbprint), &json!("build-farm"), &json!("c")]);

    admin.delete(&format!("{path}?kid=unknown")).await.problem(404, "not_found");
    admin.delete(&format!("{path}?kid=c")).await.is(410);
    assert_eq!(admin.get(&path).await.value(200)["keys"].as_array().unwrap().len(), 2);
    let gone = admin.delete(&path).await.value(410);
    assert!(gone["message"].as_str().unwrap().contains("gone"));
    admin.delete(&path).await.is(410);
    assert_eq!(admin.get(&path).await.value(200)["keys"], json!([]));
    let log = site.audit().await;
    let put = log.iter().find(|entry| entry["action"] == "licensing-key.put").unwrap();
    assert_eq!(put["object"], json!(format!("instance/{}/licensing-key/c", site.instance)));
}

#[tokio::test]
async fn keys_of_instances_are_apart() {
    let site = Site::open().await;
    let other = site.office.instance("main", "CONTOSO").await;
    let key = SigningKey::new().public_der();
    let at = |id: &str| format!("/api/1.0/instances/{id}/rest_licensing_keys");
    let admin = site.site_admin();
    upload(&admin, &at(&site.instance), "application/octet-stream", &key).await.is(200);
    upload(&admin, &at(&other), "application/octet-stream", &key).await.is(200);
    admin.delete(&at(&other)).await.is(410);
    let left = admin.get(&at(&site.instance)).await.value(200);
    assert_eq!(left["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_key_is_told_what_it_is() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let path = site.at("/rest_licensing_keys");
    let der = SigningKey::new().public_der();
    let weak = STANDARD.decode(RSA_1024).unwrap();
    let private =
        aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new());
    let private = private.unwrap();
    let pem = |label: &str| {
        format!("-----BEGIN {label}-----\nAQID\n-----END {label}-----\n").into_bytes()
    };
    for (body, code, words) in [
        (vec![], "validation_failed", "is empty"),
        (der[..20].to_vec(), "invalid_public_key", "says to have 44 bytes, but 20 came"),
        (vec![0x30, 0x00], "invalid_public_key", "accepted are RSA of 2048"),
        (vec![0xff; 40], "invalid_public_key", "accepted are RSA of 2048"),
        (weak, "weak_public_key", "1024 bits"),
        (private.as_ref().to_vec(), "private_key_uploaded", "openssl pkey"),
        (private.as_ref()[..30].to_vec(), "private_key_uploaded", "leaked"),
        (pem("PRIVATE KEY"), "private_key_uploaded", "leaked"),
        (pem("CERTIFICATE"), "invalid_public_key", "certificate"),
        (b"ssh-ed25519 AAAA ada".to_vec(), "invalid_public_key", "ssh-keygen"),
        (b"{\"kty\":\"OKP\"}".to_vec(), "invalid_public_key", "JWK"),
        (b"MIIBIjAN".to_vec(), "invalid_public_key", "neither PEM nor DER"),
    ] {
        let answer = upload(&admin, &path, "application/octet-stream", &body).await;
        let detail = answer.problem(400, code);
        assert!(detail.contains(words), "{detail}");
    }
    let refused = upload(&admin, &path, "application/json", &der).await;
    let detail = refused.problem(415, "unsupported_media_type");
    assert!(detail.contains("application/octet-stream"), "{detail}");
    for kid in ["", "a%20b", &"x".repeat(129), "%C3%A9"] {
        let path = format!("{path}?kid={kid}");
        let answer = upload(&admin, &path, "application/octet-stream", &der).await;
        answer.problem(400, "validation_failed");
    }
    assert_eq!(admin.get(&path).await.value(200)["keys"], json!([]));
}

/// SubjectPublicKeyInfo of an RSA key that is too short.
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCpL9WN/pWEGi3JOq/qG6w2uqFqwpew1N2KdYxRKZmvDoUoSn5t\
    hB3z5iCH3GHnbbsCJJgAIOhzFrcEQqZdpVMp+PbwvJzBymHe5J4DRqBBiCxu8lfX14FXByFUjjP6Yk3swr+lryLt\
    vwgt+vf2VXWVUNyTf8V32sK3F051+q7VJwIDAQAB";

#[tokio::test]
async fn an_instance_has_so_many_keys_at_most() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let path = site.at("/rest_licensing_keys");
    for _ in 0..16 {
        let der = SigningKey::new().public_der();
        upload(&admin, &path, "application/octet-stream", &der).await.is(200);
    }
    let der = SigningKey::new().public_der();
    upload(&admin, &path, "application/octet-stream", &der).await.problem(409, "conflict");
    let kid = admin.get(&path).await.value(200)["keys"][3]["kid"].as_str().unwrap().to_owned();
    let replacing = format!("{path}?kid={kid}");
    upload(&admin, &replacing, "application/octet-stream", &der).await.is(200);
}
