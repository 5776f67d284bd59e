use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    pub id: Uuid,
    pub short_name: String,
    pub account_id: String,
    pub is_default: bool,
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// Which instances are wanted.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Any of these accounts; empty means all.
    pub account_ids: Vec<String>,
    pub default_only: bool,
    pub after: i64,
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateTableRow {
    /// Empty for tables without a series.
    pub series: String,
    pub version: String,
    pub effective_from_ms: i64,
    pub created_ms: i64,
    /// Items, encoded by the caller.
    pub items: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Administration,
    Client,
}

impl KeyKind {
    /// As databases keep it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Administration => "administration",
            Self::Client => "client",
        }
    }

    /// The way back from [`name`](Self::name); other names are kept out by the schemas.
    pub(crate) fn named(name: &str) -> Self {
        if name == Self::Administration.name() { Self::Administration } else { Self::Client }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub id: String,
    pub kind: KeyKind,
    pub pem: String,
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// A key that signs the site's answers.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Thumbprint of the public half (RFC 7638).
    pub kid: String,
    /// `EdDSA` or `RS256`.
    pub algorithm: String,
    /// Sealed by the caller; `None` when it is not to sign any more.
    pub sealed_private_key: Option<Vec<u8>>,
    /// JSON, just the members that the thumbprint is made of.
    pub public_jwk: String,
    pub created_ms: i64,
    /// From then on it signs.
    pub activates_ms: i64,
    pub retirement: Option<Retirement>,
}

/// The end of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement {
    /// From then on it signs no more.
    pub retires_ms: i64,
    /// From then on it is not published any more.
    pub expires_ms: i64,
}

impl Retirement {
    /// From the columns of a row, which have both or neither.
    pub(crate) fn of(retires_ms: Option<i64>, expires_ms: Option<i64>) -> Option<Self> {
        Some(Self { retires_ms: retires_ms?, expires_ms: expires_ms? })
    }
}

/// Not even what is sealed belongs into a log.
impl std::fmt::Debug for SigningKeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRow")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("can_sign", &self.sealed_private_key.is_some())
            .field("activates_ms", &self.activates_ms)
            .field("retirement", &self.retirement)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    pub name: String,
    pub value: String,
    pub modified_ms: i64,
    pub updated_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub name: String,
    /// PHC string.
    pub password_hash: String,
    pub role: String,
    /// The account that the user belongs to; `None` for producer staff.
    pub account_id: Option<String>,
    pub disabled: bool,
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// An opaque bearer token; only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub hash: [u8; 32],
    pub user: String,
    pub created_ms: i64,
    pub expires_ms: i64,
}

/// What another process has changed in the tables of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteChange {
    /// Rate tables or settings, of the site or of an instance.
    Terms,
    /// Of the site or of an instance.
    Keys,
    SigningKeys,
    /// Users or their tokens, of the site or of an instance.
    Users,
}

impl SiteChange {
    pub const ALL: [Self; 4] = [Self::Terms, Self::Keys, Self::SigningKeys, Self::Users];
}

/// Who changed what. `before` and `after` are JSON texts without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditRow {
    pub at_ms: i64,
    pub actor: String,
    /// Stable verb, such as `line-item.put`.
    pub action: String,
    pub object: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub request_id: String,
}
