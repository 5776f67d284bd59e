//! The signing keys as they stand.

use std::sync::Arc;

use licet_protocol::{
    JwkSet, KeyUse, Millis, PublicJwk, PublishedJwk, SigningAlgorithm, SigningKeyOut,
    SigningKeyState,
};
use licet_store::SigningKeyRow;
use thiserror::Error;

use super::{
    key_pair::{KeyPair, KeyPairError, thumbprint},
    rotation::may_sign,
};
use crate::security::{MasterKey, MasterKeyError, Unsealable};

/// All signing keys; never changes, a change makes a new one.
#[derive(Debug, Default)]
pub(super) struct Ring {
    keys: Vec<Arc<SigningKey>>,
}

/// A signing key, made ready.
#[derive(Debug)]
pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: SigningAlgorithm,
    private: Private,
    public: PublicJwk,
    row: SigningKeyRow,
}

#[derive(Debug)]
enum Private {
    Open(KeyPair),
    /// Sealed under another master key than this server's.
    Locked,
    /// It is not to sign any more.
    Gone,
}

/// A stored key that is not what was written.
#[derive(Debug, Error)]
#[error("the signing key {kid} is damaged: {what}")]
pub(super) struct Damaged {
    kid: String,
    what: &'static str,
}

impl SigningKey {
    /// Makes a key that signs from `activates_ms` on, and its row.
    pub(super) fn generate(
        algorithm: SigningAlgorithm,
        master_key: &MasterKey,
        created_ms: i64,
        activates_ms: i64,
    ) -> Result<SigningKeyRow, NotMade> {
        let pair = KeyPair::generate(algorithm)?;
        let public = pair.public_jwk()?;
        let kid = thumbprint(&public);
        let sealed = master_key.seal(&name(algorithm, &kid), &pair.to_pkcs8()?)?;
        Ok(SigningKeyRow {
            kid,
            algorithm: algorithm.to_string(),
            sealed_private_key: Some(sealed),
            public_jwk: public.thumbprint_input(),
            created_ms,
            activates_ms,
            retirement: None,
        })
    }

    fn read(row: SigningKeyRow, master_key: &MasterKey) -> Result<Self, Damaged> {
        let damaged = |what| Damaged { kid: row.kid.clone(), what };
        let algorithm = row.algorithm.parse().map_err(|_| damaged("its algorithm is unknown"))?;
        let public: PublicJwk = serde_json::from_str(&row.public_jwk)
            .map_err(|_| damaged("its public half cannot be read"))?;
        if thumbprint(&public) != row.kid {
            return Err(damaged("its public half is another key's"));
        }
        let sealed = row.sealed_private_key.as_deref();
        let private =
            match sealed.map(|sealed| master_key.unseal(&name(algorithm, &row.kid), sealed)) {
                None => Private::Gone,
                Some(Err(Unsealable)) => Private::Locked,
                Some(Ok(der)) => match KeyPair::from_pkcs8(algorithm, &der) {
                    Ok(pair) if pair.public_jwk().as_ref() == Ok(&public) => Private::Open(pair),
                    _ => return Err(damaged("its halves do not belong together")),
                },
            };
        Ok(Self { kid: row.kid.clone(), algorithm, private, public, row })
    }

    fn state(&self, now_ms: i64) -> SigningKeyState {
        if !may_sign(&self.row, now_ms) {
            SigningKeyState::Retired
        } else if self.row.activates_ms > now_ms {
            SigningKeyState::Pending
        } else {
            SigningKeyState::Signing
        }
    }

    fn is_published(&self, now_ms: i64) -> bool {
        self.row.retirement.is_none_or(|end| end.expires_ms > now_ms)
    }

    /// Signs; only for a key that [`Ring::signing`] gave.
    pub(super) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyPairError> {
        match &self.private {
            Private::Open(pair) => pair.sign(input),
            Private::Locked | Private::Gone => Err(KeyPairError::Sign),
        }
    }

    pub(super) fn describe(&self, now_ms: i64) -> SigningKeyOut {
        let end = self.row.retirement;
        SigningKeyOut {
            kid: self.kid.clone(),
            algorithm: self.algorithm,
            state: self.state(now_ms),
            created: Millis(self.row.created_ms),
            activates: Millis(self.row.activates_ms),
            retires: end.map(|end| Millis(end.retires_ms)),
            expires: end.map(|end| Millis(end.expires_ms)),
            public_key: self.public.clone(),
        }
    }
}

/// Why there is no new key.
#[derive(Debug, Error)]
pub(super) enum NotMade {
    #[error("no signing key was made: {0}")]
    KeyPair(#[from] KeyPairError),
    #[error("no signing key was made: {0}")]
    MasterKey(#[from] MasterKeyError),
}

/// What a private key is sealed as, so that nobody puts it in the place of another one.
fn name(algorithm: SigningAlgorithm, kid: &str) -> String {
    format!("signing-key {algorithm} {kid}")
}

impl Ring {
    /// Reads stored keys. One that is damaged is left out and logged, so that the others go on
    /// working.
    pub(super) fn read(rows: Vec<SigningKeyRow>, master_key: &MasterKey) -> Self {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            match SigningKey::read(row, master_key) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(error) => tracing::error!(%error, "signing key left out"),
            }
        }
        Self { keys }
    }

