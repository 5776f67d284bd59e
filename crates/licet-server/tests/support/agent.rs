//! Callers, their calls and the answers that they get.

use std::{
    future::{Future, IntoFuture},
    net::SocketAddr,
    pin::Pin,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, BodyDataStream, Bytes, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response},
};
use futures_util::StreamExt;
use licet_server::security::OverTls;
use serde_json::Value;
use tower::ServiceExt;

/// Longest wait for what must happen; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who calls the server.
#[derive(Clone)]
pub struct Agent {
    router: Router,
    headers: HeaderMap,
    tls: Option<OverTls>,
}

impl Agent {
    #[must_use]
    pub fn new(router: Router, token: Option<&str>) -> Self {
        let agent = Self { router, headers: HeaderMap::new(), tls: None };
        match token {
            Some(token) => agent.with("authorization", &format!("Bearer {token}")),
            None => agent,
        }
    }

    /// The same, who sends this header with every call.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// The same caller where `other` calls.
    #[must_use]
    pub fn at(&self, other: &Self) -> Self {
        Self { router: other.router.clone(), ..self.clone() }
    }

    /// Calls until the answer has this status, which comes with a notice of another server.
    pub async fn until(&self, path: &str, status: u16) -> Answer {
        let asking = async {
            loop {
                let answer = self.get(path).await;
                if answer.status == status {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the notice comes in time")
    }

    /// The same, whose calls come over TLS.
    #[must_use]
    pub fn over_tls(self) -> Self {
        Self { tls: Some(OverTls), ..self }
    }

    /// The same, who names an instance in `x-instance-id`.
    #[must_use]
    pub fn naming(self, instance: &str) -> Self {
        self.with("x-instance-id", instance)
    }

    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call {
            router: self.router.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: self.headers.clone(),
            tls: self.tls,
            body: Bytes::new(),
        }
    }

    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    #[must_use]
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call("POST", path).json(body)
    }

    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Call {
        self.call("PUT", path).json(body)
    }

    #[must_use]
    pub fn patch(&self, path: &str, body: &Value) -> Call {
        self.call("PATCH", path).json(body)
    }
}

/// A call that is made when it is awaited.
pub struct Call {
    router: Router,
    method: String,
    path: String,
    headers: HeaderMap,
    tls: Option<OverTls>,
    body: Bytes,
}

impl Call {
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string()).header("content-type", "application/json")
    }

    #[must_use]
    pub fn text(self, body: &str) -> Self {
        self.bytes(body.as_bytes())
    }

    #[must_use]
    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Bytes::copy_from_slice(body);
        self
    }

    async fn send(self) -> (String, Response<Body>) {
        let name = format!("{} {}", self.method, self.path);
        let mut request = Request::builder().method(&*self.method).uri(&self.path);
        request.headers_mut().unwrap().extend(self.headers);
        // Where the listener says that callers are.
        let peer: SocketAddr = ([192, 0, 2, 7], 4711).into();
        if let Some(tls) = self.tls {
            request = request.extension(tls);
        }
        let request = request.extension(ConnectInfo(peer)).body(Body::from(self.body)).unwrap();
        (name, self.router.oneshot(request).await.unwrap())
    }

    /// Listens to a stream of events.
    pub async fn events(self) -> Events {
        let (name, response) = self.send().await;
        assert_eq!(response.status().as_u16(), 200, "{name}");
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{name}");
        Events { body: response.into_body().into_data_stream(), text: String::new() }
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (call, response) = self.send().await;
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            Answer { call, status: parts.status.as_u16(), headers: parts.headers, body }
        })
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    call: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Insists on a status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}: {body}", self.call);
        self
    }

    /// The body as JSON; null if there is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub fn value(self, status: u16) -> Value {
        self.is(status).json()
    }

    /// Insists on a problem with this code, and gives its detail.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> String {
        let answer = self.is(status);
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{}: {problem}", answer.call);
        assert_eq!(problem["status"], status, "{}: {problem}", answer.call);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// A stream of server-sent events.
pub struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    /// The data of the next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                match data(&event) {
                    Some(data) => return Some(data),
                    None => continue,
                }
            }
            let piece = tokio::time::timeout(PATIENCE, self.body.next()).await;
            match piece.expect("an event comes in time") {
                Some(piece) => self.text += std::str::from_utf8(&piece.unwrap()).unwrap(),
                None => return None,
            }
        }
    }
}

/// The data of an event, whose name must be its type; none for a comment.
fn data(event: &str) -> Option<Value> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    let data: Value = serde_json::from_str(field("data: ")?).unwrap();
    assert_eq!(field("event: "), data["type"].as_str());
    Some(data)
}
