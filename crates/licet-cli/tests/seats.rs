//! Seats under pulled plugs: however often the server dies, no seat is held twice, and after the
//! last lease all are free.

mod support;

use std::{
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use licet_engine::{Clock, SystemClock};
use serde_json::{Value, json};
use support::{
    Server, assert_verified,
    checker::{Checker, Exchange, Received},
    license_server::{Caller, LicensingKey},
    read,
};
use ureq::http::Method;

const FEATURE: &str = "render";
const SEATS: u64 = 10;
const CLIENTS: u64 = 64;
/// The longest lease that a client asks for, in milliseconds.
const LEASE_MS_MAX: u64 = 4_000;
/// How often the plug is pulled.
const PLUGS: u64 = 8;

/// Where the server is at the moment, and the clients that fight for its seats.
struct Fight {
    server: RwLock<String>,
    instance_id: String,
    key: LicensingKey,
    exchanges: Mutex<Vec<Exchange>>,
    is_over: AtomicBool,
}

/// A client that remembers what it was last told that it holds, until it hears nothing.
struct Client<'a> {
    fight: &'a Fight,
    caller: Caller,
    host: String,
    random: Random,
    sent: u64,
}

/// Ends the fight when it is dropped, so that a story that fails ends as well.
struct Over<'a>(&'a Fight);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Relaxed);
    }
}

/// Numbers that look random and are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}

#[expect(clippy::disallowed_methods, reason = "leases of another process end by real time")]
fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

fn now_ms() -> i64 {
    SystemClock.now_ms()
}

/// How long the fight goes on, in milliseconds.
fn length_ms() -> u64 {
    let seconds = std::env::var("LICET_SEATS_SECONDS").ok();
    seconds.map_or(20, |seconds| seconds.parse().expect("whole seconds")) * 1_000
}

impl Fight {
    /// An instance with ten seats in one line item of four and one of six.
    fn new(server: &Server) -> Self {
        let instance = json!({ "shortName": "main", "accountId": "NORTHWIND" });
        let id = server.admin().create_instance(&read(&instance)).expect("it is new").id;
        let (admin, key) = (Caller::admin(&server.url), LicensingKey::new());
        for (activation_id, count) in [("act-1", 4), ("act-2", SEATS - 4)] {
            let line_item = json!({
                "state": "DEPLOYED", "start": 0, "end": "permanent", "features": [{
                    "name": FEATURE, "version": "1.0", "model": "CONCURRENT", "count": count,
                }],
            });
            let path = format!("instances/{id}/feature-line-items/{activation_id}");
            let address = format!("{}/operations/api/v1/{path}", server.url);
            admin.ok(Method::PUT, &address, &line_item);
        }
        key.upload(&admin, &format!("{}/api/1.0/instances/{id}", server.url));
        Self {
            server: RwLock::new(server.url.clone()),
            instance_id: id.to_string(),
            key,
            exchanges: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    fn client(&self, number: u64) -> Client<'_> {
        Client {
            fight: self,
            caller: self.key.client(),
            host: format!("seat-{number}"),
            random: Random(number * 0x9e37_79b9 + 1),
            sent: 0,
        }
    }

    fn signed_access_request(&self) -> String {
        let server = self.server.read().expect("no panic");
        format!("{server}/api/1.0/instances/{}/signed_access_request", self.instance_id)
    }
}

impl Client<'_> {
    /// Takes, renews and gives back in no order, or leaves its seats to the end of their lease.
    fn fight(mut self) {
        while !self.fight.is_over.load(Relaxed) {
            match self.random.below(10) {
                0..7 => {
                    let seats = 1 + self.random.below(3);
                    self.ask(seats);
                }
                7..9 => self.ask(0),
                _ => pause(LEASE_MS_MAX),
            }
            pause(50 + self.random.below(200));
        }
    }

    /// Asks for so many seats in place of what it holds, and keeps the exchange.
    fn ask(&mut self, seats: u64) {
        self.sent += 1;
        let nonce = format!("{}-{}-{}", self.host, self.sent, self.random.below(u64::MAX));
        let lease_s = 2 + self.random.below(LEASE_MS_MAX / 1_000 - 1);
        let features = match seats {
            0 => json!([]),
            _ => json!([{ "name": FEATURE, "version": "1.0", "count": seats }]),
        };
        let body = json!({
            "hostId": { "type": "string", "value": self.host }, "nonce": nonce,
            "incremental": false, "partial": false, "features": features,
            "borrow-interval": format!("{lease_s}s"),
        });
        let address = self.fight.signed_access_request();
        let sent_ms = now_ms();
        let answer = self.caller.try_send(Method::POST, &address, &body.to_string());
        let at_ms = now_ms();
        let answer = answer.and_then(|(status, document)| match status {
            200 => Some(Received { at_ms, document }),
            // The instance is on its way up or down.
            503 => None,
            other => panic!("{other}: {document}"),
        });
        let exchange = Exchange { host: self.host.clone(), nonce, sent_ms, answer };
        self.fight.exchanges.lock().expect("no panic").push(exchange);
    }
}

