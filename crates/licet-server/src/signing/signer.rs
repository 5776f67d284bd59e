//! Signing.

use std::sync::Arc;

use arc_swap::ArcSwap;
use licet_engine::Clock;
use licet_protocol::{
    JwkSet, ProtectedHeader, SignedDocument, SigningAlgorithm, SigningKeyOut, SigningKeys,
    UnsignedDocument,
};
use licet_store::Store;
use serde::Serialize;
use tokio::sync::Mutex;

use super::{
    crew::{Crew, Handed, Signed, Work},
    ring::{Ring, SigningKey},
};
use crate::{
    problem::{Code, Problem},
    security::{MasterKey, MasterKeyError},
    server::StartError,
};

/// Bytes of a common answer.
const PAYLOAD_BYTES: usize = 1_024;

/// Signs what the site answers; a clone is cheap and the same.
#[derive(Clone)]
pub struct Signer {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) master_key: MasterKey,
    pub(super) ring: ArcSwap<Ring>,
    /// Held while keys change or are read, so that reloads do not overtake each other.
    pub(super) changing: Mutex<()>,
    crew: Crew,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("ring", &self.shared.ring.load()).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads the keys; a store without any gets one for EdDSA.
    ///
    /// # Errors
    /// [`StartError::MasterKey`] if a key that is to sign is sealed under another master key; the
    /// store cannot be read or written.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        master_key: MasterKey,
    ) -> Result<Self, StartError> {
        let shared = Shared {
            store,
            clock,
            master_key,
            ring: ArcSwap::default(),
            changing: Mutex::new(()),
            crew: Crew::start().map_err(StartError::Threads)?,
        };
        let signer = Self { shared: Arc::new(shared) };
        signer.reload().await?;
        let now_ms = signer.now_ms();
        let kids = signer.shared.ring.load().locked(now_ms);
        if !kids.is_empty() {
            return Err(MasterKeyError::Wrong { kids }.into());
        }
        if signer.key(SigningAlgorithm::EdDsa, now_ms).is_none() {
            signer.make_first(SigningAlgorithm::EdDsa).await?;
        }
        Ok(signer)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Signs a JSON document of the kind `typ`. Its JSON serialization is
    /// [`SignedDocument::to_json`].
    ///
    /// # Errors
    /// As [`Signer::sign`]; 500 if the payload cannot be written.
    pub async fn sign_json(
        &self,
        algorithm: SigningAlgorithm,
        typ: &str,
        payload: &impl Serialize,
    ) -> Result<SignedDocument, Problem> {
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES);
        serde_json::to_writer(&mut bytes, payload).map_err(|error| Problem::internal(&error))?;
        self.sign(algorithm, typ, &bytes).await
    }

    /// Signs a document of the kind `typ`, and gives its compact serialization.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub async fn sign_compact(
        &self,
        algorithm: SigningAlgorithm,
        typ: &str,
        payload: &[u8],
    ) -> Result<String, Problem> {
        self.sign(algorithm, typ, payload).await.map(SignedDocument::into_compact)
    }

    /// Signs a document of the kind `typ` with the key that signs now. The first document for an
    /// algorithm waits until a key for it is made.
    ///
    /// # Errors
    /// 503 `overloaded` if too many wait for a slow signature, 503 `signing_unavailable` if this
    /// server cannot unseal the keys that are to sign, 503 `store_unavailable` if a key is needed
    /// that cannot be stored.
    pub async fn sign(
        &self,
        algorithm: SigningAlgorithm,
        typ: &str,
        payload: &[u8],
    ) -> Result<SignedDocument, Problem> {
        let key = match self.key(algorithm, self.now_ms()) {
            Some(key) => key,
            // In a box, so that it makes no other signature wait for its size.
            None => Box::pin(self.make_first(algorithm)).await?,
        };
        let header = ProtectedHeader { alg: algorithm, kid: key.kid.as_str(), typ };
        let header = serde_json::to_vec(&header).map_err(|error| Problem::internal(&error))?;
        let work = Work { key, document: UnsignedDocument::new(&header, payload) };
        let signed: Signed = match self.shared.crew.hand(work) {
            Handed::Taken(signed) => signed.await.map_err(|error| Problem::internal(&error))?,
            // Another signature would only make it wait.
            Handed::Back(work) if algorithm == SigningAlgorithm::EdDsa => work.do_it(),
            Handed::Back(_) => return Err(overloaded()),
        };
        signed.map_err(|error| Problem::internal(&error))
    }

    pub(super) fn key(&self, algorithm: SigningAlgorithm, now_ms: i64) -> Option<Arc<SigningKey>> {
        self.shared.ring.load().signing(algorithm, now_ms).cloned()
    }

    /// The key that signs, where there was none yet.
    async fn make_first(&self, algorithm: SigningAlgorithm) -> Result<Arc<SigningKey>, Problem> {
        let _changing = self.shared.changing.lock().await;
        // Whoever waited for the lock finds the key that was made meanwhile.
        if let Some(key) = self.key(algorithm, self.now_ms()) {
            return Ok(key);
        }
        self.read_keys().await?;
        if let Some(key) = self.key(algorithm, self.now_ms()) {
            return Ok(key);
        }
        // A new key would take the place of those, and other servers can sign with them.
        if !self.shared.ring.load().locked(self.now_ms()).is_empty() {
            return Err(unavailable());
        }
        self.add_first(algorithm).await?;
        self.key(algorithm, self.now_ms()).ok_or_else(unavailable)
    }

    /// The public keys that verify what is signed now, or was lately.
    #[must_use]
    pub fn jwk_set(&self) -> JwkSet {
        self.shared.ring.load().jwk_set(self.now_ms())
    }

    /// All keys that are not over.
    #[must_use]
    pub fn keys(&self) -> SigningKeys {
        let now_ms = self.now_ms();
        let ring = self.shared.ring.load();
        SigningKeys { keys: ring.published(now_ms).map(|key| key.describe(now_ms)).collect() }
    }

    pub(super) fn describe(&self, kid: &str) -> Option<SigningKeyOut> {
        let now_ms = self.now_ms();
        let ring = self.shared.ring.load();
        ring.published(now_ms).find(|key| key.kid == kid).map(|key| key.describe(now_ms))
    }
}

fn overloaded() -> Problem {
    Problem::new(Code::Overloaded, "Too many answers wait for their signature; ask again")
        .with_retry_after(1)
}

fn unavailable() -> Problem {
    Problem::new(
        Code::SigningUnavailable,
        "This server cannot use the signing keys of the site; its log says which, and why",
    )
    .with_retry_after(60)
}
