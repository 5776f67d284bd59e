//! Answers to requests for features.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};
use uuid::Uuid;

use crate::{FeatureVersion, HostIdIn, Moment};

/// What a client has, and what of its request was not met.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureAnswer {
    /// The host that asked.
    pub request_host_id: HostIdIn,
    /// All that the host has now; of metered features what this request used.
    pub features: Vec<FeatureGrant>,
    /// What was not fully met, and why.
    pub status_list: Vec<FeatureStatus>,
    /// As the request had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub correlation_id: Option<Arc<str>>,
    /// Id of the exchange, as usage records have it; left out of previews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_id: Option<Uuid>,
    /// As the request had it; in signed answers alone, as the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub nonce: Option<Arc<str>>,
    /// When it was signed, POSIX seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The instance that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Uuid>,
}

/// A feature that the client has.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGrant {
    #[schema(value_type = String)]
    pub name: Arc<str>,
    pub version: FeatureVersion,
    pub count: FeatureCountOut,
    /// End of the lease.
    pub expires: End,
    /// End of what is owned: a date, or `permanent`.
    pub final_expiry: FinalExpiry,
    /// Left out if there is none, as the next three.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = String)]
    pub vendor_string: Arc<str>,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = String)]
    pub serial_number: Arc<str>,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = String)]
    pub issuer: Arc<str>,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = String)]
    pub notice: Arc<str>,
    /// The most that this host could have. Left out of answers to access requests where more than
    /// 50 line items have something free; a preview always tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<FeatureCountOut>,
    /// After how many seconds of the lease to ask again; left out if there is no need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_interval: Option<u64>,
    /// Where the count comes from.
    pub line_items_info: Vec<LineItemInfoOut>,
}

fn is_empty(text: &Arc<str>) -> bool {
    text.is_empty()
}

/// A line item that a count comes from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineItemInfoOut {
    #[schema(value_type = String)]
    pub activation_id: Arc<str>,
    #[schema(value_type = String)]
    pub entitlement_id: Arc<str>,
    #[schema(value_type = String)]
    pub product_name: Arc<str>,
    #[schema(value_type = String)]
    pub product_version: Arc<str>,
}

/// Why a feature was not fully met.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FeatureStatus {
    /// Stable code.
    #[schema(value_type = String, example = "COUNT_INSUFFICIENT")]
    pub code: &'static str,
    /// What it means, and what can be done.
    pub message: String,
    #[schema(value_type = String)]
    pub name: Arc<str>,
    pub version: FeatureVersion,
}

/// A count of licences: a number, or `uncounted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureCountOut {
    Counted(u64),
    Uncounted,
}

impl FeatureCountOut {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Counted(one), Self::Counted(other)) => Self::Counted(one.saturating_add(other)),
            _ => Self::Uncounted,
        }
    }
}

impl Serialize for FeatureCountOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Counted(count) => serializer.serialize_u64(*count),
            Self::Uncounted => serializer.serialize_str("uncounted"),
        }
    }
}

impl PartialSchema for FeatureCountOut {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::String]))
            .description(Some("A number of licences, or the text `uncounted`."))
            .examples([serde_json::json!(3)])
            .into()
    }
}

impl ToSchema for FeatureCountOut {}

/// The end of a lease: a moment as in RFC 3339, or `permanent`. Inside are POSIX milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End(pub Option<i64>);

const PERMANENT: &str = "permanent";

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at_ms) => Moment(at_ms).serialize(serializer),
            None => serializer.serialize_str(PERMANENT),
        }
    }
}

impl PartialSchema for End {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("RFC 3339, UTC, to the millisecond; or `permanent`."))
            .examples([serde_json::json!("2027-03-01T17:00:00.000Z")])
            .into()
    }
}

impl ToSchema for End {}

/// The end of what is owned: its date in UTC, or `permanent`. Inside are POSIX milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalExpiry(pub Option<i64>);

impl Serialize for FinalExpiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = self.0.and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
        match moment {
            Some(moment) => serializer.collect_str(&moment.to_zoned(TimeZone::UTC).date()),
            None => serializer.serialize_str(PERMANENT),
        }
    }
}

impl PartialSchema for FinalExpiry {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A date in UTC, or `permanent`."))
            .examples([serde_json::json!("2027-12-31")])
            .into()
    }
}

impl ToSchema for FinalExpiry {}
