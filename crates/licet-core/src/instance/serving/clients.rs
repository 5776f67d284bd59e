//! Clients: the hosts that hold something, and when their leases end.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    feature_request::Asker,
    ids::CorrelationId,
    instance::ordered::Ordered,
    lease::{ClientId, Hold},
    model::HostId,
    serving::MeteredUse,
};

/// A host with what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// As it asked last.
    pub asker: Arc<Asker>,
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    pub holds: Vec<Hold>,
    /// What it reported and may still undo, oldest first.
    pub reports: VecDeque<Report>,
}

/// Use that can be undone until its time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub correlation_id: CorrelationId,
    /// POSIX milliseconds, inclusive.
    pub undo_until_ms: i64,
    pub used: MeteredUse,
}

/// All clients of an instance.
#[derive(Debug, Clone, Default)]
pub(in crate::instance) struct Clients {
    by_id: Ordered<ClientId, Client>,
    by_host: HashMap<HostId, ClientId>,
    /// Clients by the hostids that they gave beside their own, such as users.
    by_other: HashMap<HostId, BTreeSet<ClientId>>,
    /// When the first lease of a client ends.
    agenda: Ordered<(i64, ClientId), ()>,
    last_id: u64,
}

impl Client {
    /// When its first lease ends, or something is to be forgotten of it.
    fn first_end_ms(&self) -> Option<i64> {
        let leases = self.holds.iter().filter_map(|hold| hold.expires_at_ms);
        let reports = self.reports.iter().map(|report| report.undo_until_ms + 1);
        leases.chain(reports).min()
    }

    fn is_somebody(&self) -> bool {
        !self.holds.is_empty() || !self.reports.is_empty()
    }
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: ClientId) -> Option<&Client> {
        self.by_id.get(&id)
    }

    pub(super) fn id_of(&self, host: &HostId) -> Option<ClientId> {
        self.by_host.get(host).copied()
    }

    /// The number for a host that is no client yet.
    pub(super) fn next_id(&self) -> ClientId {
        ClientId(self.last_id + 1)
    }

    /// Clients that gave this hostid beside their own.
    pub(super) fn with_other(&self, host: &HostId) -> impl Iterator<Item = ClientId> + '_ {
        self.by_other.get(host).into_iter().flatten().copied()
    }

    /// Clients that gave this hostid, as their own or beside it, in the order in which they came.
    pub(super) fn with(&self, host: &HostId) -> BTreeSet<ClientId> {
        self.id_of(host).into_iter().chain(self.with_other(host)).collect()
    }

    /// The client whose lease ends first, and when.
    pub(in crate::instance) fn first_end(&self) -> Option<(i64, ClientId)> {
        self.agenda.first().map(|(due, ())| *due)
    }

    /// Clients in the order in which they came, after one.
    pub(super) fn after(
        &self,
        after: Option<ClientId>,
    ) -> impl Iterator<Item = (ClientId, &Client)> {
        self.from(after.map(|id| ClientId(id.0.saturating_add(1))))
    }

    /// Clients in the order in which they came, from one.
    pub(super) fn from(&self, from: Option<ClientId>) -> impl Iterator<Item = (ClientId, &Client)> {
        self.by_id.from(from.unwrap_or_default()).map(|(id, client)| (*id, client))
    }

    pub(in crate::instance) fn iter(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.by_id.iter().map(|(id, client)| (*id, client))
    }

    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The clients that stand in a snapshot.
    pub(super) fn restored(last_id: u64, clients: Vec<(ClientId, Client)>) -> Self {
        let mut all = Self::default();
        clients.into_iter().for_each(|(id, client)| all.list(id, client));
        all.last_id = last_id;
        all
    }

    /// Changes a client, which is made if it is not there, and forgotten once it holds nothing.
    pub(super) fn change(
        &mut self,
        id: ClientId,
        asker: &Arc<Asker>,
        at_ms: i64,
        change: impl FnOnce(&mut Client),
    ) {
        self.last_id = self.last_id.max(id.0);
        if self.by_id.get(&id).is_none() {
            let client = Client {
                asker: asker.clone(),
                first_seen_ms: at_ms,
                last_seen_ms: at_ms,
                holds: Vec::new(),
                reports: VecDeque::new(),
            };
            self.list(id, client);
        }
        let Some(client) = self.by_id.get_mut(&id) else { return };
        let end_before = client.first_end_ms();
        let others_before = (client.asker != *asker).then(|| client.asker.clone());
        change(client);
        let (end, stays) = (client.first_end_ms(), client.is_somebody());
        if let Some(before) = others_before {
            client.asker = asker.clone();
            self.unlist_others(id, &before);
            self.list_others(id, asker);
        }
        if end != end_before {
            self.move_end(id, end_before, end);
        }
        if !stays {
            self.unlist(id);
        }
    }

    /// Forgets what a client can undo no more. Nothing is decided by it.
    pub(super) fn forget_reports(&mut self, id: ClientId, now_ms: i64) {
        let Some(client) = self.by_id.get(&id) else { return };
        let (asker, seen_ms) = (client.asker.clone(), client.last_seen_ms);
        self.change(id, &asker, seen_ms, |client| {
            client.reports.retain(|report| report.undo_until_ms >= now_ms);
        });
    }

    fn list(&mut self, id: ClientId, client: Client) {
        self.last_id = self.last_id.max(id.0);
        self.by_host.insert(client.asker.host().clone(), id);
        self.list_others(id, &client.asker);
        self.move_end(id, None, client.first_end_ms());
        self.by_id.insert(id, client);
    }

    fn unlist(&mut self, id: ClientId) {
        let Some(client) = self.by_id.remove(&id) else { return };
        self.by_host.remove(client.asker.host());
        self.unlist_others(id, &client.asker);
        self.move_end(id, client.first_end_ms(), None);
    }

    fn list_others(&mut self, id: ClientId, asker: &Asker) {
        for host in &asker.host_ids[1..] {
            self.by_other.entry(host.clone()).or_default().insert(id);
        }
    }

    fn unlist_others(&mut self, id: ClientId, asker: &Asker) {
        for host in &asker.host_ids[1..] {
            if let Some(clients) = self.by_other.get_mut(host) {
                clients.remove(&id);
                if clients.is_empty() {
                    self.by_other.remove(host);
                }
            }
        }
    }

    fn move_end(&mut self, id: ClientId, before: Option<i64>, now: Option<i64>) {
        if let Some(at_ms) = before {
            self.agenda.remove(&(at_ms, id));
        }
        if let Some(at_ms) = now {
            self.agenda.insert((at_ms, id), ());
        }
    }
}
