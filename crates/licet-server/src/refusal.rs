//! What a refusal of the core is to a caller.

use licet_core::{Refusal, ReservationError, ReservationMistake};

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
        | Refusal::ReservationsInvalid(_)
        | Refusal::ModelInvalid(_)
        | Refusal::TooMany { .. } => Code::ValidationFailed,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = code(&refusal);
        let errors = errors(&refusal);
        match (code, errors.is_empty()) {
            (Code::ValidationFailed, true) => Self::validation(vec![refusal.to_string()]),
            (Code::ValidationFailed, false) => Self::validation(errors),
            (code, _) => Self::new(code, refusal.to_string()).with_errors(errors),
        }
    }
}

/// Each mistake with its place, where the refusal knows of several.
fn errors(refusal: &Refusal) -> Vec<String> {
    match refusal {
        Refusal::ModelInvalid(errors) => errors.iter().map(ToString::to_string).collect(),
        Refusal::ReservationsInvalid(errors) | Refusal::TooFewToReserve(errors) => {
            errors.0.iter().map(|error| format!("{}: {error}", place(error))).collect()
        }
        _ => Vec::new(),
    }
}

/// Where in the body of a posting a reservation is wrong.
fn place(error: &ReservationError) -> String {
    let entry = error.entry.map(|entry| format!(".reservationEntries[{entry}]"));
    let field = match error.mistake {
        ReservationMistake::HostReservedTwice(_) => ".hostId",
        ReservationMistake::FeatureNotFound(_) | ReservationMistake::NotReservable(_) => {
            ".featureName"
        }
        ReservationMistake::PoolNotFound(_) => ".pool",
        ReservationMistake::TooFew { .. } => ".featureCount",
    };
    format!("$.reservations[{}]{}{field}", error.reservation, entry.unwrap_or_default())
}
