//! The public keys that verify what this server signs.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{App, Problem, security::sha256};

/// A copy is good for five minutes; a new key signs later than that.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The public keys that verify signed answers (RFC 7517).
///
/// A signed answer names its key by `kid`. Keep a copy for as long as `Cache-Control` says, and ask
/// again when a `kid` is not in it. Keys are here before they sign, and some weeks after.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getJwks",
    tag = "service",
    responses(
        (status = 200, description = "The keys", body = licet_protocol::JwkSet,
            headers(
                ("ETag" = String, description = "Changes with the keys"),
                ("Cache-Control" = String, description = "For how long a copy is good"),
            )),
        (status = 304, description = "They are still those of `If-None-Match`"),
    )
)]
pub(crate) async fn jwks(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let body = serde_json::to_vec(&app.signer.jwk_set());
    let body = body.map_err(|error| Problem::internal(&error))?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&sha256(&body)[..16]));
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|list| names(list, &tag));
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, JSON)], body).into_response(),
    };
    let tag = HeaderValue::try_from(tag).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE_CONTROL);
    Ok(response)
}

/// Whether `If-None-Match` names the tag; a weak one does as well (RFC 9110, 13.1.2).
fn names(list: &HeaderValue, tag: &str) -> bool {
    let mut tags = list.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    tags.any(|known| known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        for (list, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", W/\"a\" ,\"c\"", true),
            ("*", true),
            ("", false),
            ("a", false),
            ("\"aa\", \"b\"", false),
        ] {
            assert_eq!(names(&HeaderValue::from_str(list).unwrap(), "\"a\""), expected, "{list}");
        }
    }
}
