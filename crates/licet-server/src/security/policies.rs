use licet_protocol::SigningAlgorithm;

/// What the settings of an instance say of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityPolicies {
    /// Whether access requests need a token.
    pub json_security: bool,
    /// Whether tokens of clients must expire.
    pub requires_exp: bool,
    /// Whether everybody may read.
    pub anonymous_reads: bool,
    /// How long a token from a log-in is good, in milliseconds.
    pub token_ttl_ms: i64,
    /// Whether credentials are taken over plain HTTP.
    pub plain_http: bool,
    /// How answers are signed.
    pub signing_algorithm: SigningAlgorithm,
}

const DAY_MS: i64 = 86_400_000;

impl Default for SecurityPolicies {
    fn default() -> Self {
        Self {
            json_security: true,
            requires_exp: true,
            anonymous_reads: false,
            token_ttl_ms: DAY_MS,
            plain_http: true,
            signing_algorithm: SigningAlgorithm::EdDsa,
        }
    }
}
