//! Charges and refunds: which line items paid, and what they got back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    access_request::Requester,
    fixed::{Count, Tokens},
    ids::{ActionId, CorrelationId},
};

/// Tokens that one line item paid for one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCharge {
    pub activation_id: Arc<str>,
    pub epoch: u64,
    /// The action whose allocation it counts against.
    pub action: Option<ActionId>,
    /// Tokens for one unit, from the line item's own series.
    pub rate: Tokens,
    pub tokens: Tokens,
    /// Running total of the line item after this charge.
    pub used_after: Tokens,
    /// Quantity of the line item at that moment.
    pub quantity: Tokens,
}

/// What a session remembers of a charge, to give it back to where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChargedLine {
    /// Place of the item in the session's list.
    pub item: u32,
    pub activation_id: Arc<str>,
    pub epoch: u64,
    pub action: Option<ActionId>,
    pub rate: Tokens,
    pub tokens: Tokens,
}

/// Tokens that go back to one line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedLine {
    pub item: Arc<str>,
    pub version: Arc<str>,
    pub count: Count,
    pub activation_id: Arc<str>,
    pub epoch: u64,
    pub action: Option<ActionId>,
    pub rate: Tokens,
    pub tokens: Tokens,
    /// Running total of the line item after the refund. A line item that was deleted, or reset
    /// since the charge, is not credited: what it says here then is its total as it stands.
    pub used_after: Tokens,
    pub quantity: Tokens,
}

/// One refund, to all line items that the refunded charge came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub correlation_id: CorrelationId,
    pub requester: Arc<Requester>,
    pub lines: Vec<RefundedLine>,
}

impl Refund {
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        let micros = self.lines.iter().map(|line| line.tokens.micros());
        Tokens::from_micros(micros.fold(0, i64::saturating_add))
    }
}
