//! The client: one server, one token, one version of the API.

use std::{fmt, sync::Arc, time::Duration};

use licet_protocol::ApiVersion;
use serde::de::DeserializeOwned;
use ureq::tls::{PemItem, RootCerts, parse_pem};

use crate::{
    Error, Timed,
    retry::Retry,
    transport::{Answer, Call, Transport},
};

/// A way to talk to one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    token: Option<Arc<str>>,
    version: ApiVersion,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.transport.server())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client without a token that speaks `v1.1` and trusts whom the operating system trusts.
    ///
    /// `server` is an address such as `http://127.0.0.1:7070`.
    ///
    /// # Errors
    /// [`Error::Unusable`], if that is no address.
    pub fn new(server: &str) -> Result<Self, Error> {
        let transport = Transport::new(server, None)?;
        Ok(Self { transport, token: None, version: ApiVersion::default() })
    }

    /// A client that trusts the certificates in a PEM file alone.
    ///
    /// # Errors
    /// [`Error::Unusable`], if `server` is no address or `pem` holds no certificate.
    pub fn with_certificates(server: &str, pem: &[u8]) -> Result<Self, Error> {
        let certificates: Vec<_> = parse_pem(pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            let hint = "the file of certificates holds none; it must be PEM (BEGIN CERTIFICATE)";
            return Err(Error::Unusable(hint.to_owned()));
        }
        let transport = Transport::new(server, Some(RootCerts::from(certificates)))?;
        Ok(Self { transport, token: None, version: ApiVersion::default() })
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<Arc<str>>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The same with another version of the API.
    #[must_use]
    pub fn with_version(mut self, version: ApiVersion) -> Self {
        self.version = version;
        self
    }

    /// The same with another number of attempts (at least 1) and wait after the first one.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, first_wait: Duration) -> Self {
        self.transport.retry = Retry { attempts: attempts.max(1), first_wait };
        self
    }

    /// Address of the server.
    #[must_use]
    pub fn server(&self) -> &str {
        self.transport.server()
    }

    /// The version of the API that it speaks.
    #[must_use]
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// `/provisioning/api/v1.1/…`
    pub(crate) fn provisioning(&self, rest: &str) -> String {
        format!("/provisioning/api/{}/{rest}", self.version)
    }

    /// `/api/v1.1/…`
    pub(crate) fn api(&self, rest: &str) -> String {
        format!("/api/{}/{rest}", self.version)
    }

    /// `/elastic/api/v1.1/…`
    pub(crate) fn elastic(&self, rest: &str) -> String {
        format!("/elastic/api/{}/{rest}", self.version)
    }

    pub(crate) fn send(&self, call: &Call) -> Result<Answer, Error> {
        self.transport.send(call, self.token.as_deref())
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.send(call)?.read()
    }

    pub(crate) fn read_timed<T: DeserializeOwned>(&self, call: &Call) -> Result<Timed<T>, Error> {
        let answer = self.send(call)?;
        Ok(Timed { value: answer.read()?, server_ms: answer.server_ms })
    }

    /// A call whose answer says nothing but yes.
    pub(crate) fn expect_success(&self, call: &Call) -> Result<(), Error> {
        let answer = self.send(call)?;
        if answer.is_success() { Ok(()) } else { Err(answer.error()) }
    }
}
