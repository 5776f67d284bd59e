//! Reservations: counts kept for hosts and users, in groups.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    lease::ReservationId,
    model::{HostId, Version},
};

/// Number of a reservation group on its instance.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ReservationGroupId(pub u64);

/// A feature that is reserved for a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationEntry {
    pub feature: Arc<str>,
    /// Lower ones are not taken.
    pub version: Version,
    /// Above zero.
    pub count: u64,
    /// The pool that it is taken out of; `None` for the default pool.
    pub pool: Option<Arc<str>>,
}

/// What is reserved for one host or user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub id: ReservationId,
    pub host: HostId,
    pub entries: Vec<ReservationEntry>,
}

/// Reservations that were posted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationGroup {
    pub id: ReservationGroupId,
    pub name: Arc<str>,
    pub reservations: Vec<Reservation>,
    pub created_ms: i64,
}

/// A group to be posted; numbers are given to it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationGroupDraft {
    /// `None` for a name that is made of its number.
    pub name: Option<Arc<str>>,
    pub reservations: Vec<(HostId, Vec<ReservationEntry>)>,
}
