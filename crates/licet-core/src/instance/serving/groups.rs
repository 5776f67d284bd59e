//! The reservation groups of an instance.

use std::collections::HashMap;

use crate::{
    lease::ReservationId,
    model::HostId,
    reservation::{Reservation, ReservationGroup, ReservationGroupId},
};

/// In the order in which they were posted.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    groups: Vec<ReservationGroup>,
    /// A host has one reservation at most, so that it is clear what comes first.
    by_host: HashMap<HostId, ReservationId>,
}

impl Groups {
    pub(super) fn all(&self) -> &[ReservationGroup] {
        &self.groups
    }

    pub(super) fn get(&self, id: ReservationGroupId) -> Option<&ReservationGroup> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.groups.iter().flat_map(|group| &group.reservations)
    }

    pub(super) fn reservations_count(&self) -> usize {
        self.by_host.len()
    }

    /// What is reserved for a host.
    pub(super) fn of_host(&self, host: &HostId) -> Option<ReservationId> {
        self.by_host.get(host).copied()
    }

    pub(super) fn add(&mut self, group: ReservationGroup) {
        let hosts = group.reservations.iter().map(|it| (it.host.clone(), it.id));
        self.by_host.extend(hosts);
        self.groups.push(group);
    }

    pub(super) fn remove(&mut self, id: ReservationGroupId) {
        let by_host = &mut self.by_host;
        for group in self.groups.extract_if(.., |group| group.id == id) {
            group.reservations.iter().for_each(|it| {
                by_host.remove(&it.host);
            });
        }
    }
}

impl FromIterator<ReservationGroup> for Groups {
    fn from_iter<I: IntoIterator<Item = ReservationGroup>>(groups: I) -> Self {
        let mut all = Self::default();
        groups.into_iter().for_each(|group| all.add(group));
        all
    }
}
