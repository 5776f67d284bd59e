//! Uploading, deleting and listing the public keys that verify the tokens of an instance's
//! clients.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use licet_store::{KeyKind, LicensingKeyRow, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    audit::Author,
    authenticator::Authenticator,
    keys::{KeyError, PublicKey},
    pem::{PemError, read_public_key},
    thumbprint::thumbprint,
};
use crate::problem::{Code, Problem};

/// Keys that an instance may have: a token that names none is tried with each.
const KEYS_MAX: usize = 16;
/// Longest id of a key, in characters.
const KID_CHARS_MAX: usize = 128;

/// A licensing key, made ready to verify.
#[derive(Debug)]
pub struct LicensingKey {
    pub kid: String,
    /// As it was uploaded.
    pub der: Vec<u8>,
    pub created_ms: i64,
    pub(super) key: PublicKey,
}

impl LicensingKey {
    /// The DER of a key that was sent as DER, or as PEM.
    ///
    /// # Errors
    /// 400 that says what was sent instead.
    pub fn der(body: &[u8]) -> Result<Vec<u8>, Problem> {
        if body.is_empty() {
            return Err(Problem::invalid(
                "$",
                "is empty; send the public key (curl: --data-binary)",
            ));
        }
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        match std::str::from_utf8(body) {
            Ok(text) if body.iter().all(is_text) => {
                read_public_key(text).map_err(|error| match error {
                    PemError::NotPem => Problem::new(Code::InvalidPublicKey, NEITHER),
                    error => refused(KeyError::Pem(error)),
                })
            }
            _ => Ok(body.to_vec()),
        }
    }

    pub(super) fn parse(kid: String, der: Vec<u8>, created_ms: i64) -> Result<Self, KeyError> {
        let key = PublicKey::from_der(KeyKind::Client, &der)?;
        Ok(Self { kid, der, created_ms, key })
    }
}

const NEITHER: &str = "The key is neither PEM nor DER; send the file of openssl pkey -pubout, \
    with -outform DER or without (curl: --data-binary @FILE)";

/// The licensing keys of all instances; never changes, a change makes a new one.
#[derive(Debug, Default)]
pub(super) struct LicensingKeys {
    by_instance: HashMap<Uuid, Vec<Arc<LicensingKey>>>,
}

impl LicensingKeys {
    pub(super) fn of(&self, instance_id: Uuid) -> &[Arc<LicensingKey>] {
        self.by_instance.get(&instance_id).map_or(&[], Vec::as_slice)
    }

    /// Reads stored keys; those that stood before are not made ready again. One that cannot be
    /// read is left out and logged, so that the others go on working.
    fn from_rows(rows: Vec<LicensingKeyRow>, before: &Self) -> Self {
        let mut by_instance: HashMap<Uuid, Vec<Arc<LicensingKey>>> = HashMap::new();
        for row in rows {
            let is_same = |key: &&Arc<LicensingKey>| key.kid == row.kid && key.der == row.der;
            let known = before.of(row.instance_id).iter().find(is_same).cloned();
            let instance = row.instance_id;
            let key = match known {
                Some(key) => Ok(key),
                None => LicensingKey::parse(row.kid, row.der, row.created_ms).map(Arc::new),
            };
            match key {
                Ok(key) => by_instance.entry(instance).or_default().push(key),
                Err(error) => tracing::error!(%instance, ?error, "stored licensing key left out"),
            }
        }
        Self { by_instance }
    }
}

