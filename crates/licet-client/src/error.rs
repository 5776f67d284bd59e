//! What can go wrong with a call.

use licet_protocol::AccessAnswer;
use serde_json::Value;
use thiserror::Error;

/// Why a call gave no result.
#[derive(Debug, Error)]
pub enum Error {
    /// A session's request was refused; the answer says which item and why.
    #[error("denied: {}", denial(.0))]
    Denied(Box<AccessAnswer>),
    /// No answer came; nothing is known of what the server did.
    #[error("the server at {server} cannot be reached ({cause})")]
    Unreachable {
        /// Address of the server.
        server: String,
        /// Why, as far as is known.
        cause: String,
    },
    /// The server refused.
    #[error("{detail} (HTTP {status}{})", code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
    Problem {
        /// HTTP status.
        status: u16,
        /// Stable name of the problem, where the server gave one.
        code: Option<String>,
        /// What was wrong, in the server's words.
        detail: String,
    },
    /// The answer is not what was expected; this may be another program's server.
    #[error("the answer cannot be understood: {0}")]
    Unreadable(String),
    /// The call cannot be made with what was given.
    #[error("{0}")]
    Unusable(String),
}

impl Error {
    /// HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { status, .. } => Some(*status),
            Self::Denied(_) => Some(409),
            _ => None,
        }
    }

    /// Whether the same call may succeed later: the server was away or too busy.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Reads whatever shape of error the server wrote.
    pub(crate) fn from_body(status: u16, body: &[u8]) -> Self {
        let fields: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let code = fields["code"].as_str().map(str::to_owned);
        let texts = ["errors", "message", "error", "detail"].map(|key| texts(&fields[key]));
        let detail = match texts {
            [errors, _, _, detail] if !detail.is_empty() => {
                if errors.len() > 1 {
                    errors.join("; ")
                } else {
                    detail.join("; ")
                }
            }
            [errors, message, error, _] => [errors, message, error].concat().join("; "),
        };
        let detail = if detail.is_empty() { reason(status).to_owned() } else { detail };
        Self::Problem { status, code, detail }
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "the server does not accept this request",
        401 => "the server wants a valid token",
        403 => "this token may not do that",
        404 => "there is no such thing on the server, or this token may not see it",
        409 => "the server's state does not allow this",
        413 => "the request is too large",
        429 => "too many requests; try again later",
        503 => "the server is busy; try again later",
        _ => "the server failed",
    }
}

/// The items that were refused, with the server's reasons.
fn denial(answer: &AccessAnswer) -> String {
    let refused = answer.requested_items.iter().filter(|item| !item.is_granted());
    let texts: Vec<_> = refused
        .filter(|item| !matches!(&*item.status.code, "102" | "1102"))
        .map(|item| format!("{}: {} ({})", item.item, item.status.description, item.status.code))
        .collect();
    if texts.is_empty() { "no item was granted".to_owned() } else { texts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_error_is_read() {
        let read = |status, body: &str| Error::from_body(status, body.as_bytes()).to_string();
        assert_eq!(
            read(404, r#"{"status":404,"code":"not_found","detail":"There is no such instance"}"#),
            "There is no such instance (HTTP 404, not_found)"
        );
        assert_eq!(read(400, r#"{"message":["$.a: x","$.b: y"]}"#), "$.a: x; $.b: y (HTTP 400)");
        assert_eq!(read(400, r#"{"errors":["$.a: x"]}"#), "$.a: x (HTTP 400)");
        assert_eq!(read(409, r#"{"error":"it exists"}"#), "it exists (HTTP 409)");
        let several = r#"{"code":"c","detail":"2 values are wrong","errors":["a","b"]}"#;
        assert_eq!(read(400, several), "a; b (HTTP 400, c)");
        assert_eq!(read(401, "<html>"), "the server wants a valid token (HTTP 401)");
    }
}
