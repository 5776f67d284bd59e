//! Usage: what was charged, refunded and refused.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{CountNumber, MetaData, Millis, TokenNumber};

/// A page of usage rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageReport {
    /// Where the other pages are.
    pub header: UsageHeader,
    /// Empty past the last page.
    pub data: Vec<UsageRow>,
}

/// Head of a usage report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct UsageHeader {
    /// Links to the pages beside this one.
    pub links: UsageLinks,
}

/// Links to the pages beside this one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct UsageLinks {
    /// The page before.
    #[serde(default)]
    pub previous: Option<String>,
    /// The page after.
    #[serde(default)]
    pub next: Option<String>,
}

/// The columns of a usage report, in the order of its CSV form.
pub const USAGE_COLUMNS: [&str; 22] = [
    "correlationId",
    "usageTime",
    "writeTime",
    "accountId",
    "consumerId",
    "consumerType",
    "meter",
    "meterType",
    "meterCost",
    "meterQuantity",
    "item",
    "itemVersion",
    "itemQuantity",
    "activationId",
    "instanceId",
    "mappedEntitledCount",
    "used",
    "sessionId",
    "sessionState",
    "requestResponse",
    "overdraftCount",
    "metaData",
];

/// One item's effect on one line item: a charge, a refund (negative), or a refusal (no line item).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRow {
    /// The operation that caused it.
    pub correlation_id: Uuid,
    /// When it was used.
    pub usage_time: Millis,
    /// When it was recorded.
    pub write_time: Millis,
    /// The customer.
    pub account_id: String,
    /// `requester.value`.
    pub consumer_id: String,
    /// `requester.type`.
    pub consumer_type: String,
    /// What is metered.
    pub meter: String,
    /// `elastic`.
    pub meter_type: String,
    /// Tokens for one unit.
    pub meter_cost: TokenNumber,
    /// Tokens of this row, negative in a refund.
    pub meter_quantity: TokenNumber,
    /// Name of the item.
    pub item: String,
    /// Its version.
    pub item_version: String,
    /// Units of this row, negative in a refund.
    pub item_quantity: CountNumber,
    /// The line item; empty where nothing was charged.
    pub activation_id: String,
    /// The instance.
    pub instance_id: Uuid,
    /// Quantity of the line item at the time.
    pub mapped_entitled_count: TokenNumber,
    /// Tokens used of the line item after this row.
    pub used: TokenNumber,
    /// The session, if it was in one.
    #[serde(default)]
    pub session_id: Option<Uuid>,
    /// State of the session afterwards.
    #[serde(default)]
    pub session_state: Option<String>,
    /// Item code, such as `101`.
    pub request_response: String,
    /// Tokens of this row that were overdraft.
    pub overdraft_count: TokenNumber,
    /// As the request gave it.
    #[serde(default)]
    pub meta_data: Option<MetaData>,
}

/// Usage summed by span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rollups {
    /// One row for each span, instance and item that saw use.
    pub data: Vec<RollupRow>,
}

/// Usage of one item on one instance in one hour or day, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollupRow {
    /// Start of the hour or day.
    pub starts_at: Millis,
    /// The instance.
    pub instance_id: Uuid,
    /// The customer.
    pub account_id: String,
    /// Name of the item.
    pub item: String,
    /// Its version.
    pub item_version: String,
    /// Tokens charged.
    pub tokens_charged: TokenNumber,
    /// Tokens given back, as a positive number.
    pub tokens_refunded: TokenNumber,
    /// Units granted.
    pub units: CountNumber,
    /// Items granted, counted by request.
    pub granted: u64,
    /// Items denied, counted by request.
    pub denied: u64,
}
