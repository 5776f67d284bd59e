//! Commands on reservations.

use std::{collections::HashSet, sync::Arc};

use crate::{
    command::Reply,
    instance::turn::Turn,
    lease::ReservationId,
    model::HostId,
    record::Record,
    refusal::Refusal,
    reservation::{
        Reservation, ReservationEntry, ReservationGroup, ReservationGroupDraft, ReservationGroupId,
    },
};

/// Most reservations in all groups of an instance.
const RESERVATIONS_MAX: usize = 20_000;

impl Turn<'_> {
    /// Posts a group, whole or not at all.
    pub(in crate::instance) fn post_reservation_group(
        &mut self,
        draft: ReservationGroupDraft,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        self.check_hosts(&draft)?;
        let group = self.group_of(draft)?;
        self.check_counts(&group)?;
        let id = group.id;
        self.record(Record::ReservationGroupPosted {
            at_ms: self.now_ms(),
            by,
            group: Box::new(group),
        });
        self.redivide_all();
        Ok(Reply::ReservationGroupPosted(id))
    }

    pub(in crate::instance) fn delete_reservation_group(
        &mut self,
        id: ReservationGroupId,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let mut groups = self.instance.serving.groups.iter();
        let group = groups.find(|group| group.id == id).cloned();
        let group = Box::new(group.ok_or(Refusal::ReservationGroupNotFound(id.0))?);
        self.record(Record::ReservationGroupDeleted { at_ms: self.now_ms(), by, group });
        self.redivide_all();
        Ok(Reply::Done)
    }

    /// A host has one reservation at most, so that it is clear what comes first.
    fn check_hosts(&self, draft: &ReservationGroupDraft) -> Result<(), Refusal> {
        let standing = self.instance.serving.groups.iter();
        let standing = standing.flat_map(|group| &group.reservations);
        let mut hosts: HashSet<&HostId> = standing.map(|reservation| &reservation.host).collect();
        if hosts.len() + draft.reservations.len() > RESERVATIONS_MAX {
            return Err(Refusal::TooMany { what: "reservations", max: RESERVATIONS_MAX });
        }
        match draft.reservations.iter().find(|(host, _)| !hosts.insert(host)) {
            Some((host, _)) => Err(Refusal::HostReservedTwice(host.to_string().into())),
            None => Ok(()),
        }
    }

    fn group_of(&self, draft: ReservationGroupDraft) -> Result<ReservationGroup, Refusal> {
        let serving = &self.instance.serving;
        let id = ReservationGroupId(serving.counters.group + 1);
        let name = draft.name.unwrap_or_else(|| format!("group-{}", id.0).into());
        if serving.groups.iter().any(|group| group.name == name) {
            return Err(Refusal::ReservationGroupExists((*name).into()));
        }
        let numbered = (serving.counters.reservation + 1..).zip(draft.reservations);
        let reservation =
            |(id, (host, entries))| Reservation { id: ReservationId(id), host, entries };
        let reservations = numbered.map(reservation).collect();
        Ok(ReservationGroup { id, name, reservations, created_ms: self.now_ms() })
    }

    /// All that the group is to keep must be there beside what others keep, in use or not.
    fn check_counts(&self, group: &ReservationGroup) -> Result<(), Refusal> {
        let serving = &self.instance.serving;
        let entries = group.reservations.iter().flat_map(|reservation| &reservation.entries);
        let pools = serving.pools();
        for entry in entries.clone() {
            self.check_entry(entry, &pools)?;
        }
        let mut groups = serving.groups.clone();
        groups.push(group.clone());
        let disabled = serving.disabled(&groups, self.now_ms());
        let mut short = group.reservations.iter().filter(|it| disabled.contains(&it.id));
        match short.next() {
            None => Ok(()),
            Some(reservation) => Err(Refusal::TooFewToReserve(reservation.host.to_string().into())),
        }
    }

    fn check_entry(
        &self,
        entry: &ReservationEntry,
        pools: &[Option<Arc<str>>],
    ) -> Result<(), Refusal> {
        if let Some(pool) = entry.pool.as_deref()
            && !pools.contains(&entry.pool)
        {
            return Err(Refusal::PoolNotFound(pool.into()));
        }
        let mut features = self.instance.serving.named(&entry.feature).peekable();
        if features.peek().is_none() {
            return Err(Refusal::FeatureNotFound((*entry.feature).into()));
        }
        let is_concurrent = |model| model == crate::LicenseModel::Concurrent;
        match features.any(|stock| is_concurrent(stock.terms().model)) {
            true => Ok(()),
            false => Err(Refusal::NotReservable((*entry.feature).into())),
        }
    }
}
