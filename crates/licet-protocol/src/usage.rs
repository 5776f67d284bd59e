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

/// One item's effect on one line item: a charge, a refund (negative), or a refusal (no line item); or
/// one feature's.
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
    /// `requester.value`, or the value of a host.
    pub consumer_id: String,
    /// `requester.type`, or the type of a host in upper case.
    pub consumer_type: String,
    /// What is metered: `token`, or `count` of features.
    pub meter: String,
    /// `elastic`, or `feature`.
    pub meter_type: String,
    /// Tokens for one unit.
    pub meter_cost: TokenNumber,
    /// Tokens of this row, negative in a refund.
    pub meter_quantity: TokenNumber,
    /// Name of the item or feature.
    pub item: String,
    /// Its version.
    pub item_version: String,
    /// Units: those that the line item paid for (an item that several line items paid has a row
    /// for each, and the parts are the whole), those that were refused, or those of the charge
    /// that a refund is for. Of features those that were newly taken, wanted in vain, brought home, or
    /// (below zero) undone.
    pub item_quantity: CountNumber,
    /// The line item; empty where nothing was charged.
    pub activation_id: String,
    /// The instance.
    pub instance_id: Uuid,
    /// Quantity of the line item at the time; of a feature what is owned of it.
    pub mapped_entitled_count: TokenNumber,
    /// Tokens used of the line item after this row; of a feature what is in use of it.
    pub used: TokenNumber,
    /// The session, if it was in one.
    #[serde(default)]
    pub session_id: Option<Uuid>,
    /// State of the session afterwards.
    #[serde(default)]
    pub session_state: Option<String>,
    /// Item code, such as `101`; of a feature a word, such as `GRANTED`.
    pub request_response: String,
    /// The same beyond its quantity.
    pub overdraft_count: TokenNumber,
    /// As the request gave it.
    #[serde(default)]
    pub meta_data: Option<MetaData>,
}

/// Usage summed by span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollups {
    /// Everything that was recorded before this moment is in it.
    pub as_of: Millis,
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

/// Who used something, by day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consumers {
    /// Everything that was recorded before this moment is in it.
    pub as_of: Millis,
    /// One row for each day, instance and consumer.
    pub data: Vec<ConsumerDay>,
}

/// Usage of one consumer on one instance in one day, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerDay {
    /// Start of the day.
    pub starts_at: Millis,
    /// The instance.
    pub instance_id: Uuid,
    /// The customer.
    pub account_id: String,
    /// `requester.type`.
    pub consumer_type: String,
    /// `requester.value`.
    pub consumer_id: String,
    /// Tokens charged, less those given back.
    pub tokens: TokenNumber,
    /// Items granted, counted by request.
    pub granted: u64,
    /// Items denied, counted by request.
    pub denied: u64,
}

/// What is left of line items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Balances {
    /// Everything that was recorded before this moment is in it.
    pub as_of: Millis,
    /// Line items, those of an instance together.
    pub data: Vec<Balance>,
    /// Ask for the next page with it; 0 if this is the last.
    #[schema(example = 0)]
    pub next: u64,
}

/// What is left of a line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "instanceId": "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11", "accountId": "NORTHWIND",
    "activationId": "NW-2026-01", "state": "DEPLOYED", "start": 1_767_225_600_000_i64,
    "end": 1_798_761_599_999_i64, "rateTableSeries": "", "quantity": 200, "used": 212.5,
    "left": 0, "overdraftUsed": 12.5,
}))]
pub struct Balance {
    /// The instance.
    pub instance_id: Uuid,
    /// The customer.
    pub account_id: String,
    /// The line item.
    pub activation_id: String,
    /// `DEPLOYED`, `INACTIVE` or `OBSOLETE`.
    pub state: String,
    /// Tokens are usable from here, inclusive.
    pub start: Millis,
    /// Tokens are usable until here, inclusive.
    pub end: Millis,
    /// Series of the rate tables that price it; empty for tables without a series.
    pub rate_table_series: String,
    /// Tokens that the customer is entitled to.
    pub quantity: TokenNumber,
    /// Tokens used.
    pub used: TokenNumber,
    /// Tokens of the quantity that are left.
    pub left: TokenNumber,
    /// Tokens used beyond the quantity.
    pub overdraft_used: TokenNumber,
}
