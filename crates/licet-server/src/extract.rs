//! Extractors that all doors share: bodies, queries and headers, with errors that say where.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Query, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{
    limits::{BODY_BYTES_MAX, BODY_TIMEOUT},
    problem::{Code, Problem},
    request_id::request_id,
};

/// A body as it came, within the limit: for who needs its very bytes.
#[derive(Debug)]
pub(crate) struct RawBody(pub(crate) Bytes);

/// A body read as JSON by [`licet_protocol::parse`].
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

/// The query string. What it is read into refuses parameters that it does not know, so that a
/// misspelt one is never taken for one that was left out.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

/// Id of the request, for the audit log.
#[derive(Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        Ok(Self(read_body(request, state).await?))
    }
}

/// Reads a body of any media type, within the limit.
///
/// # Errors
/// 408, 413, or 400 if it breaks off.
pub(crate) async fn read_body<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Bytes, Problem> {
    let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state));
    let body = body.await.map_err(|_| too_slow())?.map_err(unreadable)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(too_large());
    }
    Ok(body)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let RawBody(body) = RawBody::from_request(request, state).await?;
        Ok(Self(licet_protocol::parse(&body)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri).map_err(|rejection| {
            let text = rejection.body_text();
            let what = text.strip_prefix("Failed to deserialize query string: ");
            Problem::validation(vec![what.unwrap_or(&text).to_owned()])
        })?;
        Ok(Self(query.0))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(request_id(&parts.headers, &parts.extensions).to_owned()))
    }
}

/// A body may come without a type; one that says to be something else than JSON is not read.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(essence) = media_type(headers) else { return Ok(()) };
    let is_json = essence.eq_ignore_ascii_case(b"application/json")
        || essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json");
    if is_json {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "Send Content-Type: application/json"))
}

/// The same for a body that is one of `media_types`.
///
/// # Errors
/// 415 `unsupported_media_type`
pub(crate) fn check_media_type_among(
    headers: &HeaderMap,
    media_types: &[&str],
) -> Result<(), Problem> {
    let Some(essence) = media_type(headers) else { return Ok(()) };
    if media_types.iter().any(|known| essence.eq_ignore_ascii_case(known.as_bytes())) {
        return Ok(());
    }
    let detail = format!("Send Content-Type: {}", media_types.join(" or "));
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// The media type of a body without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::CONTENT_TYPE)?;
    value.as_bytes().split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii)
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => too_large(),
        _ => Problem::bad_request("The body broke off before its end"),
    }
}

fn too_slow() -> Problem {
    let seconds = BODY_TIMEOUT.as_secs();
    Problem::new(Code::BodyTimeout, format!("The body did not come within {seconds} seconds"))
}

fn too_large() -> Problem {
    let detail = format!("A body may have at most {BODY_BYTES_MAX} bytes; send less at a time");
    Problem::new(Code::BodyTooLarge, detail)
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use serde::Deserialize;

    use super::*;

    async fn read(media_type: Option<&str>, body: Vec<u8>) -> Result<Vec<u8>, Code> {
        let mut request = Request::builder().method("POST").uri("/");
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let request = request.body(Body::from(body)).unwrap();
        let body = JsonBody::<Vec<u8>>::from_request(request, &()).await;
        body.map(|JsonBody(list)| list).map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn a_body_is_json_within_the_limit() {
        assert_eq!(read(None, b"[1]".to_vec()).await, Ok(vec![1]));
        for media_type in ["application/json; charset=utf-8", "Application/JSON", "a/b+json"] {
            assert_eq!(read(Some(media_type), b"[1]".to_vec()).await, Ok(vec![1]), "{media_type}");
        }
        for media_type in ["text/plain", "+json", "", "application/x-www-form-urlencoded"] {
            let refused = read(Some(media_type), b"[1]".to_vec()).await;
            assert_eq!(refused, Err(Code::UnsupportedMediaType), "{media_type}");
        }
        assert_eq!(read(None, b"[1".to_vec()).await, Err(Code::Malformed));
        assert_eq!(read(None, vec![b' '; BODY_BYTES_MAX + 1]).await, Err(Code::BodyTooLarge));
        assert_eq!(read(None, vec![b' '; BODY_BYTES_MAX * 4]).await, Err(Code::BodyTooLarge));
    }

    #[tokio::test]
    async fn a_query_says_which_parameter_is_wrong() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Page {
            next: Option<u64>,
        }
        let read = async |uri: &str| {
            let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
            let params = Params::<Page>::from_request_parts(&mut parts, &()).await;
            params.map(|Params(page)| page.next).map_err(|problem| problem.errors().to_vec())
        };
        assert_eq!(read("/?next=7").await, Ok(Some(7)));
        assert_eq!(read("/").await, Ok(None));
        let refused = read("/?next=x").await.unwrap_err();
        assert_eq!(refused, ["next: invalid digit found in string"]);
        let refused = read("/?next=7&nxet=x").await.unwrap_err();
        assert_eq!(refused, ["nxet: unknown field `nxet`, expected `next`"]);
    }
}
