//! What the audit log and the lock-out want to know of a request.

use std::{convert::Infallible, net::IpAddr};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::security::{Author, Origin, Principal};

/// Where a request came from, and its id.
#[derive(Debug)]
pub(crate) struct Asked {
    address: Option<IpAddr>,
    request_id: String,
}

impl Asked {
    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin { address: self.address, request_id: &self.request_id }
    }

    pub(crate) fn author<'a>(&'a self, caller: &'a Principal, now_ms: i64) -> Author<'a> {
        Author::new(caller, &self.request_id, now_ms)
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let origin = Origin::of(parts);
        Ok(Self { address: origin.address, request_id: origin.request_id.to_owned() })
    }
}
