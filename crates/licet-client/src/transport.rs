//! Sending a call and reading its answer.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{Method, Request, Response, header},
    tls::{RootCerts, TlsConfig},
};

use crate::{Error, retry::Retry};

/// Largest answer that is read, in bytes.
const ANSWER_BYTES: u64 = 256 << 20;
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(30);

/// A result with the time at which the server gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed<T> {
    /// The result.
    pub value: T,
    /// The server's clock, POSIX milliseconds in steps of a second, or ours if it does not tell.
    pub server_ms: i64,
}

/// A call to be made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    headers: Vec<(&'static str, String)>,
    /// Whether it may be sent again when nobody knows what became of it.
    repeatable: bool,
}

impl Call {
    pub(crate) fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None, headers: Vec::new(), repeatable: true }
    }

    pub(crate) fn delete(path: String) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    pub(crate) fn put(path: String, body: &impl Serialize) -> Result<Self, Error> {
        Ok(Self { method: Method::PUT, body: Some(to_json(body)?), ..Self::get(path) })
    }

    /// Not repeatable unless it has an idempotency key.
    pub(crate) fn post(path: String, body: &impl Serialize) -> Result<Self, Error> {
        Ok(Self { method: Method::POST, repeatable: false, ..Self::put(path, body)? })
    }

    pub(crate) fn patch(path: String, body: &impl Serialize) -> Result<Self, Error> {
        Ok(Self { method: Method::PATCH, repeatable: false, ..Self::put(path, body)? })
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn idempotency_key(mut self, key: &str) -> Self {
        self.repeatable = true;
        self.header("idempotency-key", key.to_owned())
    }
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::Unusable(error.to_string()))
}

/// An answer of the server, good or bad.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) server_ms: i64,
    retry_after: Option<Duration>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn error(&self) -> Error {
        Error::from_body(self.status, &self.body)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.is_success() {
            return Err(self.error());
        }
        self.read_body()
    }

    /// Reads the body whatever the status.
    pub(crate) fn read_body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Unreadable(error.to_string()))
    }
}

/// The way to one server.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    agent: Agent,
    /// Without a slash at the end.
    server: Arc<str>,
    pub(crate) retry: Retry,
}

impl Transport {
    pub(crate) fn new(server: &str, roots: Option<RootCerts>) -> Result<Self, Error> {
        let server = server.trim_end_matches('/');
        let is_https = server.starts_with("https://");
        if !is_https && !server.starts_with("http://") {
            let hint = "give the server's address as http://HOST:PORT or https://HOST:PORT";
            return Err(Error::Unusable(format!("{server:?} is no address of a server: {hint}")));
        }
        if is_https {
            // Fails if the application has chosen a provider already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let roots = roots.unwrap_or(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("licet/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(CALL))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Ok(Self { agent: config.into(), server: server.into(), retry: Retry::default() })
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Sends the call, again if need be and allowed.
    #[expect(clippy::disallowed_methods, reason = "nothing but time tells when a server is back")]
    pub(crate) fn send(&self, call: &Call, token: Option<&str>) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let result = self.send_once(call, token);
            let (again, asked) = match &result {
                Err(failure) => (failure.is_unsent || call.repeatable, None),
                // The server says that it has done nothing.
                Ok(answer) => (matches!(answer.status, 429 | 503), answer.retry_after),
            };
            match self.retry.wait(attempt, asked).filter(|_| again) {
                Some(wait) => thread::sleep(wait),
                None => return self.conclude(call, attempt, result),
            }
            attempt += 1;
        }
    }

    fn conclude(
        &self,
        call: &Call,
        attempt: u32,
        result: Result<Answer, Failure>,
    ) -> Result<Answer, Error> {
        let mut answer = result.map_err(|failure| Error::Unreachable {
            server: self.server.to_string(),
            cause: failure.cause,
        })?;
        // An earlier attempt did it, and its answer was lost.
        if call.method == Method::DELETE && attempt > 1 && answer.status == 404 {
            answer.status = 204;
        }
        Ok(answer)
    }

    fn send_once(&self, call: &Call, token: Option<&str>) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.server, call.path))
            .header(header::ACCEPT, "application/json, application/problem+json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let response = match &call.body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                self.agent.run(request.body(body.as_slice()).map_err(Failure::unsent)?)
            }
            None => self.agent.run(request.body(()).map_err(Failure::unsent)?),
        };
        read_answer(response?)
    }
}

fn read_answer(mut response: Response<Body>) -> Result<Answer, Failure> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let server_ms = text(header::DATE).and_then(http_date_ms).unwrap_or_else(now_ms);
    let retry_after = text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
    Ok(Answer {
        status: response.status().as_u16(),
        server_ms,
        retry_after: retry_after.map(Duration::from_secs),
        body: response.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec()?,
    })
}

/// No answer came.
#[derive(Debug)]
struct Failure {
    cause: String,
    /// Whether the server cannot have seen the request.
    is_unsent: bool,
}

impl Failure {
    fn unsent(error: impl ToString) -> Self {
        Self { cause: error.to_string(), is_unsent: true }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        let is_unsent = match &error {
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
            ureq::Error::Timeout(timeout) => {
                matches!(timeout, ureq::Timeout::Resolve | ureq::Timeout::Connect)
            }
            ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            _ => false,
        };
        Self { cause: error.to_string(), is_unsent }
    }
}

/// Our own clock, POSIX milliseconds.
#[expect(clippy::disallowed_methods, reason = "the SDK runs in programs of others, without engine")]
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn http_date_ms(text: &str) -> Option<i64> {
    let timestamp = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(timestamp.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date_ms("yesterday"), None);
    }

    #[test]
    fn an_address_needs_its_scheme() {
        let error = Transport::new("127.0.0.1:7070", None).expect_err("it is refused");
        assert!(error.to_string().contains("http://HOST:PORT"), "{error}");
    }
}
