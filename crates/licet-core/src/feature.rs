//! Features: what line items let an instance serve.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{line_item::LineItemState, model::Version};

/// Key–value pairs that narrow which features may satisfy a request.
pub type Selectors = BTreeMap<Box<str>, Box<str>>;

/// A feature of one line item within its instance; given once and never again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct FeatureId(pub u64);

/// How a feature is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LicenseModel {
    /// Lent for a while; what comes back serves others.
    Concurrent,
    /// Bound to the hosts that took it, until they give it back.
    NodeLocked,
    /// Served to everybody; its count says nothing.
    Uncounted,
    /// Counts what was used.
    Metered(Metered),
}

/// How use of a metered feature may be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// Whether a count is what a host uses at the time, and may go down; otherwise it is what was
    /// used since the last report, and only adds up.
    pub reusable: bool,
    /// How long after a report it can be undone, milliseconds; zero for never.
    pub undo_interval_ms: i64,
}

/// Counts beyond what is owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CountOverdraft {
    #[default]
    None,
    Count(u64),
    /// Of what is owned, rounded down.
    Percent(u32),
    Unlimited,
}

/// What a line item says of a feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureTerms {
    pub name: Arc<str>,
    pub version: Version,
    pub model: LicenseModel,
    /// Of one copy of the line item.
    pub count: u64,
    pub overdraft: CountOverdraft,
    /// How long it is lent at most, milliseconds, above zero; `None` leaves it to the instance.
    pub borrow_interval_ms: Option<i64>,
    /// After how many percent of a lease to renew it, 1 to 100; `None` leaves it to the instance.
    pub renew_percent: Option<u8>,
    /// How long it is served after the line item's end, milliseconds.
    pub grace_ms: i64,
    /// Empty if there is none, as the next three.
    pub vendor_string: Arc<str>,
    pub serial_number: Arc<str>,
    pub issuer: Arc<str>,
    pub notice: Arc<str>,
    /// A request must have all of these.
    pub selectors: Selectors,
}

/// What a line item entitles an instance to serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureLineItemTerms {
    /// Key of the line item within its instance.
    pub activation_id: Arc<str>,
    pub state: LineItemState,
    /// POSIX milliseconds, inclusive.
    pub starts_at_ms: i64,
    /// POSIX milliseconds, inclusive; `None` for permanent.
    pub ends_at_ms: Option<i64>,
    /// Each feature is owned so many times its count.
    pub copies: u64,
    pub product_name: Arc<str>,
    pub product_version: Arc<str>,
    pub entitlement_id: Arc<str>,
    pub features: Vec<FeatureTerms>,
}

/// A line item with the ids of its features, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureLineItem {
    pub terms: Arc<FeatureLineItemTerms>,
    pub ids: Vec<FeatureId>,
    pub created_ms: i64,
    pub modified_ms: i64,
}

impl FeatureTerms {
    /// Terms of a feature of which nothing else is said: no overdraft, no grace, no selectors, and
    /// lent for as long as the instance says.
    #[must_use]
    pub fn plain(name: &str, version: Version, model: LicenseModel, count: u64) -> Self {
        Self {
            name: name.into(),
            version,
            model,
            count,
            overdraft: CountOverdraft::None,
            borrow_interval_ms: None,
            renew_percent: None,
            grace_ms: 0,
            vendor_string: "".into(),
            serial_number: "".into(),
            issuer: "".into(),
            notice: "".into(),
            selectors: Selectors::new(),
        }
    }

    /// Whether both are the same feature, whose counts in use go on when a line item is put anew.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name
            && self.version == other.version
            && self.vendor_string == other.vendor_string
            && self.selectors == other.selectors
            && std::mem::discriminant(&self.model) == std::mem::discriminant(&other.model)
    }

    #[must_use]
    pub fn is_metered(&self) -> bool {
        matches!(self.model, LicenseModel::Metered(_))
    }

    /// Whether a host holds what it was served, and gives it back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !matches!(self.model, LicenseModel::Metered(Metered { reusable: false, .. }))
    }

    /// Whether what is served has a lease, and does not stay until the feature ends.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        matches!(self.model, LicenseModel::Concurrent | LicenseModel::Uncounted)
    }

    /// How much of it `copies` are; `None` for as much as anybody wants.
    #[must_use]
    pub fn owned(&self, copies: u64) -> Option<u64> {
        match self.model {
            LicenseModel::Uncounted => None,
            _ => Some(self.count.saturating_mul(copies).min(COUNT_MAX)),
        }
    }
}

/// The largest count of a feature, so that sums of all of an instance fit as well.
pub const COUNT_MAX: u64 = 1 << 53;

impl CountOverdraft {
    /// How much may be used beyond what is owned.
    #[must_use]
    pub fn of(self, owned: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Count(count) => count.min(COUNT_MAX),
            Self::Percent(percent) => {
                let part = u128::from(owned) * u128::from(percent) / 100;
                u64::try_from(part).unwrap_or(COUNT_MAX).min(COUNT_MAX)
            }
            Self::Unlimited => COUNT_MAX * 8 - owned,
        }
    }
}

impl FeatureLineItemTerms {
    /// The last millisecond at which a feature is served, grace included; `None` for ever.
    #[must_use]
    pub fn served_until_ms(&self, feature: &FeatureTerms) -> Option<i64> {
        self.ends_at_ms.map(|end| end.saturating_add(feature.grace_ms))
    }
}
