//! Reservations: counts kept for hosts and users, in groups.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    lease::ReservationId,
    model::{DEFAULT_POOL, HostId, Version},
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

/// All that keeps a group from being posted, in its order; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationErrors(pub Vec<ReservationError>);

/// A mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{mistake}")]
pub struct ReservationError {
    /// Index of the reservation in its group.
    pub reservation: usize,
    /// Index of the entry in its reservation; `None` if its host, or all of it, is meant.
    pub entry: Option<usize>,
    pub mistake: ReservationMistake,
}

/// What can be wrong with a reservation. The text says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReservationMistake {
    #[error("the host {0} has a reservation already; a host can have one, with several entries")]
    HostReservedTwice(Box<str>),
    #[error("there is no feature {0:?} on this instance")]
    FeatureNotFound(Box<str>),
    #[error("{0:?} is no concurrent feature, and only those can be reserved")]
    NotReservable(Box<str>),
    #[error("there is no pool {0:?}; the model in effect defines the pools")]
    PoolNotFound(Box<str>),
    #[error("for {host} {shortage}")]
    TooFew { host: Box<str>, shortage: Shortage },
}

/// Why a reservation cannot keep what it is to keep.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{wanted} of {feature} are to be kept out of the pool {}, where {free} are unreserved",
    .pool.as_deref().unwrap_or(DEFAULT_POOL)
)]
pub struct Shortage {
    /// Index of the first of its entries that falls short.
    pub entry: usize,
    pub feature: Arc<str>,
    /// `None` for the default pool.
    pub pool: Option<Arc<str>>,
    pub wanted: u64,
    pub free: u64,
}

impl fmt::Display for ReservationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            error.fmt(f)?;
        }
        Ok(())
    }
}
