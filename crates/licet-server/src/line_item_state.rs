//! States of line items, on the wire and in decisions.

use licet_core::LineItemState;

pub(crate) fn from_wire(state: licet_protocol::LineItemState) -> LineItemState {
    match state {
        licet_protocol::LineItemState::Deployed => LineItemState::Deployed,
        licet_protocol::LineItemState::Inactive => LineItemState::Inactive,
        licet_protocol::LineItemState::Obsolete => LineItemState::Obsolete,
    }
}

pub(crate) fn to_wire(state: LineItemState) -> licet_protocol::LineItemState {
    match state {
        LineItemState::Deployed => licet_protocol::LineItemState::Deployed,
        LineItemState::Inactive => licet_protocol::LineItemState::Inactive,
        LineItemState::Obsolete => licet_protocol::LineItemState::Obsolete,
    }
}
