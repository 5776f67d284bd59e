use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::Deserialize;

use crate::Problem;

/// `{id}`, where it is a number; what is none is the number of nothing.
#[derive(Debug)]
pub(super) struct Numbered(Option<u64>);

impl Numbered {
    /// # Errors
    /// 404 `not_found`
    pub(super) fn of(self, what: &str) -> Result<u64, Problem> {
        self.0.ok_or_else(|| Problem::not_found(what))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Numbered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Segment {
            id: u64,
        }
        let segment = Path::<Segment>::from_request_parts(parts, state).await;
        Ok(Self(segment.ok().map(|Path(segment)| segment.id)))
    }
}
