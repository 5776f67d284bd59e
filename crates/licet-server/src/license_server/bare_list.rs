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

    /// A page of at most `limit` items. Of what was found, one more tells that there is another
    /// page, at the address that `after` gives for the last item of this one.
    pub(super) fn page<F>(
        as_of_ms: i64,
        mut found: Vec<F>,
        limit: usize,
        after: impl FnOnce(&F) -> String,
        wire: impl FnMut(F) -> T,
    ) -> Self {
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(after);
        Self { next, ..Self::new(as_of_ms, found.into_iter().map(wire).collect()) }
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
