//! The crowd: simulated programs of the customers, each asking over HTTP now and then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use licet_client::{AccessOptions, Client, Error};
use licet_protocol::SessionAccessRequest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::scenery::{Customer, Scenery, read};

const PEOPLE: [&str; 12] = [
    "ada", "grace", "linus", "margaret", "dennis", "barbara", "ken", "radia", "edsger", "frances",
    "donald", "hedy",
];

/// Threads that ask until they are told to stop.
#[derive(Debug)]
pub(crate) struct Crowd {
    stopping: Arc<AtomicBool>,
    members: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// `tokens` has a client token for each customer.
    ///
    /// # Errors
    /// [`Error::Unusable`] if `server` is no address.
    pub(crate) fn start(server: &str, scenery: &Scenery, tokens: &[String]) -> Result<Self, Error> {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut members = Vec::new();
        for (place, person) in PEOPLE.into_iter().enumerate() {
            let chosen = place % scenery.customers.len();
            let client = Client::new(server)?.with_token(tokens[chosen].as_str());
            let member = Member::new(client, &scenery.customers[chosen], person, place);
            let stopping = stopping.clone();
            members.push(thread::spawn(move || member.live(&stopping)));
        }
        Ok(Self { stopping, members })
    }

    /// Waits until every member has given back what it held.
    pub(crate) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        for member in self.members {
            member.thread().unpark();
            // A member that panicked has said so itself.
            let _ = member.join();
        }
    }
}

/// One simulated program with its user.
struct Member {
    client: Client,
    instance_id: Uuid,
    requester: Value,
    /// State of a small generator: the same crowd does the same things at every start.
    seed: u64,
}

impl Member {
    fn new(client: Client, customer: &Customer, person: &str, place: usize) -> Self {
        let department = customer.departments[place % customer.departments.len()];
        let requester = json!({
            "type": "user", "value": person, "dictionary": { "department": department },
        });
        let seed = (place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { client, instance_id: customer.instance_id, requester, seed }
    }

    fn live(mut self, stopping: &AtomicBool) {
        while !stopping.load(Ordering::Relaxed) {
            let done = match self.draw(5) {
                0 => self.work_in_a_session(stopping),
                _ => self.use_an_item(),
            };
            if let Err(error) = done {
                tracing::debug!(%error, "a simulated client was refused");
            }
            let rest_ms = 100 + self.draw(900);
            rest(rest_ms, stopping);
        }
    }

    fn use_an_item(&mut self) -> Result<(), Error> {
        let item = self.choose_item();
        let request = json!({ "requester": self.requester, "requestedItems": [item] });
        let options = AccessOptions::default();
        self.client.request_access(self.instance_id, &read(&request)?, &options)?;
        Ok(())
    }

    fn work_in_a_session(&mut self, stopping: &AtomicBool) -> Result<(), Error> {
        let session_id = self.client.create_session(self.instance_id)?.session_id;
        let request: SessionAccessRequest = read(&json!({
            "requester": self.requester, "rollbackOnDeny": true,
            "requestedItems": [{ "item": "Render", "version": "2.0", "count": 1 }],
        }))?;
        self.client.put_session_request(self.instance_id, session_id, &request)?;
        let rest_ms = 2_000 + self.draw(6_000);
        rest(rest_ms, stopping);
        self.client.close_session(self.instance_id, session_id)
    }

    fn choose_item(&mut self) -> Value {
        let count = 1 + self.draw(4);
        match self.draw(20) {
            0 => json!({ "item": "Polish", "version": "", "count": count }),
            1..6 => json!({ "item": "Render", "version": "2.0", "count": count }),
            6..9 => json!({
                "item": "Simulate", "version": "1.0", "count": 1,
                "variables": { "nodes": count, "hours": 0.5 },
            }),
            9..13 => json!({ "item": "Export", "version": "", "count": count }),
            _ => json!({ "item": "Denoise", "version": "", "count": count }),
        }
    }

    /// A number below `bound`.
    fn draw(&mut self, bound: u64) -> u64 {
        // Xorshift: enough for a crowd.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % bound
    }
}

/// Waits, unless the crowd is told to go.
fn rest(rest_ms: u64, stopping: &AtomicBool) {
    if !stopping.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(rest_ms));
    }
}
