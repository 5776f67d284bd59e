//! What every decision needs beside the instance's own state.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{ids::InstanceId, policies::Policies, rate_table::RateTables};

/// The producer's prices and settings: an immutable snapshot.
#[derive(Debug, Clone)]
pub struct Site {
    pub rate_tables: RateTables,
    /// `timezone.tolerant`: tokens are usable from 12 h before start to 12 h after end.
    pub timezone_tolerant: bool,
    /// `session.charge.period`, milliseconds, from 10 minutes to 24 hours.
    pub charge_period_ms: i64,
    /// Of instances whose settings differ from the default.
    pub policies: HashMap<InstanceId, Policies>,
    pub default_policies: Policies,
}

/// An hour, the charge period unless the site sets another.
pub(crate) const DEFAULT_CHARGE_PERIOD_MS: i64 = 3_600_000;
const TOLERANCE_MS: i64 = 12 * 3_600_000;

impl Default for Site {
    fn default() -> Self {
        Self {
            rate_tables: RateTables::default(),
            timezone_tolerant: false,
            charge_period_ms: DEFAULT_CHARGE_PERIOD_MS,
            policies: HashMap::new(),
            default_policies: Policies::default(),
        }
    }
}

impl Site {
    /// The settings of an instance.
    #[must_use]
    pub fn policies_of(&self, id: InstanceId) -> &Policies {
        self.policies.get(&id).unwrap_or(&self.default_policies)
    }

    pub(crate) fn tolerance_ms(&self) -> i64 {
        if self.timezone_tolerant { TOLERANCE_MS } else { 0 }
    }
}

/// Time and terms of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// POSIX milliseconds. An instance never goes back behind its last record.
    pub now_ms: i64,
    /// Since when the service has been up without a gap: a heartbeat that could not be sent in
    /// an outage gets one full window from here.
    pub up_since_ms: i64,
    /// Most due events of sessions that a command waits for, unless it is a tick. What is left
    /// stays due; the session that the command is about is always up to date first.
    pub events_max: usize,
    /// Drawn anew for each decision; ids that it needs are counted on from here.
    pub first_id: Uuid,
    pub site: &'a Site,
    pub policies: &'a Policies,
}
