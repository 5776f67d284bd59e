//! Calls at the licence server's door as a client of the field makes them: plain HTTP and JSON.

use std::time::Duration;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use ureq::{Agent, http::Method};

use super::PASSWORD;

/// What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A caller with a token, or without. Clones share connections.
#[derive(Clone)]
pub struct Caller {
    agent: Agent,
    token: String,
}

/// A key of a customer, with which its clients' tokens are signed.
pub struct LicensingKey(Vec<u8>);

impl LicensingKey {
    pub fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key is made");
        Self(pkcs8.as_ref().to_vec())
    }

    fn public_der(&self) -> Vec<u8> {
        let pair = Ed25519KeyPair::from_pkcs8(&self.0).expect("it was made so");
        [&SPKI_PREFIX[..], pair.public_key().as_ref()].concat()
    }

    /// Uploads the public key to an instance.
    pub fn upload(&self, admin: &Caller, base: &str) {
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(self.public_der())
        );
        let address = format!("{base}/rest_licensing_keys?kid=clients");
        let answer = admin.try_send_as("text/plain", Method::POST, &address, &pem);
        let (status, said) = answer.expect("the server answers");
        assert_eq!(status, 200, "{said}");
    }

    /// A client with a token that this key signed.
    pub fn client(&self) -> Caller {
        let claims = json!({
            "sub": "a client", "roles": "ROLE_CAPABILITY", "exp": 4_102_444_800_i64,
        });
        let key = EncodingKey::from_ed_der(&self.0);
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key);
        Caller::with_token(&token.expect("it is signed"))
    }
}

impl Caller {
    pub fn with_token(token: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(5)));
        Self { agent: config.build().into(), token: token.to_owned() }
    }

    /// The site's user `admin`.
    pub fn admin(server: &str) -> Self {
        let log_in = json!({ "user": "admin", "password": PASSWORD });
        let address = format!("{server}/operations/api/v1/authorize");
        let answer = Self::with_token("").ok(Method::POST, &address, &log_in);
        Self::with_token(answer["token"].as_str().expect("a token"))
    }

    /// Status and body, if there was an answer at all.
    pub fn try_send(&self, method: Method, address: &str, body: &str) -> Option<(u16, String)> {
        self.try_send_as("application/json", method, address, body)
    }

    fn try_send_as(
        &self,
        media_type: &str,
        method: Method,
        address: &str,
        body: &str,
    ) -> Option<(u16, String)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(address)
            .header("content-type", media_type);
        let request = match &*self.token {
            "" => request,
            token => request.header("authorization", format!("Bearer {token}")),
        };
        let mut answer = self.agent.run(request.body(body).expect("a request")).ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), text))
    }

    pub fn send(&self, method: Method, address: &str, body: &str) -> (u16, String) {
        self.try_send(method, address, body).expect("the server answers")
    }

    /// The body of an answer that says yes.
    pub fn ok(&self, method: Method, address: &str, body: &Value) -> Value {
        let (status, text) = self.send(method, address, &body.to_string());
        assert!((200..300).contains(&status), "{address}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub fn get(&self, address: &str) -> Value {
        let (status, text) = self.send(Method::GET, address, "");
        assert_eq!(status, 200, "{address}: {text}");
        serde_json::from_str(&text).expect("it is JSON")
    }
}
