//! The keys that sign the site's answers.

use licet_protocol::{JwkSet, SigningKeyIn, SigningKeyOut, SigningKeys};

use crate::{Client, Error, path::encode, transport::Call, users::operations};

impl Client {
    /// The public keys that verify what the server signs, or signed lately.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn jwk_set(&self) -> Result<JwkSet, Error> {
        self.read(&Call::get("/.well-known/jwks.json".to_owned()))
    }

    /// All keys that sign, will sign or signed lately.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn signing_keys(&self) -> Result<Vec<SigningKeyOut>, Error> {
        let all: SigningKeys = self.read(&Call::get(operations("signing-keys")))?;
        Ok(all.keys)
    }

    /// Makes a key that takes over signing.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if there are too many; else as every call.
    pub fn create_signing_key(&self, key: &SigningKeyIn) -> Result<SigningKeyOut, Error> {
        self.read(&Call::post(operations("signing-keys"), key)?)
    }

    /// Ends a key at once; nothing that it signed can be verified any more.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn delete_signing_key(&self, kid: &str) -> Result<(), Error> {
        self.expect_success(&Call::delete(operations(&format!("signing-keys/{}", encode(kid)))))
    }
}
