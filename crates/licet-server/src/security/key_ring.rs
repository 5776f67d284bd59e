//! Uploading, deleting and listing public keys.

use std::{collections::HashSet, sync::Arc};

use licet_protocol::KeyIn;
use licet_store::{KeyKind, KeyRow, StoreError};
use serde_json::{Value, json};

use super::{
    audit::Author,
    authenticator::Authenticator,
    keys::{PublicKey, PublicKeys},
};
use crate::problem::{Code, Problem};

/// Keys that a site may have.
const KEYS_MAX: usize = 10_000;

impl Authenticator {
    /// Reads all keys from the store, at the start and when another node changed them.
    /// Whatever was verified with the old ones counts no more.
    ///
    /// # Errors
    /// 503 `store_unavailable`; the keys stay as they were.
    pub async fn reload_keys(&self) -> Result<(), Problem> {
        let _changing = self.changing.lock().await;
        self.read_keys().await?;
        self.read_licensing_keys().await
    }

    /// Adds keys, or puts them in place of those with the same ids, all or none. Each is in
    /// force when this returns.
    ///
    /// # Errors
    /// 400 with a text for each key that is refused; 409 `already_exists` if an id is taken by
    /// a key of the other kind.
    pub async fn upload_keys(
        &self,
        kind: KeyKind,
        keys: Vec<KeyIn>,
        author: Author<'_>,
    ) -> Result<(), Problem> {
        check_keys(kind, &keys)?;
        if keys.is_empty() {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        let stored = self.store.keys().await?;
        let known = |id: &str| stored.iter().find(|row| row.id == id);
        let added = keys.iter().filter(|key| known(&key.id).is_none()).count();
        if stored.len() + added > KEYS_MAX {
            return Err(Problem::conflict(format!("A site has at most {KEYS_MAX} keys")));
        }
        let replaced: Vec<&KeyRow> = keys.iter().filter_map(|key| known(&key.id)).collect();
        let before = json!({ "keys": replaced.iter().map(|row| describe(&row.id, &row.pem)).collect::<Vec<_>>() });
        let after = json!({ "keys": keys.iter().map(|key| describe(&key.id, &key.public_key)).collect::<Vec<_>>() });
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        let action = format!("{}.put", noun(kind));
        let audit = author.audit(&action, &ids.join(" "), Some(&before), Some(&after));
        let rows = keys
            .iter()
            .map(|key| KeyRow {
                id: key.id.to_string(),
                kind,
                pem: key.public_key.clone(),
                created_ms: known(&key.id).map_or(author.now_ms, |row| row.created_ms),
                modified_ms: author.now_ms,
            })
            .collect();
        self.store.put_keys(rows, audit).await.map_err(|error| match error {
            StoreError::Duplicate => id_of_other_kind(kind),
            other => other.into(),
        })?;
        self.read_keys().await
    }

    /// Deletes a key. Tokens that it signed count no more when this returns.
    ///
    /// # Errors
    /// 404; 403 `last_administration_key`.
    pub async fn delete_key(
        &self,
        kind: KeyKind,
        id: &str,
        author: Author<'_>,
    ) -> Result<(), Problem> {
        let _changing = self.changing.lock().await;
        let stored = self.store.keys().await?;
        let row = stored.iter().find(|row| row.kind == kind && row.id == id);
        let row = row.ok_or_else(|| Problem::not_found("key"))?;
        let before = describe(&row.id, &row.pem);
        let audit = author.audit(&format!("{}.delete", noun(kind)), id, Some(&before), None);
        self.store.delete_key(kind, id.to_owned(), audit).await.map_err(|error| match error {
            StoreError::Conflict => Problem::new(
                Code::LastAdministrationKey,
                "This is the last administration key; upload another one first",
            ),
            StoreError::NotFound => Problem::not_found("key"),
            other => other.into(),
        })?;
        self.read_keys().await
    }

    /// All keys ordered by kind and id.
    ///
    /// # Errors
    /// 503 `store_unavailable`
    pub async fn keys(&self) -> Result<Vec<KeyRow>, Problem> {
        Ok(self.store.keys().await?)
    }

    /// The new keys are in place before the cache's generation moves: see [`super::cache`].
    async fn read_keys(&self) -> Result<(), Problem> {
        let rows = self.store.keys().await?;
        self.key_set.store(Arc::new(PublicKeys::from_rows(&rows)));
        self.jwt_cache.forget_all();
        Ok(())
    }
}

/// Every key must be good, and every id there once.
fn check_keys(kind: KeyKind, keys: &[KeyIn]) -> Result<(), Problem> {
    let mut ids = HashSet::with_capacity(keys.len());
    let mut errors = Vec::new();
    let mut worst = None;
    for (index, key) in keys.iter().enumerate() {
        if !ids.insert(key.id.as_str()) {
            errors.push(format!("$[{index}].id: stands in the list twice"));
            worst = worst.or(Some(Code::ValidationFailed));
        }
        if let Err(error) = PublicKey::parse(kind, &key.public_key) {
            errors.push(format!("$[{index}].publicKey: {}", error.advice()));
            worst = match error.code() {
                Code::PrivateKeyUploaded => Some(Code::PrivateKeyUploaded),
                code => worst.or(Some(code)),
            };
        }
    }
    let Some(code) = worst else { return Ok(()) };
    let detail = match errors.as_slice() {
        [only] => only.clone(),
        many => format!("{} keys or ids are refused, so none was stored; see errors", many.len()),
    };
    Err(Problem::new(code, detail).with_errors(errors))
}

fn id_of_other_kind(kind: KeyKind) -> Problem {
    let other = match kind {
        KeyKind::Administration => "a client key",
        KeyKind::Client => "an administration key",
    };
    Problem::new(Code::AlreadyExists, format!("One of the ids belongs to {other}; choose another"))
}

fn noun(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Administration => "administration-key",
        KeyKind::Client => "client-key",
    }
}

/// Public keys are no secrets: the log may show which key it was.
fn describe(id: &str, pem: &str) -> Value {
    json!({ "id": id, "publicKey": pem })
}
