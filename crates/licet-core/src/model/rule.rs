//! Rules of access to pools.

use super::{
    matching::Matcher,
    pool::PoolRef,
    requester::{HostId, Requester},
    version::Version,
};

/// What becomes of requesters that meet a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub condition: Condition,
    /// As they are listed after `use`; they are served in the model's order.
    pub pools: Vec<PoolRef>,
    /// What a requester gets that asks for no feature.
    pub unasked: Vec<Unasked>,
    pub action: Action,
}

/// How it goes on after a rule whose condition was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// No further rule is looked at.
    Accept,
    /// Later rules may add to what this one gives.
    Continue,
    /// Nothing is served, whatever earlier rules gave.
    Deny,
}

/// What a requester gets that asks for no feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unasked {
    /// All counts of a pool.
    AllFrom(PoolRef),
    Feature {
        name: Box<str>,
        version: Version,
        count: u64,
    },
}

/// A test on the requester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Met by everybody.
    Any,
    /// Met if one of the requester's hostids is one of these.
    HostId(Vec<Matcher<HostId>>),
    HostName(Vec<Matcher<Box<str>>>),
    HostType(Vec<Matcher<Box<str>>>),
    /// Met if one of these entries is in the requester's dictionary.
    Dictionary(Vec<DictionaryEntry>),
    Not(Box<Condition>),
    All(Vec<Condition>),
    OneOf(Vec<Condition>),
}

/// An entry of the vendor dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryEntry {
    pub key: Box<str>,
    /// `None` for any value.
    pub value: Option<Matcher<Box<str>>>,
}

impl Condition {
    /// Whether the requester meets it. Recurses at most [`super::MAX_DEPTH`] deep, in a model
    /// that was parsed.
    #[must_use]
    pub fn holds(&self, requester: &Requester<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::HostId(wanted) => has_host_id(requester.host_ids, wanted),
            Self::HostName(wanted) => is_one_of(requester.host_name, wanted),
            Self::HostType(wanted) => is_one_of(requester.host_type, wanted),
            Self::Dictionary(entries) => entries.iter().any(|entry| entry.is_in(requester)),
            Self::Not(condition) => !condition.holds(requester),
            Self::All(conditions) => conditions.iter().all(|it| it.holds(requester)),
            Self::OneOf(conditions) => conditions.iter().any(|it| it.holds(requester)),
        }
    }
}

impl DictionaryEntry {
    fn is_in(&self, requester: &Requester<'_>) -> bool {
        let Some(values) = requester.dictionary.get(&self.key) else { return false };
        match &self.value {
            None => true,
            Some(wanted) => values.iter().any(|value| wanted.is_met_by(value)),
        }
    }
}

impl Matcher<HostId> {
    /// A pattern is compared with what could be written in its place: `value/TYPE`, or the value
    /// alone if the type is `STRING`.
    fn is_met_by(&self, host_id: &HostId) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == host_id,
            Self::Pattern(pattern) => {
                (host_id.is_string() && pattern.is_match(host_id.value()))
                    || pattern.is_match(&format!("{}/{}", host_id.value(), host_id.kind()))
            }
        }
    }
}

fn has_host_id(host_ids: &[HostId], wanted: &[Matcher<HostId>]) -> bool {
    host_ids.iter().any(|host_id| wanted.iter().any(|matcher| matcher.is_met_by(host_id)))
}

fn is_one_of(value: Option<&str>, wanted: &[Matcher<Box<str>>]) -> bool {
    value.is_some_and(|value| wanted.iter().any(|matcher| matcher.is_met_by(value)))
}
