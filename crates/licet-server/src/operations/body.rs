//! Bodies of log-ins, which strangers send.

use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::{
    extract::JsonBody,
    limits::LOG_IN_BODY_BYTES_MAX,
    problem::{Code, Problem},
};

/// A small JSON body.
#[derive(Debug)]
pub(crate) struct SmallBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for SmallBody<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        DefaultBodyLimit::max(LOG_IN_BODY_BYTES_MAX).apply(&mut request);
        match JsonBody::from_request(request, state).await {
            Ok(JsonBody(body)) => Ok(Self(body)),
            Err(problem) if problem.code() == Code::BodyTooLarge => Err(Problem::new(
                Code::BodyTooLarge,
                format!("A body may have at most {LOG_IN_BODY_BYTES_MAX} bytes here"),
            )),
            Err(problem) => Err(problem),
        }
    }
}
