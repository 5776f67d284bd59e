//! The error answer of licet's own doors: `application/problem+json` (RFC 9457).
//!
//! A [`Problem`] says what was wrong, where, and what to do; never a stack, a path or a secret.
//! Every [`Code`] is stable and has one documentation page, which is compiled in.
//!
//! Doors that answer in the shape of their reference read [`Problem::status`],
//! [`Problem::detail`] and [`Problem::errors`], write their own body, and take over the headers
//! with [`Problem::add_headers`].

use std::{borrow::Cow, error::Error, fmt};

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use licet_protocol::Malformed;
use licet_store::StoreError;

/// Media type of the body.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// One table of every code: name, status, text on the wire, title. The page of a code is
/// `docs/errors/<text>.md`; without it this does not compile.
macro_rules! codes {
    ($($variant:ident $status:ident $text:literal $title:literal;)+) => {
        /// What went wrong, as a stable name that programs may match on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code, in order of status.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Stable snake-case name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The same sentence for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The documentation page, Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => {
                        include_str!(concat!("../../../docs/errors/", $text, ".md"))
                    })+
                }
            }

            const fn type_url(self) -> &'static str {
                match self { $(Self::$variant => concat!("/docs/errors/", $text),)+ }
            }
        }
    };
}

codes! {
    BadRequest BAD_REQUEST "bad_request" "The request cannot be understood";
    Malformed BAD_REQUEST "malformed" "The body is not the JSON that is expected here";
    ValidationFailed BAD_REQUEST "validation_failed" "Some values are not allowed";
    ValueOutOfRange BAD_REQUEST "value_out_of_range" "A number is out of range";
    InvalidPublicKey BAD_REQUEST "invalid_public_key" "This is not a public key that can be used";
    WeakPublicKey BAD_REQUEST "weak_public_key" "The key is too weak";
    PrivateKeyUploaded BAD_REQUEST "private_key_uploaded" "A private key was sent";
    UntrustedRights BAD_REQUEST "untrusted_rights" "The rights are not signed by whom is trusted";
    WeakPassword BAD_REQUEST "weak_password" "The password is not good enough";
    AuthenticationRequired UNAUTHORIZED "authentication_required" "Credentials are required";
    InvalidToken UNAUTHORIZED "invalid_token" "The token is not accepted";
    TokenExpired UNAUTHORIZED "token_expired" "The token has expired";
    TokenNotYetValid UNAUTHORIZED "token_not_yet_valid" "The token is not valid yet";
    UnknownKey UNAUTHORIZED "unknown_key" "No key of that id is known";
    WrongCredentials UNAUTHORIZED "wrong_credentials" "User or password is wrong";
    PermissionDenied FORBIDDEN "permission_denied" "The caller may not do this";
    LastAdministrationKey FORBIDDEN "last_administration_key"
        "The last administration key cannot be deleted";
    LastAdministrator FORBIDDEN "last_administrator" "The last administrator must stay";
    CrossSiteRequest FORBIDDEN "cross_site_request" "A page of another site may not do this";
    HttpsRequired FORBIDDEN "https_required" "Credentials must come over HTTPS";
    NotFound NOT_FOUND "not_found" "There is no such thing here";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "This method is not offered here";
    BodyTimeout REQUEST_TIMEOUT "body_timeout" "The body did not come in time";
    AlreadyExists CONFLICT "already_exists" "It exists already";
    Conflict CONFLICT "conflict" "The state does not allow this";
    LineItemObsolete CONFLICT "line_item_obsolete" "The line item is obsolete for good";
    LineItemNotObsolete CONFLICT "line_item_not_obsolete"
        "Only an obsolete line item can be deleted";
    RightsFromDocument CONFLICT "rights_from_document"
        "Line items come with signed rights here";
    RightsNotApplicable CONFLICT "rights_not_applicable" "The rights are not for now and here";
    RightsOutdated CONFLICT "rights_outdated" "Later rights are here already";
    RateTableInEffect CONFLICT "rate_table_in_effect" "The rate table is in effect";
    ConditionInUse CONFLICT "condition_in_use" "An action still refers to the condition";
    TooFewToReserve CONFLICT "too_few_to_reserve" "There are too few counts to reserve";
    SessionNotOperable CONFLICT "session_not_operable" "The session takes no more requests";
    BodyTooLarge PAYLOAD_TOO_LARGE "body_too_large" "The body is too large";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type"
        "This media type is not accepted";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency_key_reused"
        "The idempotency key was used with another body";
    TooManyRequests TOO_MANY_REQUESTS "too_many_requests" "Too many requests";
    LogInLocked TOO_MANY_REQUESTS "log_in_locked" "Too many failed log-ins";
    Internal INTERNAL_SERVER_ERROR "internal" "The server failed";
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The server is busy";
    SigningUnavailable SERVICE_UNAVAILABLE "signing_unavailable" "This server cannot sign";
    StoreUnavailable SERVICE_UNAVAILABLE "store_unavailable" "The store cannot answer";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An answer other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<String>,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem with a sentence on this occurrence: what was wrong and how to mend it.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    /// A problem of which there is nothing to say but the title.
    #[must_use]
    pub fn plain(code: Code) -> Self {
        Self::new(code, code.title())
    }

    /// 400: the request as a whole cannot be understood.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, detail)
    }

    /// 400: these values are wrong. Each text begins with the place, as
    /// `$.attributes.overdraftLimit: …` in a body, or `size: …` for a query parameter.
    #[must_use]
    pub fn validation(errors: Vec<String>) -> Self {
        let detail = match errors.as_slice() {
            [only] => Cow::Owned(only.clone()),
            many => Cow::Owned(format!("{} values are not allowed; see errors", many.len())),
        };
        Self { errors, ..Self::new(Code::ValidationFailed, detail) }
    }

    /// 400: this one value is wrong.
    #[must_use]
    pub fn invalid(at: &str, what: &str) -> Self {
        Self::validation(vec![format!("{at}: {what}")])
    }

    /// 404: `what` is absent, or the caller may not see it; the answer is the same.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}"))
    }

    /// 409: the state does not allow it.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    /// 500: logs the error with its causes and tells the caller nothing of it.
    #[must_use]
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "internal error");
        Self::new(Code::Internal, "The server's log has the cause, under this x-request-id")
    }

    /// Lists what is wrong, each text with its place.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<String>) -> Self {
        self.errors = errors;
        self
    }

    /// Says after how many seconds another try makes sense; at least one.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The sentence on this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    #[must_use]
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// Writes `Retry-After` and `WWW-Authenticate` where they belong to this answer.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(self.code));
        }
    }

    /// The body as it goes over the wire.
    #[must_use]
    pub fn to_body(&self) -> licet_protocol::Problem {
        licet_protocol::Problem {
            kind: self.code.type_url().into(),
            title: self.code.title().into(),
            status: self.status().as_u16(),
            code: self.code.as_str().into(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
        }
    }
}

