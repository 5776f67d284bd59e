use licet_protocol::KeyIn;
use licet_store::{KeyKind, Site};

use super::*;
use crate::security::{
    permission::Role,
    principal::{Caller, Scope},
    testing::{AUTHOR, INSTANCE, SigningKey, T0, World, admin_claims, client_claims},
    users::{NewUser, UserChange},
};

const PASSWORD: &str = "correct horse battery";
const ORIGIN: Origin<'static> = Origin { address: None, request_id: "r-2" };

/// With the users `admin` and, of a customer, `grace`.
async fn staffed() -> World {
    let world = World::new();
    let authenticator = &world.authenticator;
    authenticator.ensure_admin(Some(PASSWORD.into()), T0).await.unwrap();
    let grace = NewUser {
        name: "grace".into(),
        password: PASSWORD.into(),
        role: Role::CustomerViewer,
        account_id: Some("NORTHWIND".into()),
    };
    authenticator.create_user(grace, AUTHOR).await.unwrap();
    world
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

async fn ask(to: &Authenticator, header: &str, now_ms: i64) -> Result<Arc<Principal>, Problem> {
    match to.cached(header, now_ms) {
        Some(principal) => Ok(principal),
        None => to.authenticate(header, ORIGIN, now_ms).await,
    }
}

async fn code(to: &Authenticator, header: &str, now_ms: i64) -> Code {
    ask(to, header, now_ms).await.unwrap_err().code()
}

#[tokio::test]
async fn a_jwt_is_verified_once_and_remembered_until_it_expires() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let key = SigningKey::ed25519();
    world.upload(KeyKind::Administration, "a", &key).await;
    let header = bearer(&key.mint(&admin_claims("a")));
    assert!(authenticator.cached(&header, T0).is_none());
    let first = ask(authenticator, &header, T0).await.unwrap();
    let second = authenticator.cached(&header, T0).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert!(authenticator.cached(&header.replace("Bearer", "bearer"), T0).is_some());
    let expires_ms = T0 + 3_600_000 + jwt::LEEWAY_MS;
    assert!(authenticator.cached(&header, expires_ms - 1).is_some());
    assert!(authenticator.cached(&header, expires_ms).is_none());
    assert_eq!(code(authenticator, &header, expires_ms).await, Code::TokenExpired);
}

#[tokio::test]
async fn deleting_a_key_ends_its_tokens_at_once() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let (admin, client) = (SigningKey::p256(), SigningKey::p384());
    world.upload(KeyKind::Administration, "a", &admin).await;
    world.upload(KeyKind::Client, "c", &client).await;
    let header = bearer(&client.mint(&client_claims("c")));
    let principal = ask(authenticator, &header, T0).await.unwrap();
    assert_eq!(principal.scope, Scope::Instances(vec![INSTANCE.parse().unwrap()]));

    authenticator.delete_key(KeyKind::Client, "c", AUTHOR).await.unwrap();
    assert!(authenticator.cached(&header, T0).is_none());
    assert_eq!(code(authenticator, &header, T0).await, Code::UnknownKey);
    assert_eq!(
        world.actions().await,
        ["administration-key.put", "client-key.put", "client-key.delete"]
    );

    world.upload(KeyKind::Client, "c", &SigningKey::p384()).await;
    assert_eq!(code(authenticator, &header, T0).await, Code::InvalidToken);
}

#[tokio::test]
async fn the_last_administration_key_stays() {
    let world = World::new();
    let authenticator = &world.authenticator;
    world.upload(KeyKind::Administration, "a", &SigningKey::p256()).await;
    world.upload(KeyKind::Client, "c", &SigningKey::p256()).await;
    let delete = async |kind, id| authenticator.delete_key(kind, id, AUTHOR).await;
    let problem = delete(KeyKind::Administration, "a").await.unwrap_err();
    assert_eq!(problem.code(), Code::LastAdministrationKey);
    assert_eq!(problem.status().as_u16(), 403);
    let problem = delete(KeyKind::Administration, "c").await.unwrap_err();
    assert_eq!(problem.code(), Code::NotFound, "a client key is no administration key");
    world.upload(KeyKind::Administration, "b", &SigningKey::p256()).await;
    delete(KeyKind::Administration, "a").await.unwrap();
    delete(KeyKind::Client, "c").await.unwrap();
}

