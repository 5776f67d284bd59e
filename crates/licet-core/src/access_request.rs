//! Access requests: what is asked, and what became of it.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    charge::LineCharge,
    fixed::{Count, Tokens},
    ids::CorrelationId,
    rule::Dictionary,
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Requester {
    /// Free text, such as `user` or `device`.
    pub kind: Arc<str>,
    pub value: Arc<str>,
    /// Read by rules of access alone.
    pub dictionary: Dictionary,
}

/// One item of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestedItem {
    pub item: Arc<str>,
    /// Empty asks for the item without a version.
    pub version: Arc<str>,
    /// Above zero.
    pub count: Count,
    /// Values for the variables of a formula.
    pub variables: Vec<(Box<str>, Decimal)>,
    /// JSON text that goes to the usage rows as it came.
    pub meta_data: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AccessRequest {
    pub requester: Arc<Requester>,
    pub items: Vec<RequestedItem>,
}

/// What became of one item; the doors write it as a code of their version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ItemCode {
    /// 101
    Charged,
    /// 102: nothing is wrong with this item, but the request as a whole was refused.
    NoStatus,
    /// 201: no effective rate table prices it, or its formula gives no price.
    NotPriced,
    /// 301: no line item can be consumed from now.
    NoLineItem,
    /// 305: rules of access let this requester to no line item, or keep it from the tokens there.
    DeniedByRules,
    /// 306
    Insufficient,
}

/// What became of one requested item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOutcome {
    pub item: Arc<str>,
    pub version: Arc<str>,
    pub requested: Count,
    /// Equal to `requested`, or zero.
    pub granted: Count,
    pub code: ItemCode,
    /// What went wrong, where the code alone does not tell.
    pub detail: Option<Box<str>>,
    pub charges: Vec<LineCharge>,
    pub meta_data: Option<Arc<str>>,
}

/// The answer to an access request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub correlation_id: CorrelationId,
    pub at_ms: i64,
    pub requester: Arc<Requester>,
    pub items: Vec<ItemOutcome>,
}

impl ItemOutcome {
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        let sum = self.charges.iter().map(|charge| charge.tokens.micros()).sum();
        Tokens::from_micros(sum)
    }

    pub(crate) fn refused(item: &RequestedItem, code: ItemCode, detail: Option<Box<str>>) -> Self {
        Self {
            item: item.item.clone(),
            version: item.version.clone(),
            requested: item.count,
            granted: Count::ZERO,
            code,
            detail,
            charges: Vec::new(),
            meta_data: item.meta_data.clone(),
        }
    }

    pub(crate) fn charged(item: &RequestedItem, charges: Vec<LineCharge>) -> Self {
        Self { granted: item.count, charges, ..Self::refused(item, ItemCode::Charged, None) }
    }
}

impl Outcome {
    /// Whether every item was charged.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.items.iter().all(|item| item.code == ItemCode::Charged)
    }
}
