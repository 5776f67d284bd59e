//! Commands on reservations.

use std::{collections::HashSet, sync::Arc};

use super::Serving;
use crate::{
    command::Reply,
    feature::LicenseModel,
    instance::turn::Turn,
    lease::ReservationId,
    record::Record,
    refusal::Refusal,
    reservation::{
        Reservation, ReservationEntry, ReservationError, ReservationErrors, ReservationGroup,
        ReservationGroupDraft, ReservationGroupId, ReservationMistake,
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
        self.check_draft(&draft)?;
        let group = self.group_of(draft)?;
        self.check_counts(&group)?;
        let group = Box::new(group);
        let at_ms = self.now_ms();
        self.record(Record::ReservationGroupPosted { at_ms, by, group: group.clone() });
        self.redivide_all();
        Ok(Reply::ReservationGroupPosted(group))
    }

    pub(in crate::instance) fn delete_reservation_group(
        &mut self,
        id: ReservationGroupId,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let group = self.instance.serving.groups.get(id).cloned();
        let group = Box::new(group.ok_or(Refusal::ReservationGroupNotFound(id.0))?);
        self.record(Record::ReservationGroupDeleted { at_ms: self.now_ms(), by, group });
        self.redivide_all();
        Ok(Reply::Done)
    }

    /// Tells all that is wrong whatever the counts are.
    fn check_draft(&self, draft: &ReservationGroupDraft) -> Result<(), Refusal> {
        let serving = &self.instance.serving;
        let standing = serving.groups.reservations_count();
        if standing + draft.reservations.len() > RESERVATIONS_MAX {
            return Err(Refusal::TooMany { what: "reservations", max: RESERVATIONS_MAX });
        }
        let mut errors = Vec::new();
        let mut hosts = HashSet::new();
        let pools = serving.pools();
        for (reservation, (host, entries)) in draft.reservations.iter().enumerate() {
            if !hosts.insert(host) || serving.groups.of_host(host).is_some() {
                let mistake = ReservationMistake::HostReservedTwice(host.to_string().into());
                errors.push(ReservationError { reservation, entry: None, mistake });
            }
            for (entry, reserved) in entries.iter().enumerate() {
                if let Some(mistake) = serving.entry_mistake(reserved, &pools) {
                    errors.push(ReservationError { reservation, entry: Some(entry), mistake });
                }
            }
        }
        match errors.is_empty() {
            true => Ok(()),
            false => Err(Refusal::ReservationsInvalid(ReservationErrors(errors))),
        }
    }

    fn group_of(&self, draft: ReservationGroupDraft) -> Result<ReservationGroup, Refusal> {
        let serving = &self.instance.serving;
        let id = ReservationGroupId(serving.counters.group + 1);
        let name = draft.name.unwrap_or_else(|| format!("group-{}", id.0).into());
        if serving.groups.all().iter().any(|group| group.name == name) {
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
        let reservations = serving.groups.reservations().chain(&group.reservations);
        let disabled = serving.disabled(reservations, self.now_ms());
        let reservations = group.reservations.iter().enumerate();
        let short = reservations.filter_map(|(index, reservation)| {
            let shortage = disabled.get(&reservation.id)?.clone();
            let (host, entry) = (reservation.host.to_string().into(), Some(shortage.entry));
            let mistake = ReservationMistake::TooFew { host, shortage };
            Some(ReservationError { reservation: index, entry, mistake })
        });
        let errors: Vec<ReservationError> = short.collect();
        match errors.is_empty() {
            true => Ok(()),
            false => Err(Refusal::TooFewToReserve(ReservationErrors(errors))),
        }
    }
}

impl Serving {
    fn entry_mistake(
        &self,
        entry: &ReservationEntry,
        pools: &[Option<Arc<str>>],
    ) -> Option<ReservationMistake> {
        let feature = || Box::from(&*entry.feature);
        let mut features = self.named(&entry.feature).peekable();
        if features.peek().is_none() {
            return Some(ReservationMistake::FeatureNotFound(feature()));
        }
        if !features.any(|stock| stock.terms().model == LicenseModel::Concurrent) {
            return Some(ReservationMistake::NotReservable(feature()));
        }
        let pool = entry.pool.as_deref().filter(|_| !pools.contains(&entry.pool))?;
        Some(ReservationMistake::PoolNotFound(pool.into()))
    }
}
