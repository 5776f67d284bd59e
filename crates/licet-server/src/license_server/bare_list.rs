//! Lists that are bare arrays, as clients of licence servers expect them. What else is to be said of
//! a list stands in headers.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use licet_protocol::Moment;
use serde::Serialize;

use crate::Problem;

/// When a list was read.
const AS_OF: HeaderName = HeaderName::from_static("x-as-of");

/// A list, or a page of one.
#[derive(Debug)]
pub(super) struct BareList<T> {
    as_of_ms: i64,
    items: Vec<T>,
    /// Address of the next page.
    next: Option<String>,
}

impl<T> BareList<T> {
    /// A list that is whole.
    pub(super) fn new(as_of_ms: i64, items: Vec<T>) -> Self {
        Self { as_of_ms, items, next: None }
    }

    /// The same list as a page, after which comes the one at `next`.
    pub(super) fn followed_by(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }

    fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, header::InvalidHeaderValue> {
        let mut headers = vec![(AS_OF, HeaderValue::try_from(Moment(self.as_of_ms).to_string())?)];
        if let Some(next) = &self.next {
            headers.push((header::LINK, HeaderValue::try_from(format!("<{next}>; rel=\"next\""))?));
        }
        Ok(headers)
    }
}

impl<T: Serialize> IntoResponse for BareList<T> {
    fn into_response(self) -> Response {
        match self.headers() {
            Ok(headers) => {
                let mut response = Json(self.items).into_response();
                response.headers_mut().extend(headers);
                response
            }
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}
