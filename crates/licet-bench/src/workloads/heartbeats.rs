//! Heartbeats of sessions that are alive.

use uuid::Uuid;

use super::expect;
use crate::{
    Error,
    http::{Answer, Request},
    load::Workload,
    site::Site,
};

/// One heartbeat after the other, over all sessions in turn.
pub(crate) struct Heartbeats {
    /// The request for the first session; the others differ in the id alone.
    request: Vec<u8>,
    id_from: usize,
    ids: Vec<[u8; 36]>,
    next: usize,
}

const PATH: &str = "/api/v1.1/sessions/";

impl Heartbeats {
    pub(crate) fn new(site: &Site, instance_id: Uuid, sessions: &[Uuid]) -> Result<Self, Error> {
        let path = format!("{PATH}{}/heartbeat", Uuid::nil());
        let token = site.token(instance_id)?;
        let request = Request::of_program("GET", &path, &token, instance_id).empty();
        let text = |id: &Uuid| {
            let mut text = [0; 36];
            id.hyphenated().encode_lower(&mut text);
            text
        };
        let ids = sessions.iter().map(text).collect();
        Ok(Self { request, id_from: "GET ".len() + PATH.len(), ids, next: 0 })
    }
}

impl Workload for Heartbeats {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        self.next = (self.next + 1) % self.ids.len();
        let from = out.len() + self.id_from;
        out.extend_from_slice(&self.request);
        out[from..from + 36].copy_from_slice(&self.ids[self.next]);
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(204, answer).map(|()| 1)
    }
}
