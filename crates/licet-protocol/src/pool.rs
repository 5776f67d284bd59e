//! Named pools, among which a model divides the counts of features.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{FeatureCountOut, FeatureVersion, Moment};

/// The pools of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pools {
    /// When they were read.
    pub as_of: Moment,
    /// Those of the model in their order, then those that drain, `default` last.
    pub pools: Vec<PoolOut>,
}

/// A pool with what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"pool": "eng", "draining": false, "features": [{
    "featureName": "render", "featureVersion": "2.0", "target": 6, "count": 6, "reserved": 2,
    "used": 3, "available": 1, "activationId": "act-0001",
}]}))]
pub struct PoolOut {
    /// Name of the pool; `default` for what no other has.
    pub pool: String,
    /// Whether the model in effect does not define it, and it stays until what is in use of it has
    /// come home.
    pub draining: bool,
    /// What is in it, by name and then in the order in which it is served.
    pub features: Vec<PoolFeatureOut>,
}

/// The counts of a feature of a line item in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "featureName": "render", "featureVersion": "2.0", "target": 6, "count": 6, "reserved": 2,
    "used": 3, "available": 1, "activationId": "act-0001",
}))]
pub struct PoolFeatureOut {
    /// Name of the feature.
    pub feature_name: String,
    /// Version of the feature.
    pub feature_version: FeatureVersion,
    /// What belongs here.
    pub target: FeatureCountOut,
    /// What is here, in use or free. In the default pool less than what is in use if overdraft is.
    pub count: FeatureCountOut,
    /// What of the target is kept for reservations.
    pub reserved: u64,
    /// What is in use.
    pub used: u64,
    /// What is here, free and not reserved, without overdraft; 0 if the feature cannot be served
    /// now.
    pub available: FeatureCountOut,
    /// Key of the line item within the instance.
    pub activation_id: String,
}
