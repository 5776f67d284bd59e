//! Records: the effects of decisions, as they stand in an instance's journal.
//!
//! A record says what happened (what was charged, at which rate, from which line item), never
//! what was asked; folding it decides nothing again.
//!
//! Layout: one version byte, then the records of a section in postcard's wire format. Variants
//! are only ever added at the end; a field that must be added makes a new variant.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    access_request::{Outcome, RequestedItem},
    answer::IdempotencyKey,
    charge::Refund,
    feature::{FeatureId, FeatureLineItemTerms},
    fixed::Tokens,
    ids::{ConditionId, SessionId},
    line_item::LineItemTerms,
    reservation::ReservationGroup,
    rule::{Action, Condition},
    serving::{Division, LeasesEnded, Served},
};

/// Version of the layout.
const VERSION: u8 = 1;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// The client closed it.
    Closed,
    /// An access request was denied and the client had asked not to keep the old items.
    Denied,
    /// No heartbeat came in time after an automatic charge.
    HeartbeatMissed,
    /// The line items could not pay an automatic charge.
    TokensExhausted,
    /// No access request came for 24 h.
    Idle,
}

/// What an access request did to its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionResult {
    /// A period is paid from `from_ms` to `until_ms`. `items` is the new set; `None` keeps the
    /// old one (an automatic charge).
    Charged {
        from_ms: i64,
        until_ms: i64,
        heartbeat_due_ms: Option<i64>,
        items: Option<Vec<RequestedItem>>,
    },
    /// All items were given back.
    Idle,
    /// Denied, and the session goes on as it was.
    Kept,
    /// Denied, and the session is over.
    Ended(EndReason),
}

/// An access request of a session, or its automatic charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAccess {
    pub session_id: SessionId,
    pub opened_at_ms: i64,
    /// Whether the session held items before.
    pub was_active: bool,
    pub outcome: Outcome,
    /// For the rest of the period that was paid before.
    pub refund: Option<Refund>,
    pub result: SessionResult,
}

impl SessionAccess {
    /// Whether the session got what was asked.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self.result, SessionResult::Charged { .. } | SessionResult::Idle)
    }
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    LineItemPut {
        at_ms: i64,
        by: Arc<str>,
        before: Option<Box<LineItemTerms>>,
        after: Box<LineItemTerms>,
        /// What is used as it stands; a put does not change it.
        used: Tokens,
        epoch: u64,
        resets_at_ms: Option<i64>,
    },
    LineItemDeleted {
        at_ms: i64,
        by: Arc<str>,
        activation_id: Arc<str>,
    },
    /// `used` of the line item and of its actions started again at zero.
    LineItemReset {
        at_ms: i64,
        activation_id: Arc<str>,
        /// What had been used in the period that ended, in millionths of a token.
        used_before: i64,
        epoch: u64,
        resets_at_ms: Option<i64>,
    },
    ConditionsPut {
        at_ms: i64,
        by: Arc<str>,
        conditions: Vec<Condition>,
    },
    ConditionsDeleted {
        at_ms: i64,
        by: Arc<str>,
        ids: Vec<ConditionId>,
    },
    /// The whole list of a line item's actions.
    ActionsPut {
        at_ms: i64,
        by: Arc<str>,
        activation_id: Arc<str>,
        actions: Vec<Action>,
    },
    /// One-off access requests. `many` tells an array of one from a request of its own.
    Access {
        outcomes: Vec<Arc<Outcome>>,
        many: bool,
        key: Option<IdempotencyKey>,
    },
    SessionOpened {
        at_ms: i64,
        session_id: SessionId,
        key: Option<IdempotencyKey>,
    },
    SessionAccess {
        access: Arc<SessionAccess>,
        automatic: bool,
        key: Option<IdempotencyKey>,
    },
    SessionEnded {
        at_ms: i64,
        session_id: SessionId,
        opened_at_ms: i64,
        reason: EndReason,
        refund: Option<Refund>,
    },
    HeartbeatSeen {
        at_ms: i64,
        session_id: SessionId,
    },
    FeatureLineItemPut {
        at_ms: i64,
        by: Arc<str>,
        before: Option<Box<FeatureLineItemTerms>>,
        after: Box<FeatureLineItemTerms>,
        /// Of its features, in their order.
        ids: Vec<FeatureId>,
    },
    FeatureLineItemDeleted {
        at_ms: i64,
        by: Arc<str>,
        activation_id: Arc<str>,
    },
    /// Where the counts of features are, and where they belong, from now on.
    CountsDivided {
        at_ms: i64,
        divisions: Vec<Division>,
    },
    Served {
        served: Arc<Served>,
        key: Option<IdempotencyKey>,
    },
    LeasesEnded(Box<LeasesEnded>),
    ReservationGroupPosted {
        at_ms: i64,
        by: Arc<str>,
        group: Box<ReservationGroup>,
    },
    ReservationGroupDeleted {
        at_ms: i64,
        by: Arc<str>,
        group: Box<ReservationGroup>,
    },
    /// A model in the model definition language.
    ModelPut {
        at_ms: i64,
        by: Arc<str>,
        text: Arc<str>,
    },
    ModelDeleted {
        at_ms: i64,
        by: Arc<str>,
    },
}

