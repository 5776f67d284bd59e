//! What a client is told of a feature that was not fully met, in words.

use licet_core::{FeatureOutcome, StatusCode};

/// What the status means, and what can be done.
pub(super) fn message(outcome: &FeatureOutcome) -> String {
    let FeatureOutcome { name, version, wanted, granted, status, .. } = outcome;
    let Some(status) = status else { return String::new() };
    match status {
        StatusCode::FeatureNotFound => {
            format!("There is no feature {name} on this licence server; check how it is spelt")
        }
        StatusCode::VersionNotAvailable => format!(
            "{name} is there only in versions below {version}; ask for a lower one, or have the \
             entitlement upgraded"
        ),
        StatusCode::CountInsufficient => format!(
            "Fewer than {wanted} of {name} are left for this host; ask for fewer, with partial, or \
             again later"
        ),
        StatusCode::PartialGrant => format!("{granted} of {wanted} of {name} were granted"),
        StatusCode::NotStarted => format!("What is owned of {name} has not started yet"),
        StatusCode::FeatureExpired => {
            format!("What is owned of {name} is over; have the entitlement renewed")
        }
        StatusCode::HostDenied => {
            "The rules of the licence server deny this host; its administrator can tell why"
                .to_owned()
        }
        StatusCode::SelectorMismatch => format!(
            "{name} is there only for other selectors; send the selectorsDictionary that belongs \
             to it"
        ),
        StatusCode::VirtualClientDenied => {
            "This licence server does not serve virtual machines".to_owned()
        }
        StatusCode::ServerSuspended => {
            "The licence server is suspended; what was served stays served until its lease ends, \
             and can be given back"
                .to_owned()
        }
        StatusCode::ClockWindback => {
            "The clock of the licence server stands far before what it decided already; have it \
             set right"
                .to_owned()
        }
        StatusCode::RequestNotMet => format!(
            "{name} was there, but not all that was asked for, and partial is false; what the \
             host held is unchanged"
        ),
        StatusCode::NothingToUndo => format!(
            "This host reported less than {wanted} of {name} lately enough to undo; nothing was \
             undone"
        ),
        StatusCode::NotMetered => {
            format!("{name} is not metered, and only use of metered features is reported")
        }
    }
}
