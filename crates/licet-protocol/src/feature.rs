//! Features of an instance as its licence server lists them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    End, FeatureCountOut, FeatureOverdraft, FeatureVersion, LicenseModelKind, Moment,
    object::string_enum,
};

string_enum! {
    /// State of a feature: that of its line item, or `REMOVED`.
    pub enum FeatureState {
        /// Can be served, between its start and end.
        Deployed = "DEPLOYED",
        /// Set aside; nothing more of it is served.
        Inactive = "INACTIVE",
        /// Its line item is obsolete, which is final.
        Obsolete = "OBSOLETE",
        /// Its line item has it no more, or was deleted; it is listed until all that is in use of
        /// it has come home.
        Removed = "REMOVED",
    }
}

/// A feature of a line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "featureId": 7, "featureName": "render", "featureVersion": "2.0", "featureCount": 10,
    "used": 4, "available": 6, "overdraft": 0, "overage": 0, "type": "CONCURRENT",
    "startDate": "2026-01-01T00:00:00.000Z", "expiration": "2026-12-31T23:59:59.999Z",
    "active": true, "selectors": {}, "activationId": "act-0001", "entitlementId": "ent-0009",
    "productName": "Render Suite", "productVersion": "2.0", "state": "DEPLOYED",
    "pools": [{"pool": "default", "target": 10, "count": 10, "used": 4}],
}))]
pub struct FeatureOut {
    /// Number of the feature within its instance.
    pub feature_id: u64,
    /// Name of the feature.
    pub feature_name: String,
    /// Version of the feature.
    pub feature_version: FeatureVersion,
    /// What is owned, without overdraft; 0 if it is not deployed.
    pub feature_count: FeatureCountOut,
    /// What is in use; of one that is metered and not reusable, all that was used.
    pub used: u64,
    /// What can still be served of what is owned; 0 before its start and after its end and grace.
    pub available: FeatureCountOut,
    /// What may be used beyond what is owned: a number, or `unlimited`.
    pub overdraft: FeatureOverdraft,
    /// What is in use beyond what is owned and may be overdrawn.
    pub overage: u64,
    /// How it is used up.
    #[serde(rename = "type")]
    pub kind: LicenseModelKind,
    /// It is served from here.
    pub start_date: Moment,
    /// Its end.
    pub expiration: End,
    /// End of its grace, if it has any: it is served until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Moment>,
    /// Whether it is deployed, has started and is not past its end. In grace it is past its end.
    pub active: bool,
    /// Of the producer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_string: Option<String>,
    /// Of the producer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Of the producer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Of the producer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// A request must have all of these.
    pub selectors: BTreeMap<String, String>,
    /// Key of its line item within the instance.
    pub activation_id: String,
    /// The entitlement that it comes from; may be empty.
    pub entitlement_id: String,
    /// The product that it belongs to; may be empty.
    pub product_name: String,
    /// Version of the product; may be empty.
    pub product_version: String,
    /// State.
    pub state: FeatureState,
    /// Where its counts are, in the order in which they are served.
    pub pools: Vec<FeatureShare>,
}

/// The counts of a feature in one pool, free for all whom its rules admit or reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"pool": "default", "target": 10, "count": 10, "used": 4}))]
pub struct FeatureShare {
    /// Name of the pool; `default` for what no other has.
    pub pool: String,
    /// The reservation that these counts are kept for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<u64>,
    /// What belongs here.
    pub target: FeatureCountOut,
    /// What is here, in use or free. In the default pool less than what is in use if overdraft is.
    pub count: FeatureCountOut,
    /// What is in use.
    pub used: u64,
}

/// What an instance has of all features of one name and version together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "feature": "render", "version": "2.0", "totalCount": 10, "totalUsed": 4,
    "totalAvailable": 6, "firstExpiration": "2026-12-31T23:59:59.999Z",
    "lastExpiration": "permanent",
}))]
pub struct FeatureSummary {
    /// Name of the features.
    pub feature: String,
    /// Version of the features.
    pub version: FeatureVersion,
    /// What is owned of those that can be served now, without overdraft.
    pub total_count: FeatureCountOut,
    /// What is in use of all.
    pub total_used: u64,
    /// What can still be served of what is owned.
    pub total_available: FeatureCountOut,
    /// When the first of those that can be served now ends; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_expiration: Option<End>,
    /// When the last of them ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_expiration: Option<End>,
}
