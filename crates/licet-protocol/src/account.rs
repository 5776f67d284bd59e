//! Accounts: the producer's customers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A customer that has instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "accountId": "NORTHWIND", "instances": 2,
    "defaultInstanceId": "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11",
}))]
pub struct AccountOut {
    /// The producer's name for it.
    pub account_id: String,
    /// How many instances it has.
    pub instances: u64,
    /// The instance that stands for the account where none is named.
    pub default_instance_id: Uuid,
}

/// A page of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountPage {
    /// The accounts, in the order in which they came.
    pub accounts: Vec<AccountOut>,
    /// Ask for the next page with it; 0 if this is the last.
    #[schema(example = 0)]
    pub next: u64,
}