#[tokio::test]
async fn uploads_are_all_or_none() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let key = SigningKey::p256();
    let key_in = |id: &str, pem: String| KeyIn { id: id.into(), public_key: pem };
    let put = async |kind, keys| authenticator.upload_keys(kind, keys, AUTHOR).await;

    let keys = vec![key_in("a", key.public_pem()), key_in("b", "garbage".into())];
    let problem = put(KeyKind::Client, keys).await.unwrap_err();
    assert_eq!(problem.code(), Code::InvalidPublicKey);
    assert!(problem.detail().starts_with("$[1].publicKey: is not PEM"), "{problem}");

    let keys = vec![
        key_in("a", "garbage".into()),
        key_in("a", key.private_pem()),
        key_in("c", include_str!("testdata/rsa1024.pem").into()),
    ];
    let problem = put(KeyKind::Client, keys).await.unwrap_err();
    assert_eq!(problem.code(), Code::PrivateKeyUploaded, "the worst gives the code");
    assert_eq!(problem.errors().len(), 4);
    assert!(world.actions().await.is_empty());

    put(KeyKind::Client, vec![key_in("a", key.public_pem())]).await.unwrap();
    let keys = vec![key_in("a", key.public_pem())];
    let problem = put(KeyKind::Administration, keys).await.unwrap_err();
    assert_eq!(problem.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn replacing_a_key_keeps_when_it_was_made() {
    let world = World::new();
    let authenticator = &world.authenticator;
    world.upload(KeyKind::Client, "c", &SigningKey::p256()).await;
    let later = Author { now_ms: T0 + 5, ..AUTHOR };
    let key = KeyIn { id: "c".into(), public_key: SigningKey::p256().public_pem() };
    authenticator.upload_keys(KeyKind::Client, vec![key], later).await.unwrap();
    let rows = authenticator.keys().await.unwrap();
    assert_eq!((rows[0].created_ms, rows[0].modified_ms), (T0, T0 + 5));
}

#[tokio::test]
async fn a_log_in_gives_a_token_for_eight_hours() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let issued = authenticator.log_in("grace", PASSWORD, ORIGIN, T0).await.unwrap();
    assert_eq!(issued.expires_ms, T0 + TOKEN_TTL_MS);
    let header = bearer(&issued.token);
    let principal = ask(authenticator, &header, T0).await.unwrap();
    assert_eq!(principal.name, "grace");
    assert_eq!(principal.caller, Caller::User(Role::CustomerViewer));
    assert_eq!(principal.scope, Scope::Accounts(vec!["NORTHWIND".into()]));
    assert_eq!(code(authenticator, &header, issued.expires_ms).await, Code::TokenExpired);

    let row = &world.audit().await[0];
    assert_eq!((row.action.as_str(), row.actor.as_str()), ("user.log-in", "grace"));
    assert_eq!(row.request_id, "r-2");
}

#[tokio::test]
async fn a_token_is_remembered_for_a_minute() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let issued = authenticator.log_in("grace", PASSWORD, ORIGIN, T0).await.unwrap();
    let header = bearer(&issued.token);
    assert!(authenticator.cached(&header, T0).is_none());
    ask(authenticator, &header, T0).await.unwrap();
    assert!(authenticator.cached(&header, T0 + USER_CACHE_MS - 1).is_some());
    assert!(authenticator.cached(&header, T0 + USER_CACHE_MS).is_none());
    assert!(ask(authenticator, &header, T0 + USER_CACHE_MS).await.is_ok());
    authenticator.forget_users();
    assert!(authenticator.cached(&header, T0 + USER_CACHE_MS).is_none());
}

#[tokio::test]
async fn unknown_user_wrong_password_and_disabled_user_get_the_same_answer() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    authenticator.update_user("grace", off, AUTHOR).await.unwrap();
    let mut answers = Vec::new();
    for (user, password) in
        [("nobody", PASSWORD), ("admin", "wrong"), ("grace", PASSWORD), ("a:b", PASSWORD)]
    {
        let problem = authenticator.log_in(user, password, ORIGIN, T0).await.unwrap_err();
        assert_eq!(world.audit().await[0].action, "user.log-in-refused");
        answers.push(problem);
    }
    assert_eq!(answers[0].code(), Code::WrongCredentials);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn names_of_nobody_are_not_written_down() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    authenticator.log_in("my secret passphrase", "", ORIGIN, T0).await.unwrap_err();
    assert!(!format!("{:?}", world.audit().await[0]).contains("secret"));
}

