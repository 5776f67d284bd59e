//! Sessions: opened and closed, or opened to stay.

use std::collections::HashMap;

use uuid::Uuid;

use super::expect;
use crate::{
    Error,
    http::{Answer, Request},
    load::Workload,
    site::{ITEM, Site},
};

/// Requests about the sessions of one instance.
#[derive(Debug, Clone)]
struct Door {
    instance_id: Uuid,
    token: String,
    open: Vec<u8>,
}

impl Door {
    fn new(site: &Site, instance_id: Uuid) -> Result<Self, Error> {
        let token = site.token(instance_id)?;
        let body = format!(r#"{{"instanceId":"{instance_id}"}}"#);
        let open =
            Request::of_program("POST", "/api/v1.1/sessions", &token, instance_id).json(&body);
        Ok(Self { instance_id, token, open })
    }

    fn about(&self, method: &str, session_id: Uuid) -> Request {
        let path = format!("/api/v1.1/sessions/{session_id}");
        Request::of_program(method, &path, &self.token, self.instance_id)
    }
}

fn session_id(body: &[u8]) -> Result<Uuid, String> {
    const BEFORE: &str = "\"sessionId\":\"";
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let from = text.find(BEFORE).map(|place| place + BEFORE.len());
    let id = from.and_then(|from| text.get(from..from + 36)?.parse().ok());
    id.ok_or_else(|| "it names no session".to_owned())
}

/// Each connection opens a session and closes it again; the two are one operation.
pub(crate) struct OpenAndClose {
    door: Door,
    open: HashMap<usize, Uuid>,
}

impl OpenAndClose {
    pub(crate) fn new(site: &Site, instance_id: Uuid) -> Result<Self, Error> {
        Ok(Self { door: Door::new(site, instance_id)?, open: HashMap::new() })
    }
}

impl Workload for OpenAndClose {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        match self.open.get(&connection) {
            None => out.extend_from_slice(&self.door.open),
            Some(id) => out.extend_from_slice(&self.door.about("DELETE", *id).empty()),
        }
        true
    }

    fn take(&mut self, connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        if self.open.remove(&connection).is_some() {
            return expect(204, answer).map(|()| 1);
        }
        expect(200, answer)?;
        self.open.insert(connection, session_id(answer.body)?);
        Ok(0)
    }

    fn is_amid(&self, connection: usize) -> bool {
        self.open.contains_key(&connection)
    }
}

/// Opens so many sessions and has one unit charged in each, so that they stay.
pub(crate) struct OpenToStay {
    door: Door,
    body: String,
    left: u64,
    /// Opened, not yet charged.
    open: HashMap<usize, Uuid>,
    pub(crate) ids: Vec<Uuid>,
}

impl OpenToStay {
    pub(crate) fn new(site: &Site, instance_id: Uuid, sessions: u64) -> Result<Self, Error> {
        let body = format!(
            r#"{{"requester":{{"type":"user","value":"ada"}},"rollbackOnDeny":true,"requestedItems":[{{"item":"{ITEM}","version":"","count":1}}]}}"#
        );
        let (door, left) = (Door::new(site, instance_id)?, sessions);
        Ok(Self { door, body, left, open: HashMap::new(), ids: Vec::new() })
    }
}

impl Workload for OpenToStay {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        if let Some(id) = self.open.get(&connection) {
            out.extend_from_slice(&self.door.about("PUT", *id).json(&self.body));
            return true;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        out.extend_from_slice(&self.door.open);
        true
    }

    fn take(&mut self, connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        expect(200, answer)?;
        match self.open.remove(&connection) {
            Some(id) => {
                self.ids.push(id);
                Ok(1)
            }
            None => {
                self.open.insert(connection, session_id(answer.body)?);
                Ok(0)
            }
        }
    }
}
