//! Usage rows: from the tables to the wire.

use licet_core::{Count, Tokens};
use licet_protocol::{CountNumber, MetaData, Millis, TokenNumber, UsageRow};
use licet_store::UsageKind;
use serde_json::value::RawValue;

use crate::Problem;

/// What a row's `meterType` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum MeterType {
    Elastic,
    Feature,
}

impl MeterType {
    /// The types by the names that the wire has.
    pub(super) const WORDS: [(&'static str, Option<Self>); 3] =
        [("", None), ("elastic", Some(Self::Elastic)), ("feature", Some(Self::Feature))];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Elastic => "elastic",
            Self::Feature => "feature",
        }
    }

    /// What is counted.
    fn meter(self) -> &'static str {
        match self {
            Self::Elastic => "token",
            Self::Feature => "count",
        }
    }

    fn of(kind: UsageKind) -> Self {
        match kind {
            UsageKind::Tokens => Self::Elastic,
            UsageKind::Feature | UsageKind::DeniedFeature => Self::Feature,
        }
    }

    /// The kinds of rows that have it.
    pub(super) fn kinds(self) -> Vec<UsageKind> {
        match self {
            Self::Elastic => vec![UsageKind::Tokens],
            Self::Feature => vec![UsageKind::Feature, UsageKind::DeniedFeature],
        }
    }
}

pub(super) fn tokens(micros: i64) -> TokenNumber {
    TokenNumber(Tokens::from_micros(micros))
}

pub(super) fn count(micros: i64) -> CountNumber {
    CountNumber(Count::from_micros(micros))
}

/// # Errors
/// 500 if `metaData` is stored as something else than JSON.
pub(super) fn wire(row: licet_store::UsageRow) -> Result<UsageRow, Problem> {
    let meter_type = MeterType::of(row.kind);
    let meta_data = row.meta_data.map(RawValue::from_string).transpose();
    let meta_data = meta_data.map_err(|error| Problem::internal(&error))?;
    Ok(UsageRow {
        correlation_id: row.correlation_id,
        usage_time: Millis(row.usage_time_ms),
        write_time: Millis(row.write_time_ms),
        account_id: row.account_id,
        consumer_id: row.consumer_id,
        consumer_type: row.consumer_type,
        meter: meter_type.meter().to_owned(),
        meter_type: meter_type.name().to_owned(),
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
