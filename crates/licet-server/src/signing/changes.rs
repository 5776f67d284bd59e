//! Making and ending signing keys.

use std::sync::Arc;

use licet_engine::Clock;
use licet_protocol::{SigningAlgorithm, SigningKeyIn, SigningKeyOut};
use licet_store::{SigningKeyRow, Store, StoreError};
use serde_json::{Value, json};

use super::{
    ring::{Ring, SigningKey},
    rotation::{self, Removal, may_sign},
    signer::Signer,
};
use crate::{
    problem::Problem,
    security::{Author, MasterKey},
};

/// Seconds until a new key signs. Copies of the JWKS that are five minutes old know it by then.
const ACTIVATE_AFTER_S: i64 = 600;
/// 30 days.
const ACTIVATE_AFTER_S_MAX: i64 = 30 * 86_400;
/// Seconds for which a key stays published after it signed last: 30 days.
const OVERLAP_S: i64 = 30 * 86_400;
/// Ten years.
const OVERLAP_S_MAX: i64 = 3_660 * 86_400;
/// Keys that a site may publish at the same time.
const KEYS_MAX: usize = 32;
/// How often a change is tried when other servers change keys at the same time.
const TRIES: usize = 5;

impl Signer {
    /// Reads all keys from the store, when another server changed them.
    ///
    /// # Errors
    /// 503 `store_unavailable`; the keys stay as they were.
    pub async fn reload(&self) -> Result<(), Problem> {
        let _changing = self.shared.changing.lock().await;
        self.read_keys().await
    }

    pub(super) async fn read_keys(&self) -> Result<(), Problem> {
        let rows = self.shared.store.signing_keys().await?;
        let ring = Ring::read(rows, &self.shared.master_key);
        let locked = ring.locked(self.now_ms());
        if !locked.is_empty() {
            tracing::error!(keys = ?locked, "sealed under another master key than this server's");
        }
        self.shared.ring.store(Arc::new(ring));
        Ok(())
    }

    /// Makes a key that takes over signing. It is published when this returns.
    ///
    /// # Errors
    /// 400 if a time is out of range; 409 if there are too many keys, or others change them at the
    /// same time.
    pub async fn create(
        &self,
        new: SigningKeyIn,
        author: Author<'_>,
    ) -> Result<SigningKeyOut, Problem> {
        let activate_after_s = new.activate_after_seconds.unwrap_or(ACTIVATE_AFTER_S);
        let overlap_s = new.overlap_seconds.unwrap_or(OVERLAP_S);
        check("$.activateAfterSeconds", activate_after_s, ACTIVATE_AFTER_S_MAX)?;
        check("$.overlapSeconds", overlap_s, OVERLAP_S_MAX)?;
        let _changing = self.shared.changing.lock().await;
        let kid =
            self.add(new.algorithm, activate_after_s * 1_000, overlap_s * 1_000, author).await?;
        self.describe(&kid).ok_or_else(|| Problem::not_found("signing key"))
    }

    /// Adds a key, while `changing` is held; gives its id.
    pub(super) async fn add(
        &self,
        algorithm: SigningAlgorithm,
        activate_after_ms: i64,
        overlap_ms: i64,
        author: Author<'_>,
    ) -> Result<String, Problem> {
        let now_ms = author.now_ms;
        let new = self.generate(algorithm, now_ms, now_ms + activate_after_ms).await?;
        let kid = new.kid.clone();
        self.change("signing-key.create", &kid, author, |keys| {
            let keys = rotation::add(keys, new.clone(), overlap_ms, now_ms);
            if keys.len() > KEYS_MAX {
                return Err(Problem::conflict(format!(
                    "A site publishes at most {KEYS_MAX} signing keys; delete one that nothing \
                     needs any more, or wait until one expires"
                )));
            }
            Ok(Some(keys))
        })
        .await?;
        Ok(kid)
    }

    /// Makes the first key for an algorithm, which signs at once, unless another server was
    /// faster. `changing` is held.
    pub(super) async fn add_first(&self, algorithm: SigningAlgorithm) -> Result<(), Problem> {
        let author = Author::server(self.now_ms());
        let new = self.generate(algorithm, author.now_ms, author.now_ms).await?;
        self.change("signing-key.create", &new.kid, author, |keys| {
            let is_first = !keys
                .iter()
                .any(|key| key.algorithm == new.algorithm && may_sign(key, author.now_ms));
            Ok(is_first.then(|| rotation::add(keys, new.clone(), 0, author.now_ms)))
        })
        .await
    }

