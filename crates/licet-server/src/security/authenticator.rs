use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::STANDARD};
use licet_store::{AuditRow, Store, TokenRow, UserRow};
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    audit::Author,
    cache::PrincipalCache,
    digest::{KeyedHash, sha256, sha256_of_both},
    jwt,
    keys::PublicKeys,
    licensing_jwt,
    licensing_keys::LicensingKeys,
    lockout::Lockout,
    origin::Origin,
    passwords::{HashCost, Passwords},
    principal::Principal,
    random,
    tokens::{IssuedToken, OpaqueToken, TOKEN_TTL_MS, is_opaque, is_well_formed},
    users::{is_user_name, principal_of},
};
use crate::{
    limits::{RateLimit, RateLimiter},
    problem::{Code, Problem},
};

/// Verified JWTs that are remembered.
const JWTS_MAX: usize = 65_536;
/// Users' tokens and passwords that are remembered.
const USERS_MAX: usize = 16_384;
/// How long a user's credentials are remembered, in milliseconds: as long may pass until a
/// change that another node made is felt here.
const USER_CACHE_MS: i64 = 60_000;
/// Longest user and password in a Basic header, in bytes of Base64.
const BASIC_BYTES_MAX: usize = 4 * 1024;

/// What can be chosen.
#[derive(Debug, Clone, Copy)]
pub struct SecurityOptions {
    /// How long a token from a log-in is good, in milliseconds.
    pub token_ttl_ms: i64,
    /// How often one principal may call; `None` for as often as it likes.
    pub rate_limit: Option<RateLimit>,
    pub hash_cost: HashCost,
}

impl Default for SecurityOptions {
    fn default() -> Self {
        Self { token_ttl_ms: TOKEN_TTL_MS, rate_limit: None, hash_cost: HashCost::default() }
    }
}

/// Knows callers by their credentials, and keeps keys, users and tokens.
///
/// Changes made here take effect before they are answered.
#[derive(Debug)]
pub struct Authenticator {
    pub(super) store: StoreHandle,
    pub(super) key_set: ArcSwap<PublicKeys>,
    pub(super) jwt_cache: PrincipalCache,
    pub(super) licensing_key_set: ArcSwap<LicensingKeys>,
    /// Tokens of clients, each with the instance that it was verified for.
    pub(super) licensing_cache: PrincipalCache,
    /// Tokens and passwords of users.
    pub(super) user_cache: PrincipalCache,
    pub(super) passwords: Passwords,
    pub(super) lockout: Lockout,
    basic_hash: KeyedHash,
    rate_limiter: Option<RateLimiter>,
    token_ttl_ms: i64,
    /// Held while keys or users change, so that a rule on all of them ("the last administrator
    /// stays") is checked and kept in one step, and reloads do not overtake each other.
    pub(super) changing: Mutex<()>,
}

/// The tables of site and instances; wrapped, because a store need not know how to print itself.
#[derive(Clone)]
pub(super) struct StoreHandle(Arc<dyn Store>);

impl std::ops::Deref for StoreHandle {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl std::fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Authenticator {
    /// With default options and no keys yet; [`Authenticator::reload_keys`] reads them.
    ///
    /// # Errors
    /// 500 if the system gives no random bytes.
    pub fn new(store: Arc<dyn Store>) -> Result<Self, Problem> {
        Self::with_options(store, SecurityOptions::default())
    }

    /// # Errors
    /// 500 if the system gives no random bytes, or the cost of hashes is out of range.
    pub fn with_options(store: Arc<dyn Store>, options: SecurityOptions) -> Result<Self, Problem> {
        Ok(Self {
            store: StoreHandle(store),
            key_set: ArcSwap::default(),
            jwt_cache: PrincipalCache::new(JWTS_MAX),
            licensing_key_set: ArcSwap::default(),
            licensing_cache: PrincipalCache::new(JWTS_MAX),
            user_cache: PrincipalCache::new(USERS_MAX),
            passwords: Passwords::new(options.hash_cost)?,
            lockout: Lockout::default(),
            basic_hash: KeyedHash::new(random::bytes()?),
            rate_limiter: options.rate_limit.map(RateLimiter::new),
            token_ttl_ms: options.token_ttl_ms,
            changing: Mutex::new(()),
        })
    }