/// Why bytes are not records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("layout version {0} is not known to this release")]
    UnknownVersion(u8),
    #[error("the bytes are damaged: {0}")]
    Damaged(String),
}

impl Record {
    /// When it happened, POSIX milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        match self {
            Self::LineItemPut { at_ms, .. }
            | Self::LineItemDeleted { at_ms, .. }
            | Self::LineItemReset { at_ms, .. }
            | Self::ConditionsPut { at_ms, .. }
            | Self::ConditionsDeleted { at_ms, .. }
            | Self::ActionsPut { at_ms, .. }
            | Self::SessionOpened { at_ms, .. }
            | Self::SessionEnded { at_ms, .. }
            | Self::HeartbeatSeen { at_ms, .. }
            | Self::FeatureLineItemPut { at_ms, .. }
            | Self::FeatureLineItemDeleted { at_ms, .. }
            | Self::CountsDivided { at_ms, .. }
            | Self::ReservationGroupPosted { at_ms, .. }
            | Self::ReservationGroupDeleted { at_ms, .. }
            | Self::ModelPut { at_ms, .. }
            | Self::ModelDeleted { at_ms, .. } => *at_ms,
            Self::Served { served, .. } => served.at_ms,
            Self::LeasesEnded(ended) => ended.at_ms,
            Self::Access { outcomes, .. } => outcomes.last().map_or(0, |outcome| outcome.at_ms),
            Self::SessionAccess { access, .. } => access.outcome.at_ms,
        }
    }

    /// Writes the records of a section.
    #[must_use]
    pub fn encode_all(records: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + records.len() * 160);
        bytes.push(VERSION);
        encode_into(records, bytes)
    }

    /// Reads what [`Record::encode_all`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`]; nothing of a damaged section is returned.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        decode_whole(open(bytes)?)
    }
}

/// Appends a value in the layout to bytes that hold the version.
pub(crate) fn encode_into<T: Serialize + ?Sized>(value: &T, bytes: Vec<u8>) -> Vec<u8> {
    // Writing to memory cannot fail, and every type here has a known length.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

/// What follows the version, which must be known.
pub(crate) fn open(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => Ok(body),
        Some((&version, _)) => Err(DecodeError::UnknownVersion(version)),
        None => Err(DecodeError::empty()),
    }
}

/// Reads a value that takes all the bytes.
pub(crate) fn decode_whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let value = decode_next(&mut rest)?;
    match rest.len() {
        0 => Ok(value),
        left => Err(DecodeError::left_over(left)),
    }
}

/// Reads a value from the first of the bytes, which then are those after it.
pub(crate) fn decode_next<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T, DecodeError> {
    let taken = postcard::take_from_bytes(bytes);
    let (value, rest) = taken.map_err(|error| DecodeError::Damaged(error.to_string()))?;
    *bytes = rest;
    Ok(value)
}

impl DecodeError {
    pub(crate) fn empty() -> Self {
        Self::Damaged("there are none".to_owned())
    }

    pub(crate) fn left_over(bytes: usize) -> Self {
        Self::Damaged(format!("{bytes} are left over"))
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "it was closed by the client",
            Self::Denied => "an access request was denied with rollbackOnDeny false",
            Self::HeartbeatMissed => "no heartbeat came in time after an automatic charge",
            Self::TokensExhausted => "the line items could not pay the automatic charge",
            Self::Idle => "no access request came for 24 hours",
        })
    }
}
