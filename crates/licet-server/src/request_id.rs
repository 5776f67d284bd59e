//! Ids of requests: the caller's own, or one that is made here.

use std::cell::Cell;

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that takes an id in and out.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from the caller, in bytes.
const REQUEST_ID_MAX: usize = 128;

/// An id that was made here, since the caller sent none that can be taken over.
#[derive(Debug, Clone, Copy)]
struct Made([u8; 36]);

impl Made {
    /// A thread draws one id and counts on from there: drawing costs more than all the rest that is
    /// seen of a request.
    fn new() -> Self {
        thread_local! {
            static LAST: Cell<Uuid> = Cell::new(Uuid::now_v7());
        }
        let id = LAST.with(|last| {
            let (time, random) = last.get().as_u64_pair();
            let next = Uuid::from_u64_pair(time, random.wrapping_add(1));
            last.replace(next)
        });
        let mut text = [0; 36];
        id.hyphenated().encode_lower(&mut text);
        Self(text)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Gives a request its id, and returns it for the answer.
pub(crate) fn assign(headers: &HeaderMap, extensions: &mut Extensions) -> HeaderValue {
    if let Some(id) = headers.get(&X_REQUEST_ID).filter(|id| is_good(id)) {
        return id.clone();
    }
    let made = Made::new();
    extensions.insert(made);
    HeaderValue::from_bytes(&made.0).unwrap_or(const { HeaderValue::from_static("none") })
}

/// The id that a request was given.
pub(crate) fn request_id<'a>(headers: &'a HeaderMap, extensions: &'a Extensions) -> &'a str {
    if let Some(made) = extensions.get::<Made>() {
        return made.as_str();
    }
    let given = headers.get(&X_REQUEST_ID).filter(|id| is_good(id));
    given.and_then(|id| id.to_str().ok()).unwrap_or_default()
}

fn is_good(id: &HeaderValue) -> bool {
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(given: Option<&'static str>) -> (String, String) {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        if let Some(given) = given {
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(given));
        }
        let id = assign(&headers, &mut extensions);
        let answered = id.to_str().unwrap().to_owned();
        (answered, request_id(&headers, &extensions).to_owned())
    }

    #[test]
    fn what_the_caller_sent_is_taken_over() {
        assert_eq!(assigned(Some("r-1")), ("r-1".to_owned(), "r-1".to_owned()));
    }

    #[test]
    fn whoever_sends_none_that_is_good_gets_one_of_its_own() {
        let (first, known) = assigned(None);
        assert_eq!(first, known);
        assert_eq!(first.parse::<Uuid>().unwrap().get_version_num(), 7);
        for bad in ["", "a b"] {
            let (made, known) = assigned(Some(bad));
            assert_eq!(made, known);
            assert_ne!(made, first);
            assert!(made.parse::<Uuid>().is_ok(), "{made}");
        }
    }
}
