//! Leases: what a client holds, from where, and until when.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{feature::FeatureId, model::DEFAULT_POOL};

/// A client's record on its instance, the number that its drop names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ClientId(pub u64);

/// What a host has reserved; one number for each host of a reservation group.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ReservationId(pub u64);

/// Where counts of a feature are: in a pool, free for all whom its rules admit or reserved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// `None` for the default pool.
    pub pool: Option<Arc<str>>,
    pub reservation: Option<ReservationId>,
}

impl Place {
    /// The counts of a pool that are not reserved.
    #[must_use]
    pub fn shared(pool: Option<Arc<str>>) -> Self {
        Self { pool, reservation: None }
    }

    #[must_use]
    pub fn is_default(&self) -> bool {
        self.pool.is_none() && self.reservation.is_none()
    }

    #[must_use]
    pub fn pool_name(&self) -> &str {
        self.pool.as_deref().unwrap_or(DEFAULT_POOL)
    }
}

/// Counts that a client holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub feature: FeatureId,
    pub place: Place,
    pub count: u64,
    /// POSIX milliseconds at which they are free again; `None` if only the client gives them back.
    pub expires_at_ms: Option<i64>,
    /// After how many seconds of the lease the client was told to renew; zero for never.
    pub renew_after_s: u32,
}

/// Counts that change their place when they come home: to a pool that has too few, or out of what
/// is owned no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub feature: FeatureId,
    pub from: Place,
    /// `None` if the instance owns them no more.
    pub to: Option<Place>,
    pub count: u64,
}
