use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};

use super::tokens::{IssuedToken, is_well_formed};
use crate::problem::{Code, Problem};

/// Name of the console's cookie; it holds a token of a user.
pub const SESSION_COOKIE: &str = "licet_session";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// `Set-Cookie` for a log-in at the console. `secure` when the console is reached by HTTPS.
///
/// # Errors
/// 500 if the token is no header text, which no issued token is.
pub fn session_cookie(
    issued: &IssuedToken,
    now_ms: i64,
    secure: bool,
) -> Result<HeaderValue, Problem> {
    let seconds = (issued.expires_ms - now_ms).max(0) / 1000;
    cookie(&issued.token, seconds, secure)
}

/// `Set-Cookie` for a log-out.
///
/// # Errors
/// None in practice; see [`session_cookie`].
pub fn clear_session_cookie(secure: bool) -> Result<HeaderValue, Problem> {
    cookie("", 0, secure)
}

fn cookie(value: &str, seconds: i64, secure: bool) -> Result<HeaderValue, Problem> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::try_from(text).map_err(|error| Problem::internal(&error))
}

/// The token in the console's cookie.
///
/// # Errors
/// 403 `cross_site_request` if a page of another site sent the request.
pub(crate) fn session_token(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(token) = read(&parts.headers) else { return Ok(None) };
    if is_safe(&parts.method) || is_same_site(&parts.headers) {
        return Ok(Some(token));
    }
    Err(Problem::new(
        Code::CrossSiteRequest,
        "This request has the console's cookie, but does not come from the console; programs \
         send Authorization: Bearer",
    ))
}

fn read(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, token)| *name == SESSION_COOKIE && is_well_formed(token))
        .map(|(_, token)| token)
}

fn is_safe(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// `SameSite=Strict` keeps the cookie from other sites already; this is the second lock. Every
/// browser sends one of the two headers with a request that changes something.
fn is_same_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    match (origin.and_then(|origin| origin.split_once("://")), host) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn token() -> String {
        format!("lic_{}", "A".repeat(43))
    }

    fn parts(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_cookie_is_read_back() {
        let issued = IssuedToken { token: token(), expires_ms: 9_500 };
        let set = session_cookie(&issued, 500, true).unwrap();
        let set = set.to_str().unwrap();
        assert!(set.ends_with("; Path=/; Max-Age=9; HttpOnly; SameSite=Strict; Secure"), "{set}");
        let pair = set.split(';').next().unwrap();
        let parts = parts(Method::GET, &[("cookie", "a=b; c"), ("cookie", pair)]);
        assert_eq!(session_token(&parts).unwrap(), Some(token().as_str()));
        assert!(clear_session_cookie(false).unwrap().to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn other_cookies_are_nothing() {
        for cookie in ["licet_session=", "licet_session=lic_short", "x=y", "licet_session"] {
            let parts = parts(Method::POST, &[("cookie", cookie)]);
            assert_eq!(session_token(&parts), Ok(None), "{cookie}");
        }
    }

    #[test]
    fn changes_must_come_from_the_console() {
        let cookie = format!("{SESSION_COOKIE}={}", token());
        let table: [(&[(&str, &str)], bool); 6] = [
            (&[], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://licet.example:7070"), ("host", "licet.example:7070")], true),
            (&[("origin", "https://evil.example"), ("host", "licet.example")], false),
            (&[("origin", "null"), ("host", "licet.example")], false),
        ];
        for (headers, allowed) in table {
            let mut headers = headers.to_vec();
            headers.push(("cookie", cookie.as_str()));
            let parts = parts(Method::POST, &headers);
            assert_eq!(session_token(&parts).is_ok(), allowed, "{headers:?}");
        }
    }
}