    /// Ends a key at once: it signs no more and is not published any more, so that nothing that it
    /// signed can be verified. If nobody else could sign, a new key does from now on.
    ///
    /// # Errors
    /// 404; 409 if others change keys at the same time.
    pub async fn delete(&self, kid: &str, author: Author<'_>) -> Result<(), Problem> {
        let now_ms = author.now_ms;
        let _changing = self.shared.changing.lock().await;
        self.read_keys().await?;
        let key = self.describe(kid).ok_or_else(|| Problem::not_found("signing key"))?;
        // It may turn out not to be needed, but inside the change there is no time to make it.
        let successor = self.generate(key.algorithm, now_ms, now_ms).await?;
        self.change("signing-key.delete", kid, author, |keys| {
            let removal = rotation::remove(keys, kid, now_ms);
            let Removal { keys, leaves_none } =
                removal.ok_or_else(|| Problem::not_found("signing key"))?;
            Ok(Some(match leaves_none {
                false => keys,
                true => rotation::add(&keys, successor.clone(), 0, now_ms),
            }))
        })
        .await
    }

    /// Replaces keys in the store unless `change` finds nothing to do. `changing` is held. What is
    /// stored is in force when this returns.
    async fn change(
        &self,
        action: &str,
        kid: &str,
        author: Author<'_>,
        change: impl Fn(&[SigningKeyRow]) -> Result<Option<Vec<SigningKeyRow>>, Problem>,
    ) -> Result<(), Problem> {
        for _ in 0..TRIES {
            let before = self.shared.store.signing_keys().await?;
            let Some(after) = change(&before)? else { return self.read_keys().await };
            let (was, is) = (describe(&before), describe(&after));
            let audit = author.audit(action, kid, Some(&was), Some(&is));
            match self.shared.store.replace_signing_keys(before, after, audit).await {
                Ok(()) => return self.read_keys().await,
                // Another server was faster.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::conflict("Other servers change the signing keys at the same time; try again"))
    }

    async fn generate(
        &self,
        algorithm: SigningAlgorithm,
        created_ms: i64,
        activates_ms: i64,
    ) -> Result<SigningKeyRow, Problem> {
        let master_key = self.shared.master_key.clone();
        generate(algorithm, master_key, created_ms, activates_ms).await
    }

    /// For a store whose master key is lost: ends all keys and makes a new one for EdDSA. What was
    /// signed can be verified for 30 days more.
    ///
    /// # Errors
    /// 409 if a server changes the keys at the same time; the store cannot be written.
    pub async fn reset(
        store: &dyn Store,
        clock: &dyn Clock,
        master_key: MasterKey,
    ) -> Result<(), Problem> {
        let now_ms = clock.now_ms();
        let new = generate(SigningAlgorithm::EdDsa, master_key, now_ms, now_ms).await?;
        let before = store.signing_keys().await?;
        let ended = rotation::end_all(&before, OVERLAP_S * 1_000, now_ms);
        let kid = new.kid.clone();
        let after = rotation::add(&ended, new, 0, now_ms);
        let (was, is) = (describe(&before), describe(&after));
        let audit = Author::server(now_ms).audit("signing-key.reset", &kid, Some(&was), Some(&is));
        Ok(store.replace_signing_keys(before, after, audit).await?)
    }
}

/// RSA takes its time, so it is done beside the tasks.
async fn generate(
    algorithm: SigningAlgorithm,
    master_key: MasterKey,
    created_ms: i64,
    activates_ms: i64,
) -> Result<SigningKeyRow, Problem> {
    let making = tokio::task::spawn_blocking(move || {
        SigningKey::generate(algorithm, &master_key, created_ms, activates_ms)
    });
    let made = making.await.map_err(|error| Problem::internal(&error))?;
    made.map_err(|error| Problem::internal(&error))
}

fn check(at: &str, seconds: i64, max: i64) -> Result<(), Problem> {
    if (0..=max).contains(&seconds) {
        return Ok(());
    }
    Err(Problem::invalid(at, &format!("must be a number of seconds from 0 to {max}")))
}

/// When each key signs; for the audit log.
fn describe(keys: &[SigningKeyRow]) -> Value {
    let describe = |key: &SigningKeyRow| {
        json!({
            "kid": key.kid,
            "algorithm": key.algorithm,
            "activates": key.activates_ms,
            "retires": key.retirement.map(|end| end.retires_ms),
            "expires": key.retirement.map(|end| end.expires_ms),
        })
    };
    json!({ "keys": keys.iter().map(describe).collect::<Vec<_>>() })
}