impl Authenticator {
    /// Adds a key to an instance, or puts it in place of the one with the same `kid`. It is in
    /// force when this returns.
    ///
    /// # Errors
    /// 400 for a key that is none, too weak or private; 409 if the instance has its 16 keys.
    pub async fn upload_licensing_key(
        &self,
        instance_id: Uuid,
        kid: Option<String>,
        der: Vec<u8>,
        author: Author<'_>,
    ) -> Result<Arc<LicensingKey>, Problem> {
        let key = PublicKey::from_der(KeyKind::Client, &der).map_err(refused)?;
        let kid = match kid {
            Some(kid) => check_kid(kid)?,
            None => thumbprint(&der).map_err(refused)?,
        };
        let key = LicensingKey { kid, der, created_ms: author.now_ms, key };
        let _changing = self.changing.lock().await;
        self.read_licensing_keys().await?;
        let stored = self.licensing_keys(instance_id);
        let replaced = stored.iter().find(|old| old.kid == key.kid);
        if replaced.is_none() && stored.len() >= KEYS_MAX {
            return Err(Problem::conflict(format!(
                "An instance has at most {KEYS_MAX} licensing keys; delete one that is not used"
            )));
        }
        let before = replaced.map(|key| describe(key));
        let object = object(instance_id, &key.kid);
        let after = describe(&key);
        let audit = author.audit("licensing-key.put", &object, before.as_ref(), Some(&after));
        let row = LicensingKeyRow {
            instance_id,
            kid: key.kid.clone(),
            der: key.der.clone(),
            created_ms: key.created_ms,
        };
        self.store.put_licensing_key(row, audit).await?;
        self.read_licensing_keys().await?;
        Ok(Arc::new(key))
    }

    /// Deletes one key of an instance, or all. Tokens that they signed count no more when this
    /// returns.
    ///
    /// # Errors
    /// 404 if there is no key of that `kid`.
    pub async fn delete_licensing_keys(
        &self,
        instance_id: Uuid,
        kid: Option<String>,
        author: Author<'_>,
    ) -> Result<(), Problem> {
        let _changing = self.changing.lock().await;
        self.read_licensing_keys().await?;
        let stored = self.licensing_keys(instance_id);
        let gone: Vec<Value> = stored
            .iter()
            .filter(|key| kid.as_ref().is_none_or(|kid| key.kid == *kid))
            .map(|key| describe(key))
            .collect();
        let before = json!({ "keys": gone });
        let object = object(instance_id, kid.as_deref().unwrap_or_default());
        let audit = author.audit("licensing-key.delete", &object, Some(&before), None);
        let deleted = self.store.delete_licensing_keys(instance_id, kid, audit).await;
        deleted.map_err(|error| match error {
            StoreError::NotFound => Problem::not_found("licensing key"),
            other => other.into(),
        })?;
        self.read_licensing_keys().await
    }

    /// The keys of an instance, the oldest first.
    #[must_use]
    pub fn licensing_keys(&self, instance_id: Uuid) -> Vec<Arc<LicensingKey>> {
        self.licensing_key_set.load().of(instance_id).to_vec()
    }

    /// Forgets what is remembered of clients' tokens: what they must be has changed.
    pub fn forget_licensing(&self) {
        self.licensing_cache.forget_all();
    }

    /// The new keys are in place before the cache's generation moves: see [`super::cache`].
    pub(super) async fn read_licensing_keys(&self) -> Result<(), Problem> {
        let rows = self.store.licensing_keys().await?;
        let before = self.licensing_key_set.load_full();
        self.licensing_key_set.store(Arc::new(LicensingKeys::from_rows(rows, &before)));
        self.forget_licensing();
        Ok(())
    }
}

fn check_kid(kid: String) -> Result<String, Problem> {
    let is_sound =
        (1..=KID_CHARS_MAX).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound {
        return Ok(kid);
    }
    Err(Problem::invalid(
        "kid",
        &format!("must have 1 to {KID_CHARS_MAX} visible ASCII characters, no space"),
    ))
}

fn refused(error: KeyError) -> Problem {
    Problem::new(error.code(), format!("The key {}", error.advice()))
}

fn object(instance_id: Uuid, kid: &str) -> String {
    format!("instance/{instance_id}/licensing-key/{kid}")
}

/// Public keys are no secrets: the log may show which key it was.
fn describe(key: &LicensingKey) -> Value {
    json!({ "kid": key.kid, "publicKey": STANDARD.encode(&key.der) })
}
