use std::num::NonZeroU32;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::{get, post},
};
use licet_engine::ManualClock;
use licet_store::KeyKind;
use tower::ServiceExt;

use super::*;
use crate::{
    limits::RateLimit,
    security::{
        audit::Author,
        authenticator::SecurityOptions,
        cookie::SESSION_COOKIE,
        permission::perm,
        testing::{AUTHOR, SigningKey, T0, World, admin_claims, client_claims},
    },
};

#[derive(Clone)]
struct AppState {
    authenticator: Arc<Authenticator>,
    clock: Arc<dyn Clock>,
}

impl AsRef<Authenticator> for AppState {
    fn as_ref(&self) -> &Authenticator {
        &self.authenticator
    }
}

impl AsRef<dyn Clock> for AppState {
    fn as_ref(&self) -> &(dyn Clock + 'static) {
        &*self.clock
    }
}

async fn read(caller: Authorized<perm::LineItemsRead>) -> String {
    caller.name.clone()
}

async fn write(caller: Authorized<perm::LineItemsWrite>) -> String {
    caller.name.clone()
}

async fn anybody(caller: Authenticated) -> String {
    caller.name.clone()
}

fn app(rate_limit: Option<RateLimit>) -> (World, Router) {
    let world = World::with(SecurityOptions { rate_limit, ..SecurityOptions::default() });
    let state = AppState {
        authenticator: Arc::clone(&world.authenticator),
        clock: Arc::new(ManualClock::at(T0)),
    };
    let router = Router::new()
        .route("/read", get(read))
        .route("/write", post(write))
        .route("/anybody", post(anybody))
        .with_state(state);
    (world, router)
}

async fn call(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn a_handler_gets_callers_that_have_its_permission() {
    let (world, app) = app(None);
    let (admin, client) = (SigningKey::p256(), SigningKey::ed25519());
    world.upload(KeyKind::Administration, "a", &admin).await;
    world.upload(KeyKind::Client, "c", &client).await;
    let admin = format!("Bearer {}", admin.mint(&admin_claims("a")));
    let client = format!("Bearer {}", client.mint(&client_claims("c")));
    let table = [
        ("GET", "/read", Some(&admin), StatusCode::OK),
        ("POST", "/write", Some(&admin), StatusCode::OK),
        ("POST", "/anybody", Some(&admin), StatusCode::OK),
        ("GET", "/read", Some(&client), StatusCode::OK),
        ("POST", "/write", Some(&client), StatusCode::FORBIDDEN),
        ("POST", "/anybody", Some(&client), StatusCode::OK),
        ("GET", "/read", None, StatusCode::UNAUTHORIZED),
        ("POST", "/anybody", None, StatusCode::UNAUTHORIZED),
    ];
    for _ in 0..2 {
        for (method, path, header, expected) in table {
            let headers: Vec<_> =
                header.iter().map(|value| ("authorization", value.as_str())).collect();
            assert_eq!(call(&app, method, path, &headers).await, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let (_world, app) = app(None);
    let headers = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    assert_eq!(call(&app, "GET", "/read", &headers).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_consoles_cookie_works_for_the_console_only() {
    let (world, app) = app(None);
    let authenticator = &world.authenticator;
    authenticator.ensure_admin(Some("correct horse battery".into()), T0).await.unwrap();
    let origin = Origin::default();
    let issued = authenticator.log_in("admin", "correct horse battery", origin, T0).await.unwrap();
    let cookie = format!("{SESSION_COOKIE}={}", issued.token);
    let own = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(call(&app, "GET", "/read", &own[..1]).await, StatusCode::OK);
    assert_eq!(call(&app, "POST", "/write", &own).await, StatusCode::OK);
    assert_eq!(call(&app, "POST", "/write", &own[..1]).await, StatusCode::FORBIDDEN);
    assert_eq!(call(&app, "POST", "/write", &foreign).await, StatusCode::FORBIDDEN);

    let request = Request::builder().header("cookie", &cookie).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    assert_eq!(presented_token(&parts), Some(issued.token.as_str()));
    authenticator.log_out(&issued.token, Author { name: "admin", ..AUTHOR }).await.unwrap();
    assert_eq!(call(&app, "GET", "/read", &own).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_rate_of_a_caller_can_be_limited() {
    let one = NonZeroU32::MIN;
    let (world, app) = app(Some(RateLimit { per_second: one, burst: one }));
    let key = SigningKey::p256();
    world.upload(KeyKind::Administration, "a", &key).await;
    let header = format!("Bearer {}", key.mint(&admin_claims("a")));
    let headers = [("authorization", header.as_str())];
    assert_eq!(call(&app, "GET", "/read", &headers).await, StatusCode::OK);
    assert_eq!(call(&app, "GET", "/read", &headers).await, StatusCode::TOO_MANY_REQUESTS);
}