#[tokio::test]
async fn ten_failures_lock_even_the_right_password_out() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let mut now_ms = T0;
    for _ in 0..10 {
        let problem = authenticator.log_in("admin", "wrong", ORIGIN, now_ms).await.unwrap_err();
        assert_eq!(problem.code(), Code::WrongCredentials);
        now_ms += 61_000;
    }
    let locked = authenticator.log_in("admin", PASSWORD, ORIGIN, now_ms).await.unwrap_err();
    assert_eq!(locked.code(), Code::LogInLocked);
    assert!(locked.retry_after_s().unwrap() > 800);
    assert_eq!(code(authenticator, &basic("admin", PASSWORD), now_ms).await, Code::LogInLocked);
    assert!(authenticator.log_in("grace", PASSWORD, ORIGIN, now_ms).await.is_ok());
    let after_ms = now_ms + 15 * 60 * 1000;
    assert!(authenticator.log_in("admin", PASSWORD, ORIGIN, after_ms).await.is_ok());
}

#[tokio::test]
async fn logging_out_ends_the_token_at_once() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let issued = authenticator.log_in("grace", PASSWORD, ORIGIN, T0).await.unwrap();
    let header = bearer(&issued.token);
    let grace = ask(authenticator, &header, T0).await.unwrap();
    let author = Author::new(&grace, "", T0);
    authenticator.log_out(&issued.token, author).await.unwrap();
    assert_eq!(code(authenticator, &header, T0).await, Code::InvalidToken);
}

#[tokio::test]
async fn basic_credentials_are_checked_once_a_minute() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let header = basic("grace", PASSWORD);
    let principal = ask(authenticator, &header, T0).await.unwrap();
    assert_eq!(principal.name, "grace");
    assert!(authenticator.cached(&header, T0 + USER_CACHE_MS - 1).is_some());
    assert!(authenticator.cached(&header, T0 + USER_CACHE_MS).is_none());
    assert!(authenticator.cached(&basic("grace", "other"), T0).is_none());
}

#[tokio::test]
async fn a_new_password_ends_tokens_and_basic_at_once() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let issued = authenticator.log_in("grace", PASSWORD, ORIGIN, T0).await.unwrap();
    let headers = [bearer(&issued.token), basic("grace", PASSWORD)];
    for header in &headers {
        ask(authenticator, header, T0).await.unwrap();
    }
    let change = UserChange { password: Some("another good one".into()), ..UserChange::default() };
    authenticator.update_user("grace", change, AUTHOR).await.unwrap();
    for header in &headers {
        assert!(ask(authenticator, header, T0).await.is_err());
    }
    assert_eq!(world.store.token(sha256(issued.token.as_bytes())).await.unwrap(), None);
    assert!(ask(authenticator, &basic("grace", "another good one"), T0).await.is_ok());
}

#[tokio::test]
async fn disabling_or_deleting_a_user_ends_tokens_at_once() {
    for delete in [false, true] {
        let world = staffed().await;
        let authenticator = &world.authenticator;
        let issued = authenticator.log_in("grace", PASSWORD, ORIGIN, T0).await.unwrap();
        let header = bearer(&issued.token);
        ask(authenticator, &header, T0).await.unwrap();
        if delete {
            authenticator.delete_user("grace", AUTHOR).await.unwrap();
        } else {
            let off = UserChange { disabled: Some(true), ..UserChange::default() };
            authenticator.update_user("grace", off, AUTHOR).await.unwrap();
        }
        assert_eq!(code(authenticator, &header, T0).await, Code::InvalidToken);
        assert_eq!(world.store.token(sha256(issued.token.as_bytes())).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_new_role_is_in_force_at_once() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    let issued = authenticator.log_in("grace", PASSWORD, ORIGIN, T0).await.unwrap();
    let header = bearer(&issued.token);
    ask(authenticator, &header, T0).await.unwrap();
    let change = UserChange { role: Some((Role::Viewer, None)), ..UserChange::default() };
    authenticator.update_user("grace", change, AUTHOR).await.unwrap();
    let principal = ask(authenticator, &header, T0).await.unwrap();
    assert_eq!(principal.scope, Scope::Site);
}

#[tokio::test]
async fn other_headers_are_refused() {
    let world = staffed().await;
    let authenticator = &world.authenticator;
    for (header, expected) in [
        ("", Code::AuthenticationRequired),
        ("Bearer", Code::AuthenticationRequired),
        ("Digest x", Code::AuthenticationRequired),
        ("Bearer ", Code::InvalidToken),
        ("Bearer lic_short", Code::InvalidToken),
        ("Bearer lic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Code::InvalidToken),
        ("Basic ***", Code::WrongCredentials),
        ("Basic YWRtaW4=", Code::WrongCredentials),
    ] {
        assert_eq!(code(authenticator, header, T0).await, expected, "{header}");
    }
}
