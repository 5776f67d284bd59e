//! What an instance tells of hosts: devices and users, with what is held under them.

use std::sync::Arc;

use super::{Client, Serving};
use crate::{
    lease::{ClientId, Hold},
    model::{HostId, Version},
};

/// Where a host stands in the list of hosts: at the first client that gave it, and the index among
/// the hostids of that client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPlace {
    pub client: ClientId,
    pub index: usize,
}

/// Which hosts are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFilter {
    /// Those behind this place.
    pub after: Option<HostPlace>,
    pub limit: usize,
}

/// A host with what its clients hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostView {
    pub place: HostPlace,
    pub host: HostId,
    /// Clients that gave it, as their own or beside it, in the order in which they came.
    pub clients: Vec<ClientId>,
    /// By name and version.
    pub features: Vec<HostedFeature>,
}

/// What is held of a feature under a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedFeature {
    pub name: Arc<str>,
    pub version: Version,
    pub count: u64,
    /// When the first of the leases ends, POSIX milliseconds; `None` if none does.
    pub next_expiry_ms: Option<i64>,
}

impl Serving {
    /// Hosts in the order in which they were given first.
    pub(in crate::instance) fn host_views(&self, filter: &HostFilter) -> Vec<HostView> {
        let from = filter.after.map(|place| place.client);
        let is_wanted = |place: &HostPlace| filter.after.is_none_or(|after| *place > after);
        let hosts = self.clients.from(from).flat_map(|(id, client)| self.hosts_at(id, client));
        let wanted = hosts.filter(|(place, _)| is_wanted(place)).take(filter.limit);
        wanted.map(|(place, host)| self.host_view(place, host)).collect()
    }

    /// The hosts that stand at a client: its own, and those that no client before it gave and no
    /// other has as its own.
    fn hosts_at<'a>(
        &'a self,
        id: ClientId,
        client: &'a Client,
    ) -> impl Iterator<Item = (HostPlace, &'a HostId)> {
        let hosts = &client.asker.host_ids;
        let is_here = move |index: usize, host: &HostId| {
            let is_first = || self.clients.with_other(host).next() == Some(id);
            let is_known = self.clients.id_of(host).is_some() || hosts[..index].contains(host);
            index == 0 || (!is_known && is_first())
        };
        let numbered = hosts.iter().enumerate().filter(move |(index, host)| is_here(*index, host));
        numbered.map(move |(index, host)| (HostPlace { client: id, index }, host))
    }

    fn host_view(&self, place: HostPlace, host: &HostId) -> HostView {
        let clients = self.clients.with(host);
        let mut features = Vec::new();
        let known = clients.iter().filter_map(|id| self.clients.get(*id));
        for hold in known.flat_map(|client| &client.holds) {
            self.add_hold(hold, &mut features);
        }
        features.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        HostView { place, host: host.clone(), clients: clients.into_iter().collect(), features }
    }

    fn add_hold(&self, hold: &Hold, to: &mut Vec<HostedFeature>) {
        let Some(stock) = self.stock(hold.feature) else { return };
        let (name, version) = (&stock.terms().name, stock.terms().version);
        let (count, next_expiry_ms) = (hold.count, hold.expires_at_ms);
        match to.iter_mut().find(|held| held.name == *name && held.version == version) {
            None => to.push(HostedFeature { name: name.clone(), version, count, next_expiry_ms }),
            Some(held) => {
                held.count = held.count.saturating_add(count);
                held.next_expiry_ms =
                    [held.next_expiry_ms, next_expiry_ms].into_iter().flatten().min();
            }
        }
    }
}
