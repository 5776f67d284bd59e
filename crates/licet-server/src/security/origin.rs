use std::net::{IpAddr, SocketAddr};

use axum::{extract::ConnectInfo, http::request::Parts};

use crate::request_id::request_id;

/// Stands among a request's extensions if it came over TLS. Behind a proxy that ends TLS, whoever
/// trusts its headers adds it before the handlers run.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

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
        Self {
            address: peer.map(|ConnectInfo(peer)| peer.ip()),
            request_id: request_id(&parts.headers, &parts.extensions),
        }
    }
}
