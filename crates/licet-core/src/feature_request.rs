//! Requests of clients for features.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    feature::Selectors,
    model::{self, HostId, Version},
    policies::Granularity,
    rule::Dictionary,
};

/// Who asks for features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// The host that holds what is served, and after it others by which rules and reservations
    /// know it, such as its user.
    pub host_ids: Vec<HostId>,
    pub host_name: Option<Arc<str>>,
    pub host_type: Option<Arc<str>>,
    /// The vendor dictionary; integers are in it as decimal text.
    pub dictionary: Dictionary,
}

/// What a client wants to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Serve features.
    Request,
    /// Take note of what was used of metered features; nothing is served.
    Report,
    /// Take back what was reported lately.
    Undo,
}

/// One feature of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFeature {
    pub name: Arc<str>,
    /// Lower ones are never served; version 0 takes any.
    pub version: Version,
    /// Zero asks for nothing, which gives back what is held of it.
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRequest {
    pub asker: Arc<Asker>,
    pub is_virtual: bool,
    pub operation: Operation,
    /// In a request that is not incremental, none asks for what is reserved.
    pub features: Vec<WantedFeature>,
    /// Whether it adds to what the host holds, and does not replace it.
    pub incremental: bool,
    /// Whether as much as there is will do.
    pub partial: bool,
    /// Milliseconds; it only shortens leases. Zero and `None` leave them as long as they are.
    pub borrow_interval_ms: Option<i64>,
    pub granularity: Option<Granularity>,
    pub selectors: Selectors,
}

impl FeatureRequest {
    /// Whether it says of features that they are given back, and asks for none.
    pub(crate) fn only_gives_back(&self) -> bool {
        self.operation == Operation::Request
            && !self.features.is_empty()
            && self.features.iter().all(|wanted| wanted.count == 0)
    }
}

impl Asker {
    /// The host that holds what is served.
    ///
    /// # Panics
    /// If there is none, which no door lets through.
    #[must_use]
    pub fn host(&self) -> &HostId {
        &self.host_ids[0]
    }

    pub(crate) fn as_requester(&self) -> model::Requester<'_> {
        model::Requester {
            host_ids: &self.host_ids,
            host_name: self.host_name.as_deref(),
            host_type: self.host_type.as_deref(),
            dictionary: &self.dictionary,
        }
    }
}
