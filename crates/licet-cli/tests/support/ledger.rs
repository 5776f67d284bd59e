//! An outside counter: what callers were told, held against the server's books.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use licet_client::{Client, UsageQuery};
use licet_protocol::TokenNumber;
use uuid::Uuid;

use super::access;

/// How many call at once.
pub const CALLERS: usize = 8;

/// What a caller was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    correlation_id: Uuid,
    is_granted: bool,
}

/// What callers were told: the correlation id of each key that was acknowledged, and the keys of
/// which nothing is known.
#[derive(Default)]
pub struct Ledger {
    acknowledged: Mutex<BTreeMap<String, Answer>>,
    unknown: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
}

impl Ledger {
    /// Sends a key; false if no answer came.
    pub fn send(&self, client: &Client, instance_id: Uuid, key: &str) -> bool {
        match access(client, instance_id, key) {
            Ok(answer) => {
                let code: &str = &answer.requested_items[0].status.code;
                assert!(matches!(code, "1101" | "1306"), "{code}");
                let answer = Answer {
                    correlation_id: answer.correlation_id.expect("it is recorded"),
                    is_granted: code == "1101",
                };
                let mut acknowledged = self.acknowledged.lock().expect("no panic");
                let before = acknowledged.insert(key.to_owned(), answer);
                assert!(before.is_none_or(|before| before == answer), "{key} has two answers");
                drop(acknowledged);
                self.count.fetch_add(1, Relaxed);
                true
            }
            Err(error) => {
                assert!(error.is_passing(), "{error}");
                self.unknown.lock().expect("no panic").insert(key.to_owned());
                false
            }
        }
    }

    /// Many callers at once, spread over the clients, until `enough` more answers came and `end`
    /// was called; they go on until they get no answer.
    pub fn load(
        &self,
        clients: &[Client],
        instance_id: Uuid,
        round: &str,
        enough: usize,
        end: impl FnOnce(),
    ) {
        self.load_until(clients, instance_id, round, enough, end, &|was_answered| was_answered);
    }

    /// The same with callers that go on when they get no answer, until `end` has returned.
    pub fn load_through(
        &self,
        clients: &[Client],
        instance_id: Uuid,
        round: &str,
        enough: usize,
        end: impl FnOnce(),
    ) {
        let has_ended = AtomicBool::new(false);
        let end = || {
            end();
            has_ended.store(true, Relaxed);
        };
        #[expect(clippy::disallowed_methods, reason = "a pause between tries, as a client makes")]
        let go_on = |was_answered: bool| {
            if !was_answered {
                thread::sleep(Duration::from_millis(20));
            }
            !has_ended.load(Relaxed)
        };
        self.load_until(clients, instance_id, round, enough, end, &go_on);
    }

    fn load_until(
        &self,
        clients: &[Client],
        instance_id: Uuid,
        round: &str,
        enough: usize,
        end: impl FnOnce(),
        go_on: &(impl Fn(bool) -> bool + Sync),
    ) {
        let target = self.count.load(Relaxed) + enough;
        let (reached, waits) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (client, reached) = (&clients[caller % clients.len()], reached.clone());
                scope.spawn(move || {
                    for number in 0.. {
                        let key = format!("{round}-{caller}-{number}");
                        let was_answered = self.send(client, instance_id, &key);
                        if self.count.load(Relaxed) >= target {
                            // Only the first is waited for.
                            let _ = reached.send(());
                        }
                        if !go_on(was_answered) {
                            return;
                        }
                    }
                });
            }
            waits.recv().expect("the load gets through");
            end();
        });
    }

    /// How many keys were granted.
    pub fn granted(&self) -> usize {
        let acknowledged = self.acknowledged.lock().expect("no panic");
        acknowledged.values().filter(|answer| answer.is_granted).count()
    }

    /// Whether there are keys of which nothing is known.
    pub fn has_unknown(&self) -> bool {
        !self.unknown.lock().expect("no panic").is_empty()
    }

    /// Sends again what nobody knows of, so that each key was acknowledged, and some of what was
    /// acknowledged, which must get the same answer.
    pub fn settle(&self, client: &Client, instance_id: Uuid) {
        let unknown = std::mem::take(&mut *self.unknown.lock().expect("no panic"));
        for key in &unknown {
            assert!(self.send(client, instance_id, key), "the server is well");
        }
        let acknowledged = self.acknowledged.lock().expect("no panic").clone();
        for key in acknowledged.keys().rev().step_by(17).take(20) {
            assert!(self.send(client, instance_id, key), "the server is well");
        }
    }

    /// The server's books must have each acknowledged key once and nothing else.
    pub fn assert_exact(&self, client: &Client, instance_id: Uuid) {
        self.settle(client, instance_id);
        let acknowledged = self.acknowledged.lock().expect("no panic");
        let mut booked = BTreeMap::new();
        let query = UsageQuery::default();
        for page in 1.. {
            let rows = client.usage_page(&query, page).expect("the report answers").data;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let twice = booked.insert(row.consumer_id.clone(), row.correlation_id);
                assert_eq!(twice, None, "{} is there twice", row.consumer_id);
            }
        }
        assert_eq!(booked.len(), acknowledged.len());
        for (key, answer) in acknowledged.iter() {
            assert_eq!(
                booked.get(key),
                Some(&answer.correlation_id),
                "{key} is booked as answered"
            );
        }
        let granted = acknowledged.values().filter(|answer| answer.is_granted).count();
        let used = client.line_item(instance_id, "L1").expect("it is there").used;
        let charged = i64::try_from(granted).expect("few") * 2;
        assert_eq!(used, TokenNumber(licet_core::Tokens::whole(charged).expect("few")));
    }
}