    /// Who sent this `Authorization` header, if that was found out before. This is the way that
    /// nearly every request takes: one hash, one look-up, nothing read or allocated.
    #[must_use]
    pub fn cached(&self, header: &str, now_ms: i64) -> Option<Arc<Principal>> {
        match Credentials::read(header)? {
            Credentials::Bearer(token) => self.cached_bearer(token, now_ms),
            Credentials::Basic(encoded) => {
                self.user_cache.get(&self.basic_hash.hash(encoded.as_bytes()), now_ms)
            }
        }
    }

    /// Finds out who sent this `Authorization` header: `Bearer` with a JWT or a user's token, or
    /// `Basic` with user and password.
    ///
    /// # Errors
    /// 401 with a code that says which check failed, 429 `log_in_locked`, 503 `overloaded` or
    /// `store_unavailable`.
    pub async fn authenticate(
        &self,
        header: &str,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<Arc<Principal>, Problem> {
        match Credentials::read(header) {
            Some(Credentials::Bearer(token)) => self.bearer(token, now_ms).await,
            Some(Credentials::Basic(encoded)) => self.basic(encoded, origin, now_ms).await,
            None => Err(Problem::new(
                Code::AuthenticationRequired,
                "The Authorization header must begin with Bearer or Basic",
            )),
        }
    }

    /// The same at the licence server of an instance, where clients show tokens that are signed
    /// with a licensing key.
    #[must_use]
    pub fn cached_at(
        &self,
        header: &str,
        instance_id: Uuid,
        now_ms: i64,
    ) -> Option<Arc<Principal>> {
        match Credentials::read(header)? {
            Credentials::Bearer(token) if !is_opaque(token) => {
                let digest = sha256_of_both(instance_id.as_bytes(), token.as_bytes());
                let client = self.licensing_cache.get(&digest, now_ms);
                client.or_else(|| self.cached_bearer(token, now_ms))
            }
            _ => self.cached(header, now_ms),
        }
    }

    /// The same at the licence server of an instance. `requires_exp` says whether tokens of
    /// clients must expire there; it is asked when their keys are looked at.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn authenticate_at(
        &self,
        header: &str,
        instance_id: Uuid,
        requires_exp: impl FnOnce() -> bool,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<Arc<Principal>, Problem> {
        match Credentials::read(header) {
            Some(Credentials::Bearer(token))
                if !is_opaque(token) && !jwt::names_site_key(token) =>
            {
                self.licensing(token, instance_id, requires_exp, now_ms)
            }
            _ => self.authenticate(header, origin, now_ms).await,
        }
    }

    /// Finds out whose token this is.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn bearer(&self, token: &str, now_ms: i64) -> Result<Arc<Principal>, Problem> {
        if let Some(principal) = self.cached_bearer(token, now_ms) {
            return Ok(principal);
        }
        if is_opaque(token) { self.opaque(token, now_ms).await } else { self.jwt(token, now_ms) }
    }

    /// Counts a request against the caller's rate limit, if there is one.
    ///
    /// # Errors
    /// 429 `too_many_requests`
    pub fn admit(&self, principal: &Principal, now_ms: i64) -> Result<(), Problem> {
        match &self.rate_limiter {
            Some(limiter) => limiter.admit(principal, now_ms),
            None => Ok(()),
        }
    }

    /// Counts a request of somebody who need not say who it is against the limit of the
    /// instance's unknown callers, if there is one.
    ///
    /// # Errors
    /// 429 `too_many_requests`
    pub fn admit_to(&self, instance_id: Uuid, now_ms: i64) -> Result<(), Problem> {
        match &self.rate_limiter {
            Some(limiter) => limiter.admit_to(instance_id, now_ms),
            None => Ok(()),
        }
    }

