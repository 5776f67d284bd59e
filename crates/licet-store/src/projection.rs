use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{ConsumerBlock, Head, MeterDenialRow, MeterRow, Position, UsageBlock, site::AuditRow};

/// One step of the projector. Amounts are in millionths of a token or unit. Among the heads,
/// roll-ups, consumers, line items, balances and sessions of a step a key stands once; they are
/// written fastest in the order of their keys.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    pub from: Position,
    pub to: Position,
    /// The newest head of every instance with a section in the step. The store finds the heads
    /// of quiet instances here after a restart, so none may be left out.
    pub heads: Vec<HeadRow>,
    /// Rows of an instance in the order of its journal.
    pub usage: Vec<UsageBlock>,
    /// To be added to what stands under the same key, by hour and by day.
    pub rollups: Vec<RollupRow>,
    /// To be added to what stands of the same consumers in the same span.
    pub consumers: Vec<ConsumerBlock>,
    /// To be added to what stands under the same key, by quarter of an hour and by day.
    pub meters: Vec<MeterRow>,
    /// To be added as `meters` are.
    pub meter_denials: Vec<MeterDenialRow>,
    /// Replaces what stands under (instance, activation ID).
    pub line_items: Vec<LineItemRow>,
    /// New `used` of line items that stand; applied after `line_items`.
    pub balances: Vec<BalanceRow>,
    /// Taken out before `line_items` are put.
    pub deleted_line_items: Vec<(Uuid, String)>,
    /// Replaces what stands under the session id.
    pub sessions: Vec<SessionRow>,
    /// Changes of instances; goes to the same audit table as the site's.
    pub audit: Vec<AuditRow>,
}

impl Projection {
    /// The account of each instance of which something is counted.
    pub(crate) fn accounts(&self) -> BTreeMap<Uuid, &str> {
        let usage = self.usage.iter().map(|block| (block.instance_id, &*block.account_id));
        let rollups = self.rollups.iter().map(|row| (row.instance_id, &*row.account_id));
        let consumers =
            self.consumers.iter().map(|block| (block.key.instance_id, &*block.key.account_id));
        let meters = self.meters.iter().map(|row| (row.instance_id, &*row.account_id));
        // An instance hosts exactly one account, so one row of each instance tells.
        usage.chain(rollups).chain(consumers).chain(meters).collect()
    }
}

/// Newest head of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    pub instance_id: Uuid,
    pub head: Head,
    /// Group that holds the head's section.
    pub position: Position,
    pub wake_at_ms: Option<i64>,
}

/// What a usage row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UsageKind {
    /// An item that is priced in tokens.
    #[default]
    Tokens,
    /// A feature: something of it was granted, came home or was taken back.
    Feature,
    /// A feature of which nothing was granted.
    DeniedFeature,
}

/// One line of the usage report: one item of one request on one line item, or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageRow {
    /// Given by the store, ascending from step to step, and within an instance in the order of its
    /// journal; ignored where rows are packed.
    pub row_id: i64,
    pub correlation_id: Uuid,
    pub usage_time_ms: i64,
    pub write_time_ms: i64,
    pub account_id: String,
    pub instance_id: Uuid,
    pub consumer_type: String,
    pub consumer_id: String,
    /// Tokens for one unit.
    pub meter_cost: i64,
    /// Tokens of this row, negative for a refund.
    pub meter_quantity: i64,
    pub item: String,
    pub item_version: String,
    pub item_quantity: i64,
    /// Empty when nothing was charged.
    pub activation_id: String,
    pub mapped_entitled_count: i64,
    /// Running total of the line item after this row.
    pub used: i64,
    pub overdraft_count: i64,
    pub session_id: Option<Uuid>,
    pub session_state: String,
    /// Three-digit item code, which the doors map to their version; of a feature a word.
    pub request_response: String,
    /// JSON text as the caller sent it.
    pub meta_data: Option<String>,
    pub kind: UsageKind,
    /// Who sat at a host that asked for a feature; empty if nobody said.
    pub user: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Span {
    /// A quarter of an hour: every zone's days begin with one.
    Quarter,
    Hour,
    Day,
}

impl Span {
    /// As databases keep it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quarter => "quarter",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// A span as [`name`](Self::name) has it; what no database of ours says is a day.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "quarter" => Self::Quarter,
            "hour" => Self::Hour,
            _ => Self::Day,
        }
    }

    /// How long it is.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        const QUARTER_MS: i64 = 15 * 60_000;
        match self {
            Self::Quarter => QUARTER_MS,
            Self::Hour => 4 * QUARTER_MS,
            Self::Day => 96 * QUARTER_MS,
        }
    }

    /// First millisecond, UTC, of the span in which `at_ms` lies.
    #[must_use]
    pub fn start_of(self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(at_ms.rem_euclid(self.length_ms()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupRow {
    pub instance_id: Uuid,
    pub account_id: String,
    pub span: Span,
    /// First millisecond of the hour or day, UTC.
    pub starts_at_ms: i64,
    pub item: String,
    pub item_version: String,
    pub tokens_charged: i64,
    pub tokens_refunded: i64,
    pub units: i64,
    pub granted: i64,
    pub denied: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRow {
    pub instance_id: Uuid,
    pub account_id: String,
    pub starts_at_ms: i64,
    /// The feature; empty for everything that is priced in tokens.
    pub meter: String,
    pub consumer_type: String,
    pub consumer_id: String,
    /// Charged less refunded.
    pub tokens: i64,
    pub granted: i64,
    pub denied: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItemRow {
    pub instance_id: Uuid,
    pub activation_id: String,
    pub state: String,
    pub quantity: i64,
    pub used: i64,
    pub starts_at_ms: i64,
    pub ends_at_ms: i64,
    pub rate_table_series: String,
}

/// What is used of a line item now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceRow {
    pub instance_id: Uuid,
    pub activation_id: String,
    pub used: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub instance_id: Uuid,
    pub session_id: Uuid,
    pub state: String,
    pub opened_at_ms: i64,
    pub charged_until_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    pub end_reason: Option<String>,
}

/// Which usage rows are wanted; `None` and empty mean any.
#[derive(Debug, Clone, Default)]
pub struct UsageFilter {
    pub from_ms: i64,
    /// Exclusive.
    pub until_ms: i64,
    pub instance_id: Option<Uuid>,
    /// Any of these accounts; empty means all.
    pub account_ids: Vec<String>,
    pub item: Option<String>,
    pub consumer_id: Option<String>,
    pub activation_id: Option<String>,
    /// Any of these; empty means all.
    pub kinds: Vec<UsageKind>,
    pub after_row_id: i64,
    /// Whether the last rows come first.
    pub newest_first: bool,
    pub limit: usize,
}

#[derive(Debug, Clone)]
pub struct RollupFilter {
    pub span: Span,
    pub from_ms: i64,
    /// Exclusive.
    pub until_ms: i64,
    pub instance_id: Option<Uuid>,
    pub account_ids: Vec<String>,
}
