//! What was used of meters: the features of an instance, by name.

use uuid::Uuid;

use crate::{RollupFilter, Span};

/// What was used of a meter of an instance in a span of time. Counts are whole; a sum that does not
/// fit stays at the largest number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterRow {
    pub instance_id: Uuid,
    pub account_id: String,
    /// [`Span::Quarter`] or [`Span::Day`].
    pub span: Span,
    /// First millisecond of the span, UTC.
    pub starts_at_ms: i64,
    /// Name of the feature.
    pub meter: String,
    /// What was used, less what was taken back; of what is held, what was newly taken.
    pub units: i64,
    /// Requests that were met, at least partly.
    pub granted: i64,
    pub denied: i64,
    /// Of what is held, the most that was in use after anything happened; else the largest report.
    pub peak: i64,
    /// What was in use at the end; `None` if nothing that is held was touched.
    pub in_use: Option<i64>,
}

/// Requests for a meter of an instance that were denied in a span of time for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterDenialRow {
    pub instance_id: Uuid,
    pub account_id: String,
    /// [`Span::Quarter`] or [`Span::Day`].
    pub span: Span,
    /// First millisecond of the span, UTC.
    pub starts_at_ms: i64,
    pub meter: String,
    pub reason: String,
    pub denied: i64,
}

/// What is in use of a meter, if it is more than nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterLevelRow {
    pub instance_id: Uuid,
    pub account_id: String,
    pub meter: String,
    pub in_use: i64,
}

/// Which meters are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meters {
    /// All, and what is priced in tokens.
    AllAndTokens,
    All,
    /// Any of these.
    Named(Vec<String>),
}

/// Of which meters rows are wanted, from when and from whom.
#[derive(Debug, Clone)]
pub struct MeterFilter {
    pub of: RollupFilter,
    pub meters: Meters,
}

impl MeterRow {
    /// Adds what happened after it in the same span.
    pub fn add(&mut self, later: &Self) {
        self.units = self.units.saturating_add(later.units);
        self.granted += later.granted;
        self.denied += later.denied;
        self.peak = self.peak.max(later.peak);
        self.in_use = later.in_use.or(self.in_use);
    }
}
