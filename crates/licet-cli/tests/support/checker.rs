//! An outside checker of seats. It has the public keys that it was given, what clients sent and
//! received and when, and nothing of the server.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// A request of a client and what came of it, by the client's own clock.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub host: String,
    pub nonce: String,
    pub sent_ms: i64,
    /// `None` if none came, so that the client knows nothing.
    pub answer: Option<Received>,
}

/// A signed answer as it came, flattened JWS JSON.
#[derive(Debug, Clone)]
pub struct Received {
    pub at_ms: i64,
    pub document: String,
}

pub struct Checker {
    /// Ed25519 keys by their id.
    keys: BTreeMap<String, Vec<u8>>,
    instance_id: String,
    feature: String,
    seats: u64,
}

/// What the signed answers prove.
#[derive(Debug, PartialEq, Eq)]
pub struct Proven {
    /// Answers by which their host held something.
    pub grants: usize,
    /// Most seats that were certainly held at one time.
    pub peak: u64,
}

/// Seats that a host certainly held: from the moment at which it knew, up to the one at which its
/// lease ended or it asked for something else.
struct Held {
    from_ms: i64,
    until_ms: i64,
    seats: u64,
}

type Complaint = String;

impl Checker {
    pub fn new(jwks: &Value, instance_id: &str, feature: &str, seats: u64) -> Self {
        let keys = jwks["keys"].as_array().expect("a key set").iter();
        let keys = keys.filter(|key| key["crv"] == "Ed25519").map(|key| {
            let text = |name: &str| key[name].as_str().expect("a member of every key").to_owned();
            (text("kid"), URL_SAFE_NO_PAD.decode(text("x")).expect("Base64url"))
        });
        let (instance_id, feature) = (instance_id.to_owned(), feature.to_owned());
        Self { keys: keys.collect(), instance_id, feature, seats }
    }

    /// Checks all exchanges of all hosts, those of each host in the order in which it sent them.
    pub fn check(&self, exchanges: &[Exchange]) -> Result<Proven, Complaint> {
        let mut by_host: BTreeMap<&str, Vec<&Exchange>> = BTreeMap::new();
        for exchange in exchanges {
            by_host.entry(&exchange.host).or_default().push(exchange);
        }
        let mut all = Vec::new();
        let mut grants = 0;
        for exchanges in by_host.values() {
            for (place, exchange) in exchanges.iter().enumerate() {
                let Some(received) = &exchange.answer else { continue };
                let next_ms = exchanges.get(place + 1).map_or(i64::MAX, |next| next.sent_ms);
                let held = self.held(exchange, received, next_ms)?;
                grants += usize::from(!held.is_empty());
                all.extend(held);
            }
        }
        let (peak, at_ms) = peak(&all);
        if peak > self.seats {
            return Err(format!("{peak} of {} seats were held at {at_ms}", self.seats));
        }
        Ok(Proven { grants, peak })
    }

    /// What an answer says that its host holds, once it is proven that the server said so to it,
    /// now.
    fn held(
        &self,
        exchange: &Exchange,
        received: &Received,
        next_ms: i64,
    ) -> Result<Vec<Held>, Complaint> {
        let of = |what: &str| format!("{what}: {exchange:?}");
        let payload =
            self.verified(&received.document).ok_or_else(|| of("no signature of ours"))?;
        let is_said = payload["nonce"] == *exchange.nonce
            && payload["instanceId"] == *self.instance_id
            && payload["requestHostId"]["value"] == *exchange.host;
        if !is_said {
            return Err(of("an answer to another request"));
        }
        let signed_s = payload["iat"].as_i64().ok_or_else(|| of("no time"))?;
        if !(exchange.sent_ms / 1_000..=received.at_ms / 1_000).contains(&signed_s) {
            return Err(of("not signed between request and answer"));
        }
        let features = payload["features"].as_array().ok_or_else(|| of("no features"))?;
        let ours = features.iter().filter(|feature| feature["name"] == *self.feature);
        ours.map(|feature| {
            let seats = feature["count"].as_u64().ok_or_else(|| of("no count"))?;
            let expires = feature["expires"].as_str().unwrap_or_default();
            let expires: jiff::Timestamp = expires.parse().map_err(|_| of("no end"))?;
            let until_ms = expires.as_millisecond().min(next_ms);
            Ok(Held { from_ms: received.at_ms, until_ms, seats })
        })
        .collect()
    }

    /// The payload, if one of the keys signed it.
    fn verified(&self, document: &str) -> Option<Value> {
        let document: Value = serde_json::from_str(document).ok()?;
        let part = |name: &str| document[name].as_str();
        let decoded = |name: &str| URL_SAFE_NO_PAD.decode(part(name)?).ok();
        let header: Value = serde_json::from_slice(&decoded("protected")?).ok()?;
        if header["alg"] != "EdDSA" || header["typ"] != "licet-access-response+jwt" {
            return None;
        }
        let key = UnparsedPublicKey::new(&ED25519, self.keys.get(header["kid"].as_str()?)?);
        let signed = format!("{}.{}", part("protected")?, part("payload")?);
        key.verify(signed.as_bytes(), &decoded("signature")?).ok()?;
        serde_json::from_slice(&decoded("payload")?).ok()
    }
}

/// Most seats that were held at one time, and the first such time.
fn peak(all: &[Held]) -> (u64, i64) {
    let lasting = all.iter().filter(|held| held.from_ms < held.until_ms);
    let changes = lasting.flat_map(|held| {
        let seats = i64::try_from(held.seats).expect("few");
        [(held.from_ms, seats), (held.until_ms, -seats)]
    });
    // At one moment the end of one comes before the beginning of another.
    let mut changes: Vec<(i64, i64)> = changes.collect();
    changes.sort_unstable();
    let mut now = 0;
    changes.into_iter().fold((0, 0), |most, (at_ms, change)| {
        now += change;
        let seats = u64::try_from(now).expect("what ends has begun");
        if seats > most.0 { (seats, at_ms) } else { most }
    })
}
