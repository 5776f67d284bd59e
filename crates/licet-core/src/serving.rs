//! What serving features does, as records have it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    feature::FeatureId,
    feature_answer::FeatureOutcome,
    feature_request::{Asker, Operation},
    ids::CorrelationId,
    lease::{ClientId, Hold, Move, Place},
    model::Version,
};

/// Use of a metered feature that nobody gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeteredUse {
    pub feature: FeatureId,
    pub place: Place,
    pub count: u64,
}

/// How a feature of one line item stands after a record, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureLevel {
    pub feature: FeatureId,
    pub name: Arc<str>,
    pub version: Version,
    pub activation_id: Arc<str>,
    /// Whether counts say what was used, and not what is held at the time.
    pub is_consumed: bool,
    /// Without overdraft; zero for uncounted features.
    pub owned: u64,
    /// What is in use of it; of one that is consumed, all that was used.
    pub in_use: u64,
    /// The same of all features of this name on the instance.
    pub in_use_of_name: u64,
}

/// A request for features, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    pub correlation_id: CorrelationId,
    pub at_ms: i64,
    pub client: ClientId,
    pub asker: Arc<Asker>,
    pub operation: Operation,
    /// What was wanted, and how far it was met.
    pub outcomes: Vec<FeatureOutcome>,
    /// What the client held until now.
    pub given_back: Vec<Hold>,
    /// Counts that found another place when they came home.
    pub moves: Vec<Move>,
    /// What the client holds from now on, beside what it did not give back.
    pub taken: Vec<Hold>,
    /// What was used of metered features.
    pub used: Vec<MeteredUse>,
    /// What an undo took back, out of the report with this id.
    pub undone: Vec<(CorrelationId, MeteredUse)>,
    /// Each feature that is named above, once.
    pub levels: Vec<FeatureLevel>,
}

impl Served {
    /// Whether it changes anything.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.given_back.is_empty()
            || !self.taken.is_empty()
            || !self.used.is_empty()
            || !self.undone.is_empty()
    }
}

/// Why a client holds something no more without having given it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseEnd {
    Expired,
    /// Somebody dropped the client.
    Dropped {
        by: Arc<str>,
    },
}

/// Holds that ended without a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasesEnded {
    pub at_ms: i64,
    pub client: ClientId,
    pub asker: Arc<Asker>,
    pub end: LeaseEnd,
    pub holds: Vec<Hold>,
    pub moves: Vec<Move>,
    pub levels: Vec<FeatureLevel>,
}

/// What is to be in one place of a feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub place: Place,
    /// What belongs there.
    pub target: u64,
    /// What is there, in use or free.
    pub count: u64,
}

/// How the counts of a feature are divided from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Division {
    pub feature: FeatureId,
    pub shares: Vec<Share>,
}
