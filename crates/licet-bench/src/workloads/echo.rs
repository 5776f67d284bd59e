//! What the echo is asked.

use super::{Draws, access::Body, expect, features::HostBody};
use crate::{
    http::{Answer, Request},
    load::Workload,
};

/// Access requests, which must come back.
pub(crate) struct EchoedAccess {
    head: Vec<u8>,
    body: Body,
    draws: Draws,
}

impl EchoedAccess {
    pub(crate) fn new() -> Self {
        let body = Body::of_one();
        let head = Request::new("POST", "/").head_of_json(body.text.len());
        Self { head, body, draws: Draws::new() }
    }
}

impl Workload for EchoedAccess {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.head);
        self.body.write(&mut self.draws, out);
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(200, answer)?;
        if answer.body.len() == self.body.text.len() {
            Ok(1)
        } else {
            Err("it is not what was sent".to_owned())
        }
    }
}

/// Requests for features, which must come back.
pub(crate) struct EchoedFeatures {
    head: Vec<u8>,
    body: HostBody,
    next: u64,
}

impl EchoedFeatures {
    pub(crate) fn new() -> Self {
        let body = HostBody::new();
        let head = Request::new("POST", "/features").head_of_json(body.len());
        Self { head, body, next: 0 }
    }
}

impl Workload for EchoedFeatures {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.head);
        self.next += 1;
        self.body.write(self.next, out);
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(200, answer)?;
        match answer.body.starts_with(br#"{"hostId":"#) {
            true => Ok(1),
            false => Err("it is not what was sent".to_owned()),
        }
    }
}

/// Requests without a body, answered 204.
pub(crate) struct EchoedHeartbeat;

impl Workload for EchoedHeartbeat {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(204, answer).map(|()| 1)
    }
}
