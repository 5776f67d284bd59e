//! What a refusal of the core is to a caller.

use licet_core::Refusal;

use crate::problem::{Code, Problem};

/// The one table from refusals to codes.
fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::LineItemNotFound(_)
        | Refusal::ConditionNotFound(_)
        | Refusal::SessionNotFound(_)
        | Refusal::ClientNotFound(_)
        | Refusal::ReservationGroupNotFound(_)
        | Refusal::NoModel => Code::NotFound,
        Refusal::ReservationGroupExists(_) => Code::AlreadyExists,
        Refusal::TooFewToReserve(_) => Code::TooFewToReserve,
        Refusal::ObsoleteIsFinal => Code::LineItemObsolete,
        Refusal::NotObsolete => Code::LineItemNotObsolete,
        Refusal::ConditionInUse(_) => Code::ConditionInUse,
        Refusal::SessionEnded { .. } => Code::SessionNotOperable,
        Refusal::IdempotencyKeyReused => Code::IdempotencyKeyReused,
        Refusal::NewLineItemNotDeployed
        | Refusal::EndsBeforeStart
        | Refusal::ReferenceNotSimple(_)
        | Refusal::TooDeep
        | Refusal::ActionNotFound(_)
        | Refusal::ActionTwice(_)
        | Refusal::TwoDefaultActions
        | Refusal::TwoUnlimitedActions
        | Refusal::FeatureNotFound(_)
        | Refusal::NotReservable(_)
        | Refusal::PoolNotFound(_)
        | Refusal::HostReservedTwice(_)
        | Refusal::ModelInvalid(_)
        | Refusal::TooMany { .. } => Code::ValidationFailed,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match code(&refusal) {
            Code::ValidationFailed => Self::validation(vec![text]),
            code => Self::new(code, text),
        }
    }
}