    /// Trades a user's name and password for a bearer token.
    ///
    /// # Errors
    /// 401 `wrong_credentials`, the same whether the name or the password is wrong or the user
    /// is disabled; 429 `log_in_locked`; 503 `overloaded` or `store_unavailable`.
    pub async fn log_in(
        &self,
        user: &str,
        password: &str,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<IssuedToken, Problem> {
        let row = self.check_password(user, password, origin, now_ms).await?;
        let token = OpaqueToken::new()?;
        let expires_ms = now_ms.saturating_add(self.token_ttl_ms);
        let author = Author { name: &row.name, request_id: origin.request_id, now_ms };
        let audit = author.audit("user.log-in", &row.name, None, Some(&from(origin.address)));
        let token_row =
            TokenRow { hash: token.hash, user: row.name.clone(), created_ms: now_ms, expires_ms };
        self.store.create_token(token_row, audit).await?;
        // A change that came between the check and the token did not see the token.
        if self.store.user(row.name.clone()).await?.as_ref() != Some(&row) {
            let audit = author.audit("user.log-in-refused", &row.name, None, None);
            self.store.delete_tokens(row.name.clone(), Some(token.hash), audit).await?;
            return Err(wrong_credentials());
        }
        Ok(IssuedToken { token: token.text, expires_ms })
    }

    /// Ends one token of the caller; unknown tokens are no error.
    ///
    /// # Errors
    /// 503 `store_unavailable`
    pub async fn log_out(&self, token: &str, author: Author<'_>) -> Result<(), Problem> {
        let audit = author.audit("user.log-out", author.name, None, None);
        let hash = sha256(token.as_bytes());
        self.store.delete_tokens(author.name.to_owned(), Some(hash), audit).await?;
        self.user_cache.forget_all();
        Ok(())
    }

    /// Forgets what is remembered of users and tokens: another node changed them.
    pub fn forget_users(&self) {
        self.user_cache.forget_all();
    }

    fn cached_bearer(&self, token: &str, now_ms: i64) -> Option<Arc<Principal>> {
        let cache = if is_opaque(token) { &self.user_cache } else { &self.jwt_cache };
        cache.get(&sha256(token.as_bytes()), now_ms)
    }

    fn jwt(&self, token: &str, now_ms: i64) -> Result<Arc<Principal>, Problem> {
        let generation = self.jwt_cache.generation();
        let verified = jwt::verify(token, &self.key_set.load(), now_ms)?;
        let principal = Arc::new(verified.principal);
        let digest = sha256(token.as_bytes());
        let shared = Arc::clone(&principal);
        self.jwt_cache.insert(digest, shared, generation, verified.expires_ms, now_ms);
        Ok(principal)
    }

    /// The generation is read before settings and keys are: see [`super::cache`].
    fn licensing(
        &self,
        token: &str,
        instance_id: Uuid,
        requires_exp: impl FnOnce() -> bool,
        now_ms: i64,
    ) -> Result<Arc<Principal>, Problem> {
        let generation = self.licensing_cache.generation();
        let requires_exp = requires_exp();
        let keys = self.licensing_key_set.load();
        let verified =
            licensing_jwt::verify(token, instance_id, keys.of(instance_id), requires_exp, now_ms)?;
        let principal = Arc::new(verified.principal);
        let digest = sha256_of_both(instance_id.as_bytes(), token.as_bytes());
        let shared = Arc::clone(&principal);
        self.licensing_cache.insert(digest, shared, generation, verified.expires_ms, now_ms);
        Ok(principal)
    }

    async fn opaque(&self, token: &str, now_ms: i64) -> Result<Arc<Principal>, Problem> {
        if !is_well_formed(token) {
            return Err(unknown_token());
        }
        let generation = self.user_cache.generation();
        let digest = sha256(token.as_bytes());
        let (principal, expires_ms) = match self.store.token(digest).await? {
            Some(row) => {
                check_expiry(row.expires_ms, now_ms)?;
                let user = self.store.user(row.user).await?.filter(|user| !user.disabled);
                (principal_of(&user.ok_or_else(unknown_token)?)?, row.expires_ms)
            }
            None => self.of_instance_token(digest, now_ms).await?,
        };
        let principal = Arc::new(principal);
        let until_ms = expires_ms.min(now_ms.saturating_add(USER_CACHE_MS));
        self.user_cache.insert(digest, Arc::clone(&principal), generation, until_ms, now_ms);
        Ok(principal)
    }

    async fn basic(
        &self,
        encoded: &str,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<Arc<Principal>, Problem> {
        let digest = self.basic_hash.hash(encoded.as_bytes());
        let (user, password) = read_basic(encoded)?;
        let generation = self.user_cache.generation();
        let row = self.check_password(&user, &password, origin, now_ms).await?;
        let principal = Arc::new(principal_of(&row)?);
        let until_ms = now_ms.saturating_add(USER_CACHE_MS);
        self.user_cache.insert(digest, Arc::clone(&principal), generation, until_ms, now_ms);
        Ok(principal)
    }

    /// The enabled user to whom this password belongs.
    async fn check_password(
        &self,
        user: &str,
        password: &str,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<UserRow, Problem> {
        let find = async {
            match is_user_name(user) {
                true => Ok(self.store.user(user.to_owned()).await?),
                false => Ok(None),
            }
        };
        let hash = |row: &UserRow| row.password_hash.clone();
        let (row, fits) = self.try_password(user, password, find, hash, origin, now_ms).await?;
        match row {
            Some(row) if fits && !row.disabled => {
                self.lockout.succeeded(user, origin.address);
                Ok(row)
            }
            row => {
                self.note_refusal(row.as_ref(), origin, now_ms).await;
                Err(wrong_credentials())
            }
        }
    }

    /// Whoever `find` finds, and whether the password fits. The try counts against locks on
    /// `name` until [`Lockout::succeeded`] takes it back.
    pub(super) async fn try_password<R>(
        &self,
        name: &str,
        password: &str,
        find: impl Future<Output = Result<Option<R>, Problem>>,
        hash: impl FnOnce(&R) -> String,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<(Option<R>, bool), Problem> {
        // Whoever is locked out shall not fill the queue for hashes.
        self.lockout.check(name, origin.address, now_ms)?;
        let slot = self.passwords.slot().await?;
        self.lockout.begin(name, origin.address, now_ms)?;
        let found = find.await?;
        let hash = found.as_ref().map(hash);
        let fits = self.passwords.verify(slot, password, hash.as_deref()).await?;
        Ok((found, fits))
    }

    /// A name that is no user's is not written down: it may be a password in the wrong field.
    async fn note_refusal(&self, row: Option<&UserRow>, origin: Origin<'_>, now_ms: i64) {
        let name = row.map_or("", |row| row.name.as_str());
        let author = Author { name, request_id: origin.request_id, now_ms };
        let audit = author.audit("user.log-in-refused", name, None, Some(&from(origin.address)));
        self.note(audit).await;
    }

    /// Writes an audit row of its own. Failing to do so changes no answer.
    pub(super) async fn note(&self, audit: AuditRow) {
        let action = audit.action.clone();
        if let Err(error) = self.store.audit(audit).await {
            tracing::error!(%error, action, "audit row lost");
        }
    }
}

/// The two ways to show who one is.
enum Credentials<'a> {
    Bearer(&'a str),
    /// User and password in Base64.
    Basic(&'a str),
}

impl<'a> Credentials<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer(rest))
        } else if scheme.eq_ignore_ascii_case("basic") {
            Some(Self::Basic(rest))
        } else {
            None
        }
    }
}

/// The token of a `Bearer` header.
pub(super) fn bearer_token(header: &str) -> Option<&str> {
    match Credentials::read(header)? {
        Credentials::Bearer(token) => Some(token),
        Credentials::Basic(_) => None,
    }
}

fn read_basic(encoded: &str) -> Result<(String, String), Problem> {
    let malformed = || {
        Problem::new(
            Code::WrongCredentials,
            "The Basic credentials must be user:password in UTF-8 and Base64",
        )
    };
    if encoded.len() > BASIC_BYTES_MAX {
        return Err(malformed());
    }
    let bytes = STANDARD.decode(encoded).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (user, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok((user.to_owned(), password.to_owned()))
}

pub(super) fn from(address: Option<IpAddr>) -> serde_json::Value {
    json!({ "address": address })
}

pub(super) fn wrong_credentials() -> Problem {
    Problem::new(Code::WrongCredentials, "User or password is wrong, or the user may not log in")
}

/// A token that a log-in gave must not have run out.
pub(super) fn check_expiry(expires_ms: i64, now_ms: i64) -> Result<(), Problem> {
    if expires_ms <= now_ms {
        return Err(Problem::new(Code::TokenExpired, "The token has run out; log in again"));
    }
    Ok(())
}

pub(super) fn unknown_token() -> Problem {
    Problem::new(Code::InvalidToken, "The token is unknown or was revoked; log in again")
}

#[cfg(test)]
#[path = "authenticator_tests.rs"]
mod tests;
