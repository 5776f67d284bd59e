//! Why a command changes nothing.

use thiserror::Error;

use crate::{
    ids::{ActionId, ConditionId, SessionId},
    model::ModelErrors,
    record::EndReason,
    reservation::ReservationErrors,
};

/// Why a command changes nothing. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("there is no line item {0:?} on this instance")]
    LineItemNotFound(Box<str>),
    #[error(
        "a new line item must be DEPLOYED; INACTIVE and OBSOLETE can only be set on one that exists"
    )]
    NewLineItemNotDeployed,
    #[error(
        "this line item is OBSOLETE, which is final; put a new one under another activation ID"
    )]
    ObsoleteIsFinal,
    #[error("only an OBSOLETE line item can be deleted; set its state to OBSOLETE first")]
    NotObsolete,
    #[error("the end of a line item must not be before its start")]
    EndsBeforeStart,
    #[error("there is no condition {0} on this instance")]
    ConditionNotFound(ConditionId),
    #[error("condition {0} is used by an action or another condition; take it out there first")]
    ConditionInUse(ConditionId),
    #[error("condition {0} combines others, and only simple conditions can be used by their id")]
    ReferenceNotSimple(ConditionId),
    #[error("conditions can be nested at most 8 deep")]
    TooDeep,
    #[error("there is no action {0} on this line item; leave the id out to create one")]
    ActionNotFound(ActionId),
    #[error("action {0} is listed twice")]
    ActionTwice(ActionId),
    #[error("a line item can have one action without a condition (the default action), not more")]
    TwoDefaultActions,
    #[error("only one ALLOW action of a line item can go without an allocation")]
    TwoUnlimitedActions,
    #[error("at most {max} {what} are possible here")]
    TooMany { what: &'static str, max: usize },
    #[error("there is no session {0} on this instance")]
    SessionNotFound(SessionId),
    #[error("session {id} is terminated: {reason}")]
    SessionEnded { id: SessionId, reason: EndReason },
    #[error("there is no client {0} on this instance; it may have given back all that it held")]
    ClientNotFound(u64),
    #[error("there is no reservation group {0} on this instance")]
    ReservationGroupNotFound(u64),
    #[error("there is a reservation group {0:?} already; delete it first, or give another name")]
    ReservationGroupExists(Box<str>),
    #[error("{0}")]
    ReservationsInvalid(ReservationErrors),
    #[error("{0}")]
    TooFewToReserve(ReservationErrors),
    #[error("the model cannot be read: {0}")]
    ModelInvalid(Box<ModelErrors>),
    #[error("no model is in effect on this instance")]
    NoModel,
    #[error(
        "this Idempotency-Key came with another request before; use a new key for a new request"
    )]
    IdempotencyKeyReused,
}
