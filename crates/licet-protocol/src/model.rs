//! The model definition of an instance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Moment, object::object};

/// A model to be put into effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({
    "text": "model \"acme\" { partitions { partition \"eng\" { \"render\" 2.0 60% } } on any() { use \"eng\" accept } }",
}))]
pub struct ModelIn {
    /// In the model definition language, at most 262,144 bytes.
    #[schema(min_length = 1, max_length = 262_144)]
    pub text: String,
}
object!(ModelIn: Serialize);

/// The model in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "asOf": "2026-03-02T09:12:00.000Z", "name": "acme", "since": "2026-03-01T17:00:00.000Z",
    "text": "model \"acme\" { on any() { use \"default\" accept } }",
    "disabledReservations": 0,
}))]
pub struct ModelOut {
    /// When it was read.
    pub as_of: Moment,
    /// Name of the model.
    pub name: String,
    /// When it was put into effect.
    pub since: Moment,
    /// As it was put.
    pub text: String,
    /// How many reservations keep nothing, because there are too few counts where they are to be
    /// kept; the list of reservation groups says which, and why.
    pub disabled_reservations: u64,
}
