//! Records as they stand in the bytes of a section, for who reads many and keeps none of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    access_request::ItemCode,
    fixed::{Count, Tokens},
    ids::{ActionId, CorrelationId, SessionId},
    record::{DecodeError, EndReason, Record, SessionResult, decode_next, open},
};

/// Places of variants in [`Record`], which never change.
const ACCESS: u32 = 6;
const SESSION_ACCESS: u32 = 8;
const SESSION_ENDED: u32 = 9;

/// A record. What is recorded often has its texts where they stand in the section.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordView<'a> {
    Access(AccessView<'a>),
    SessionAccess(Box<SessionAccessView<'a>>),
    SessionEnded(SessionEndedView<'a>),
    /// Any other record.
    Other(Box<Record>),
}

/// [`Record::Access`]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessView<'a> {
    #[serde(borrow)]
    pub outcomes: Vec<OutcomeView<'a>>,
    many: bool,
    key: Option<KeyView<'a>>,
}

/// [`Record::SessionAccess`]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAccessView<'a> {
    pub session_id: SessionId,
    pub opened_at_ms: i64,
    pub was_active: bool,
    #[serde(borrow)]
    pub outcome: OutcomeView<'a>,
    pub refund: Option<RefundView<'a>>,
    pub result: SessionResult,
    automatic: bool,
    key: Option<KeyView<'a>>,
}

/// [`Record::SessionEnded`]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEndedView<'a> {
    pub at_ms: i64,
    pub session_id: SessionId,
    pub opened_at_ms: i64,
    pub reason: EndReason,
    #[serde(borrow)]
    pub refund: Option<RefundView<'a>>,
}

/// [`Outcome`](crate::Outcome)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeView<'a> {
    pub correlation_id: CorrelationId,
    pub at_ms: i64,
    #[serde(borrow)]
    pub requester: RequesterView<'a>,
    pub items: Vec<ItemOutcomeView<'a>>,
}

/// [`Requester`](crate::Requester)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequesterView<'a> {
    pub kind: &'a str,
    pub value: &'a str,
    #[serde(borrow)]
    dictionary: BTreeMap<&'a str, Vec<&'a str>>,
}

/// [`ItemOutcome`](crate::ItemOutcome)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOutcomeView<'a> {
    pub item: &'a str,
    pub version: &'a str,
    pub requested: Count,
    pub granted: Count,
    pub code: ItemCode,
    pub detail: Option<&'a str>,
    #[serde(borrow)]
    pub charges: Vec<LineChargeView<'a>>,
    pub meta_data: Option<&'a str>,
}

/// [`LineCharge`](crate::LineCharge)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineChargeView<'a> {
    pub activation_id: &'a str,
    epoch: u64,
    action: Option<ActionId>,
    pub rate: Tokens,
    pub tokens: Tokens,
    pub used_after: Tokens,
    pub quantity: Tokens,
}

/// [`Refund`](crate::Refund)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView<'a> {
    pub correlation_id: CorrelationId,
    #[serde(borrow)]
    pub requester: RequesterView<'a>,
    pub lines: Vec<RefundedLineView<'a>>,
}

/// [`RefundedLine`](crate::RefundedLine)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedLineView<'a> {
    pub item: &'a str,
    pub version: &'a str,
    pub count: Count,
    pub activation_id: &'a str,
    epoch: u64,
    action: Option<ActionId>,
    pub rate: Tokens,
    pub tokens: Tokens,
    pub used_after: Tokens,
    pub quantity: Tokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct KeyView<'a> {
    key: &'a str,
    digest: [u8; 32],
}

impl ItemOutcomeView<'_> {
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        Tokens::from_micros(self.charges.iter().map(|charge| charge.tokens.micros()).sum())
    }
}

/// The records of a section, in their order. It ends with the first that is damaged.
#[derive(Debug, Clone)]
pub struct RecordViews<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> RecordViews<'a> {
    /// Begins to read what [`Record::encode_all`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut bytes = open(bytes)?;
        let left = decode_next(&mut bytes)?;
        Ok(Self { bytes, left })
    }

    fn read(&mut self) -> Result<RecordView<'a>, DecodeError> {
        let mut body = self.bytes;
        let view = match decode_next(&mut body)? {
            ACCESS => RecordView::Access(decode_next(&mut body)?),
            SESSION_ACCESS => RecordView::SessionAccess(decode_next(&mut body)?),
            SESSION_ENDED => RecordView::SessionEnded(decode_next(&mut body)?),
            _ => {
                body = self.bytes;
                RecordView::Other(decode_next(&mut body)?)
            }
        };
        self.bytes = body;
        Ok(view)
    }
}

impl<'a> Iterator for RecordViews<'a> {
    type Item = Result<RecordView<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let left = std::mem::take(&mut self.bytes).len();
            return (left > 0).then(|| Err(DecodeError::left_over(left)));
        }
        let view = self.read();
        self.left = if view.is_ok() { self.left - 1 } else { 0 };
        if view.is_err() {
            self.bytes = &[];
        }
        Some(view)
    }
}