#[test]
fn ten_seats_are_never_eleven_under_pulled_plugs() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let fight = Fight::new(&server);
    let jwks = Caller::with_token("").get(&format!("{}/.well-known/jwks.json", server.url));
    thread::scope(|scope| {
        let over = Over(&fight);
        for number in 0..CLIENTS {
            let client = fight.client(number);
            scope.spawn(|| client.fight());
        }
        for _ in 0..PLUGS {
            pause(length_ms() / PLUGS);
            server.kill();
            server.wait();
            server = Server::start(&data);
            fight.server.write().expect("no panic").clone_from(&server.url);
        }
        pause(length_ms() / PLUGS);
        drop(over);
    });
    let known = Caller::with_token("").get(&format!("{}/.well-known/jwks.json", server.url));
    assert_eq!(known, jwks, "the keys live on");
    let checker = Checker::new(&jwks, &fight.instance_id, FEATURE, SEATS);
    let exchanges = std::mem::take(&mut *fight.exchanges.lock().expect("no panic"));
    let proven = checker.check(&exchanges).expect("no seat is held twice");
    assert_eq!(proven.peak, SEATS, "they fought for the last one");
    assert!(proven.grants > 100, "{proven:?}");
    let lost = exchanges.iter().filter(|exchange| exchange.answer.is_none()).count();
    assert!(lost > 0, "no plug was felt");

    // Whatever was granted without anybody knowing has ended as well by now.
    pause(LEASE_MS_MAX);
    fight.client(CLIENTS).ask(SEATS);
    let last = std::mem::take(&mut *fight.exchanges.lock().expect("no panic"));
    let proven = checker.check(&last).expect("it is signed");
    assert_eq!((proven.grants, proven.peak), (1, SEATS), "all seats are free: {last:?}");
    server.stop();
    assert_verified(&data);
}

/// A server of ours that signs whatever it is told to.
struct Forger(aws_lc_rs::signature::Ed25519KeyPair);

impl Forger {
    fn new() -> Self {
        Self(aws_lc_rs::signature::Ed25519KeyPair::generate().expect("a key is made"))
    }

    fn checker(&self) -> Checker {
        use aws_lc_rs::signature::KeyPair;
        let x = base64url(self.0.public_key().as_ref());
        let jwks = json!({ "keys": [{ "kid": "k", "kty": "OKP", "crv": "Ed25519", "x": x }] });
        Checker::new(&jwks, "i", FEATURE, SEATS)
    }

    /// One seat for a host, from `from_s` on, for four seconds.
    fn grant(&self, host: u64, from_s: i64) -> Exchange {
        let (host, nonce) = (format!("h{host}"), format!("n{host}-{from_s}"));
        let expires = jiff::Timestamp::from_second(from_s + 4).expect("a moment");
        let payload = json!({
            "requestHostId": { "value": host }, "nonce": nonce, "instanceId": "i", "iat": from_s,
            "features": [{ "name": FEATURE, "count": 1, "expires": expires.to_string() }],
        });
        let document = self.sign(&payload).to_string();
        let at_ms = from_s * 1_000;
        Exchange { host, nonce, sent_ms: at_ms, answer: Some(Received { at_ms, document }) }
    }

    fn sign(&self, payload: &Value) -> Value {
        let header = json!({ "alg": "EdDSA", "kid": "k", "typ": "licet-access-response+jwt" });
        let [protected, payload] = [&header, payload].map(|part| base64url(part.to_string()));
        let signature = self.0.sign(format!("{protected}.{payload}").as_bytes());
        let signature = base64url(signature.as_ref());
        json!({ "protected": protected, "payload": payload, "signature": signature })
    }
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn the_checker_sees_an_eleventh_seat() {
    let forger = Forger::new();
    let checker = forger.checker();
    let mut exchanges: Vec<_> = (0..SEATS).map(|host| forger.grant(host, 100)).collect();
    // When these are granted the first ten are over.
    exchanges.extend((SEATS..2 * SEATS).map(|host| forger.grant(host, 104)));
    let proven = checker.check(&exchanges).expect("ten at a time");
    assert_eq!((proven.grants, proven.peak), (20, SEATS));
    let eleventh = forger.grant(99, 103);
    let complaint = checker.check(&[&exchanges[..], &[eleventh]].concat()).expect_err("eleven");
    assert_eq!(complaint, "11 of 10 seats were held at 103000");
    // One that has asked again since may have given back.
    let asked_again = Exchange { sent_ms: 102_999, answer: None, ..exchanges[0].clone() };
    let eleventh = [forger.grant(99, 103), asked_again];
    assert!(checker.check(&[&exchanges[..], &eleventh].concat()).is_err_and(|what| {
        // The eleventh lasts until after the next ten have begun.
        what == "11 of 10 seats were held at 104000"
    }));
}

#[test]
fn the_checker_believes_what_is_signed_for_the_request_alone() {
    let forger = Forger::new();
    let checker = forger.checker();
    let good = forger.grant(1, 100);
    let change = |change: &dyn Fn(&mut Exchange)| {
        let mut exchange = good.clone();
        change(&mut exchange);
        checker.check(&[exchange]).expect_err("it is not believed")
    };
    let other = Forger::new().grant(1, 100);
    let why = change(&|exchange| exchange.answer.clone_from(&other.answer));
    assert!(why.starts_with("no signature of ours"), "{why}");
    let why = change(&|exchange| exchange.nonce.push('x'));
    assert!(why.starts_with("an answer to another request"), "{why}");
    let why = change(&|exchange| exchange.host.push('x'));
    assert!(why.starts_with("an answer to another request"), "{why}");
    let why = change(&|exchange| exchange.sent_ms += 1_000);
    assert!(why.starts_with("not signed between"), "{why}");
}