/// RFC 6750, section 3: the error is named only when a token was sent.
fn challenge(code: Code) -> HeaderValue {
    match code {
        Code::AuthenticationRequired | Code::WrongCredentials => {
            HeaderValue::from_static("Bearer realm=\"licet\"")
        }
        _ => HeaderValue::from_static("Bearer realm=\"licet\", error=\"invalid_token\""),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail())
    }
}

impl Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.to_body())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        self.add_headers(response.headers_mut());
        response
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        let text = malformed.to_string();
        let code =
            if malformed.is_out_of_range() { Code::ValueOutOfRange } else { Code::Malformed };
        Self::new(code, text.clone()).with_errors(vec![text])
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::plain(Code::NotFound),
            StoreError::Duplicate => Self::plain(Code::AlreadyExists),
            StoreError::Conflict => Self::plain(Code::Conflict),
            StoreError::Unavailable(_) => {
                tracing::error!(error = %Chain(&error), "the store cannot answer");
                Self::new(Code::StoreUnavailable, "Nothing was changed; try again")
                    .with_retry_after(1)
            }
            StoreError::Damaged(_) => Self::internal(&error),
        }
    }
}

/// An error and its causes in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn body(problem: &Problem) -> serde_json::Value {
        serde_json::to_value(problem.to_body()).unwrap()
    }

    #[test]
    fn every_code_has_a_page_of_its_own() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            let page = code.page();
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(page.starts_with(&format!("# {code}\n")), "heading of {code}.md");
            let status = format!("HTTP {}", code.status().as_u16());
            assert!(page.contains(&status), "{code}.md must name {status}");
            for part in ["## What it means", "## Why it happens", "## How to mend it"] {
                assert!(page.contains(part), "{code}.md lacks {part}");
            }
        }
    }

    #[test]
    fn every_page_has_a_code() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let known: HashSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(known.contains(&name), "docs/errors/{name} belongs to no code");
        }
    }

    #[test]
    fn answers_as_problem_json() {
        let problem = Problem::invalid("$.count", "must be above zero");
        assert_eq!(
            body(&problem),
            serde_json::json!({
                "type": "/docs/errors/validation_failed",
                "title": "Some values are not allowed",
                "status": 400,
                "code": "validation_failed",
                "detail": "$.count: must be above zero",
                "errors": ["$.count: must be above zero"],
            })
        );
        let response = problem.into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn internal_errors_tell_nothing() {
        let error = std::io::Error::other("disk /var/lib/secret is full");
        let problem = Problem::internal(&error);
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!body(&problem).to_string().contains("disk"));
    }

    #[test]
    fn store_errors_keep_the_reason_to_themselves() {
        let problem = Problem::from(StoreError::Unavailable("/data/licet.db".into()));
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem.retry_after_s(), Some(1));
        assert!(!body(&problem).to_string().contains("/data"));
    }

    #[test]
    fn unauthorized_answers_carry_a_challenge() {
        let mut headers = HeaderMap::new();
        Problem::plain(Code::TokenExpired).add_headers(&mut headers);
        assert_eq!(
            headers[header::WWW_AUTHENTICATE],
            "Bearer realm=\"licet\", error=\"invalid_token\""
        );
    }

    #[test]
    fn a_chain_names_every_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(Chain(&error).to_string(), "outer: inner");
    }
}
