//! Usage rows: from the tables to the wire.

use licet_core::{Count, Tokens};
use licet_protocol::{CountNumber, MetaData, Millis, TokenNumber, UsageRow};
use serde_json::value::RawValue;

use crate::Problem;

/// What every row's `meter` says.
const METER: &str = "token";
/// What every row's `meterType` says.
pub(super) const METER_TYPE: &str = "elastic";

pub(super) fn tokens(micros: i64) -> TokenNumber {
    TokenNumber(Tokens::from_micros(micros))
}

pub(super) fn count(micros: i64) -> CountNumber {
    CountNumber(Count::from_micros(micros))
}

/// # Errors
/// 500 if `metaData` is stored as something else than JSON.
pub(super) fn wire(row: licet_store::UsageRow) -> Result<UsageRow, Problem> {
    let meta_data = row.meta_data.map(RawValue::from_string).transpose();
    let meta_data = meta_data.map_err(|error| Problem::internal(&error))?;
    Ok(UsageRow {
        correlation_id: row.correlation_id,
        usage_time: Millis(row.usage_time_ms),
        write_time: Millis(row.write_time_ms),
        account_id: row.account_id,
        consumer_id: row.consumer_id,
        consumer_type: row.consumer_type,
        meter: METER.to_owned(),
        meter_type: METER_TYPE.to_owned(),
        meter_cost: tokens(row.meter_cost),
        meter_quantity: tokens(row.meter_quantity),
        item: row.item,
        item_version: row.item_version,
        item_quantity: count(row.item_quantity),
        activation_id: row.activation_id,
        instance_id: row.instance_id,
        mapped_entitled_count: tokens(row.mapped_entitled_count),
        used: tokens(row.used),
        session_id: row.session_id,
        session_state: Some(row.session_state).filter(|state| !state.is_empty()),
        request_response: row.request_response,
        overdraft_count: tokens(row.overdraft_count),
        meta_data: meta_data.map(MetaData),
    })
}
