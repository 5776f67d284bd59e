//! Log-ins at the licence server of an instance, and the tokens that they give.

use licet_store::InstanceTokenRow;
use uuid::Uuid;

use super::{
    audit::Author,
    authenticator::{Authenticator, check_expiry, from, unknown_token, wrong_credentials},
    digest::{Digest, sha256},
    instance_users::{Account, full_name, object},
    origin::Origin,
    principal::Principal,
    tokens::{IssuedToken, OpaqueToken},
};
use crate::problem::Problem;

impl Authenticator {
    /// Trades name and password of a user of an instance for a bearer token that is good for
    /// `token_ttl_ms` milliseconds.
    ///
    /// # Errors
    /// As [`Authenticator::log_in`].
    pub async fn log_in_at(
        &self,
        instance_id: Uuid,
        user: &str,
        password: &str,
        token_ttl_ms: i64,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<IssuedToken, Problem> {
        let account = self.check_instance_user(instance_id, user, password, origin, now_ms).await?;
        let token = OpaqueToken::new()?;
        let expires_ms = now_ms.saturating_add(token_ttl_ms);
        let (name, object) = (full_name(instance_id, user), object(instance_id, user));
        let author = Author { name: &name, request_id: origin.request_id, now_ms };
        let after = from(origin.address);
        let audit = author.audit("instance-user.log-in", &object, None, Some(&after));
        let row = InstanceTokenRow {
            hash: token.hash,
            instance_id,
            user: user.to_owned(),
            created_ms: now_ms,
            expires_ms,
        };
        self.store.create_instance_token(row, audit).await?;
        // A change that came between the check and the token did not see the token.
        if self.account(instance_id, user).await?.as_ref() != Some(&account) {
            let audit = author.audit("instance-user.log-in-refused", &object, None, None);
            self.store.delete_instance_token(token.hash, audit).await?;
            return Err(wrong_credentials());
        }
        Ok(IssuedToken { token: token.text, expires_ms })
    }

    /// Ends one token of a user of an instance; unknown tokens are no error.
    ///
    /// # Errors
    /// 503 `store_unavailable`
    pub async fn log_out_at(&self, token: &str, author: Author<'_>) -> Result<(), Problem> {
        let audit = author.audit("instance-user.log-out", author.name, None, None);
        self.store.delete_instance_token(sha256(token.as_bytes()), audit).await?;
        self.user_cache.forget_all();
        Ok(())
    }

    /// The enabled user to whom this password belongs.
    async fn check_instance_user(
        &self,
        instance_id: Uuid,
        user: &str,
        password: &str,
        origin: Origin<'_>,
        now_ms: i64,
    ) -> Result<Account, Problem> {
        let name = full_name(instance_id, user);
        let find = self.account(instance_id, user);
        let hash = |account: &Account| account.password_hash.clone();
        let (found, fits) = self.try_password(&name, password, find, hash, origin, now_ms).await?;
        match found {
            Some(account) if fits && !account.disabled => {
                self.lockout.succeeded(&name, origin.address);
                Ok(account)
            }
            found => {
                // A name that is no user's may be a password in the wrong field.
                let user = found.as_ref().map_or("", |account| account.name.as_str());
                let name = full_name(instance_id, user);
                let author = Author { name: &name, request_id: origin.request_id, now_ms };
                let (object, after) = (object(instance_id, user), from(origin.address));
                let action = "instance-user.log-in-refused";
                self.note(author.audit(action, &object, None, Some(&after))).await;
                Err(wrong_credentials())
            }
        }
    }

    /// Whose token of an instance this is, and when it expires.
    pub(super) async fn of_instance_token(
        &self,
        digest: Digest,
        now_ms: i64,
    ) -> Result<(Principal, i64), Problem> {
        let row = self.store.instance_token(digest).await?.ok_or_else(unknown_token)?;
        check_expiry(row.expires_ms, now_ms)?;
        let account = self.account(row.instance_id, &row.user).await?;
        let account = account.filter(|account| !account.disabled).ok_or_else(unknown_token)?;
        Ok((account.principal(row.instance_id), row.expires_ms))
    }
}