    /// The key that signs now: the one that took over last. If none has begun yet, because another
    /// server's clock is ahead, the first one that will.
    pub(super) fn signing(
        &self,
        algorithm: SigningAlgorithm,
        now_ms: i64,
    ) -> Option<&Arc<SigningKey>> {
        let able = || {
            self.keys.iter().filter(move |key| {
                key.algorithm == algorithm
                    && matches!(key.private, Private::Open(_))
                    && may_sign(&key.row, now_ms)
            })
        };
        let begun = |key: &&Arc<SigningKey>| key.row.activates_ms <= now_ms;
        let order = |key: &&Arc<SigningKey>| (key.row.activates_ms, key.row.created_ms);
        able().filter(begun).max_by_key(order).or_else(|| able().min_by_key(order))
    }

    /// Ids of keys that are to sign, but cannot be unsealed here.
    pub(super) fn locked(&self, now_ms: i64) -> Vec<String> {
        let locked = self
            .keys
            .iter()
            .filter(|key| matches!(key.private, Private::Locked) && may_sign(&key.row, now_ms));
        locked.map(|key| key.kid.clone()).collect()
    }

    /// Keys that are not over, oldest first.
    pub(super) fn published(&self, now_ms: i64) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().map(|key| &**key).filter(move |key| key.is_published(now_ms))
    }

    pub(super) fn jwk_set(&self, now_ms: i64) -> JwkSet {
        let published = |key: &SigningKey| PublishedJwk {
            kid: key.kid.clone(),
            alg: key.algorithm,
            usage: KeyUse::Signature,
            key: key.public.clone(),
        };
        JwkSet { keys: self.published(now_ms).map(published).collect() }
    }
}

#[cfg(test)]
mod tests {
    use licet_store::Retirement;

    use super::*;

    const EDDSA: SigningAlgorithm = SigningAlgorithm::EdDsa;

    fn key(master_key: &MasterKey, activates_ms: i64) -> SigningKeyRow {
        SigningKey::generate(EDDSA, master_key, 0, activates_ms).unwrap()
    }

    fn signer(rows: &[SigningKeyRow], master_key: &MasterKey, now_ms: i64) -> Option<String> {
        let ring = Ring::read(rows.to_vec(), master_key);
        ring.signing(EDDSA, now_ms).map(|key| key.kid.clone())
    }

    #[test]
    fn the_clock_says_which_key_signs() {
        let master_key = MasterKey::random().unwrap();
        let (mut old, new) = (key(&master_key, 10), key(&master_key, 600));
        old.retirement = Some(Retirement { retires_ms: 600, expires_ms: 900 });
        let rows = [old.clone(), new.clone()];
        for (now_ms, expected) in [(5, &old), (10, &old), (599, &old), (600, &new), (9999, &new)] {
            let found = signer(&rows, &master_key, now_ms);
            assert_eq!(found.as_ref(), Some(&expected.kid), "{now_ms}");
        }
        assert_eq!(signer(&rows[..1], &master_key, 600), None);
        let ring = Ring::read(rows.to_vec(), &master_key);
        assert_eq!(ring.jwk_set(0).keys.len(), 2);
        assert_eq!(ring.jwk_set(899).keys.len(), 2);
        assert_eq!(ring.jwk_set(900).keys.len(), 1);
        assert!(ring.signing(SigningAlgorithm::Rs256, 10).is_none());
    }

    #[test]
    fn a_key_under_another_master_key_is_published_but_does_not_sign() {
        let (ours, theirs) = (MasterKey::random().unwrap(), MasterKey::random().unwrap());
        let rows = [key(&ours, 10), key(&theirs, 20)];
        assert_eq!(signer(&rows, &ours, 100).as_ref(), Some(&rows[0].kid));
        let ring = Ring::read(rows.to_vec(), &ours);
        assert_eq!(ring.locked(100), [rows[1].kid.clone()]);
        assert_eq!(ring.jwk_set(100).keys.len(), 2);
    }

    #[test]
    fn a_row_that_was_tampered_with_is_left_out() {
        let master_key = MasterKey::random().unwrap();
        let (one, other) = (key(&master_key, 10), key(&master_key, 10));
        let swapped = SigningKeyRow { public_jwk: other.public_jwk.clone(), ..one.clone() };
        let unknown = SigningKeyRow { algorithm: "none".into(), ..one.clone() };
        let garbage = SigningKeyRow { public_jwk: "?".into(), ..one.clone() };
        let ring = Ring::read(vec![swapped, unknown, garbage], &master_key);
        assert_eq!(ring.published(0).count(), 0);
        // A private key in the place of another one was sealed under another name.
        let moved = SigningKeyRow { sealed_private_key: other.sealed_private_key, ..one.clone() };
        assert_eq!(Ring::read(vec![moved], &master_key).locked(10), [one.kid]);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let master_key = MasterKey::random().unwrap();
        let row = key(&master_key, 10);
        let sealed = format!("{:?}", row.sealed_private_key.as_deref().unwrap());
        let shown =
            format!("{row:?} {:?} {master_key:?}", Ring::read(vec![row.clone()], &master_key));
        assert!(!shown.contains(sealed.trim_matches(['[', ']'])), "{shown}");
    }
}
