//! Answers to requests for features.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ids::CorrelationId,
    model::{HostId, Version},
};

/// A number of licences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureCount {
    Counted(u64),
    /// As many as anybody wants.
    Uncounted,
}

/// Where granted counts come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItemInfo {
    pub activation_id: Arc<str>,
    pub entitlement_id: Arc<str>,
    pub product_name: Arc<str>,
    pub product_version: Arc<str>,
}

/// A feature that the client holds, or of which it has used something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedFeature {
    pub name: Arc<str>,
    pub version: Version,
    pub count: FeatureCount,
    /// End of the lease, POSIX milliseconds; `None` if there is no end.
    pub expires_at_ms: Option<i64>,
    /// End of the line item, POSIX milliseconds; `None` for permanent.
    pub final_expiry_ms: Option<i64>,
    /// Empty if there is none, as the next three.
    pub vendor_string: Arc<str>,
    pub serial_number: Arc<str>,
    pub issuer: Arc<str>,
    pub notice: Arc<str>,
    /// The most that this host could get; `None` if that was not looked for.
    pub max_count: Option<FeatureCount>,
    /// When to ask again, seconds from now; `None` if there is no need.
    pub renew_after_s: Option<u64>,
    pub line_items: Vec<LineItemInfo>,
}

/// Why a feature, or a request as a whole, was not fully met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatusCode {
    FeatureNotFound,
    VersionNotAvailable,
    CountInsufficient,
    /// Less than wanted was granted, since the request is partial.
    PartialGrant,
    NotStarted,
    FeatureExpired,
    HostDenied,
    SelectorMismatch,
    VirtualClientDenied,
    ServerSuspended,
    ClockWindback,
    /// The feature itself was there, but others were not and the request is not partial.
    RequestNotMet,
    /// An undo of more than was reported lately, or of what is not metered.
    NothingToUndo,
    /// A report of use of a feature that is not metered.
    NotMetered,
}

/// What was wanted of a feature, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureOutcome {
    pub name: Arc<str>,
    /// As it was wanted.
    pub version: Version,
    pub wanted: u64,
    /// Of a request that replaces, all of it; of one that adds, what it added.
    pub granted: u64,
    /// `None` if it was fully met.
    pub status: Option<StatusCode>,
}

/// The answer to a request for features, or what a preview tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureAnswer {
    pub correlation_id: CorrelationId,
    pub at_ms: i64,
    pub host: HostId,
    /// All that the host has now.
    pub features: Vec<GrantedFeature>,
    /// What was wanted and not fully met.
    pub not_met: Vec<FeatureOutcome>,
}

impl StatusCode {
    /// As the wire has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FeatureNotFound => "FEATURE_NOT_FOUND",
            Self::VersionNotAvailable => "VERSION_NOT_AVAILABLE",
            Self::CountInsufficient => "COUNT_INSUFFICIENT",
            Self::PartialGrant => "PARTIAL_GRANT",
            Self::NotStarted => "NOT_STARTED",
            Self::FeatureExpired => "FEATURE_EXPIRED",
            Self::HostDenied => "HOST_DENIED",
            Self::SelectorMismatch => "SELECTOR_MISMATCH",
            Self::VirtualClientDenied => "VIRTUAL_CLIENT_DENIED",
            Self::ServerSuspended => "SERVER_SUSPENDED",
            Self::ClockWindback => "CLOCK_WINDBACK",
            Self::RequestNotMet => "REQUEST_NOT_MET",
            Self::NothingToUndo => "NOTHING_TO_UNDO",
            Self::NotMetered => "NOT_METERED",
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
