use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderName, request::Parts},
};

/// Longest request id that is kept, in bytes.
const REQUEST_ID_MAX: usize = 128;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where a request comes from, for the lock-out and the audit log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The caller's address, if the server was started with it (axum's `ConnectInfo`). Behind a
    /// proxy, whoever trusts its headers replaces that extension before the handlers run.
    pub address: Option<IpAddr>,
    pub request_id: &'a str,
}

impl<'a> Origin<'a> {
    /// Reads the address and the request id that the server gave the request.
    #[must_use]
    pub fn of(parts: &'a Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let request_id = parts
            .headers
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| id.len() <= REQUEST_ID_MAX);
        Self {
            address: peer.map(|ConnectInfo(peer)| peer.ip()),
            request_id: request_id.unwrap_or_default(),
        }
    }
}
