//! Signed answers, by which a client knows that its licence server gave them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use licet_protocol::SignedDocument;
use serde_json::{Value, json};

use crate::features::{Shop, floating};

fn read(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Whether the key of this id in the JWKS made the signature.
fn verifies(jwks: &Value, document: &SignedDocument) -> bool {
    use aws_lc_rs::signature::{
        ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    };
    let header = read(document.protected());
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let signed = format!("{}.{}", document.protected(), document.payload());
    let signature = URL_SAFE_NO_PAD.decode(document.signature()).unwrap();
    match header["alg"].as_str().unwrap() {
        "EdDSA" => {
            let key = UnparsedPublicKey::new(&ED25519, number("x"));
            key.verify(signed.as_bytes(), &signature).is_ok()
        }
        "RS256" => {
            let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).is_ok()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_signed_answer_is_the_plain_one_with_nonce_time_and_instance() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let client = shop.client().await;
    let body = json!({
        "hostId": { "type": "string", "value": "h1" }, "nonce": "n-4711",
        "features": [{ "name": "render", "version": "2.0", "count": 2 }],
    });
    for algorithm in ["EdDSA", "RS256"] {
        shop.site.set(json!({ "licensing.signing.algorithm": algorithm })).await.is(200);
        let answer = client.post(&shop.at("/signed_access_request"), &body).await.value(200);
        let document: SignedDocument = serde_json::from_value(answer).unwrap();
        let jwks = client.get("/.well-known/jwks.json").await.value(200);
        assert!(verifies(&jwks, &document), "{algorithm}");
        let header = read(document.protected());
        assert_eq!(header["alg"], algorithm);
        assert_eq!(header["typ"], "licet-access-response+jwt");
        let payload = read(document.payload());
        assert_eq!(payload["nonce"], "n-4711");
        assert_eq!(payload["iat"], 1_767_225_600);
        assert_eq!(payload["instanceId"], json!(shop.site.instance));
        let mut plain = client.post(&shop.at("/access_request"), &body).await.value(200);
        let mut signed = payload.clone();
        for name in ["nonce", "iat", "instanceId", "exchangeId"] {
            signed.as_object_mut().unwrap().remove(name);
            plain.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(signed, plain);
    }
}
