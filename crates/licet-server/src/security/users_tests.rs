use super::*;
use crate::security::{
    passwords::check_password,
    testing::{AUTHOR, T0, World},
};

const PASSWORD: &str = "correct horse battery";

fn new_user(name: &str, role: Role, account_id: Option<&str>) -> NewUser {
    NewUser {
        name: name.into(),
        password: PASSWORD.into(),
        role,
        account_id: account_id.map(str::to_owned),
    }
}

#[tokio::test]
async fn an_empty_store_gets_an_administrator_once() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let password = authenticator.ensure_admin(None, T0).await.unwrap().unwrap();
    assert!(check_password("admin", password.expose()).is_ok());
    assert_eq!(authenticator.user("admin").await.unwrap().role, Role::Administrator);
    let row = &world.audit().await[0];
    assert_eq!((row.actor.as_str(), row.action.as_str()), ("licet", "user.create"));
    assert!(authenticator.ensure_admin(None, T0).await.unwrap().is_none());
}

#[tokio::test]
async fn the_first_password_must_be_good_and_is_not_shown_again() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let problem = authenticator.ensure_admin(Some("admin".into()), T0).await.unwrap_err();
    assert_eq!(problem.code(), Code::WeakPassword);
    let generated = authenticator.ensure_admin(Some(PASSWORD.into()), T0).await.unwrap();
    assert!(generated.is_none());
}

#[tokio::test]
async fn bad_users_are_refused() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let table = [
        (new_user("", Role::Viewer, None), Code::ValidationFailed),
        (new_user("a:b", Role::Viewer, None), Code::ValidationFailed),
        (new_user(" a", Role::Viewer, None), Code::ValidationFailed),
        (new_user(&"a".repeat(129), Role::Viewer, None), Code::ValidationFailed),
        (new_user("a", Role::Viewer, Some("A")), Code::ValidationFailed),
        (new_user("a", Role::CustomerViewer, None), Code::ValidationFailed),
        (new_user("a", Role::CustomerViewer, Some("")), Code::ValidationFailed),
        (new_user(PASSWORD, Role::Viewer, None), Code::WeakPassword),
    ];
    for (user, code) in table {
        let text = format!("{user:?}");
        let problem = authenticator.create_user(user, AUTHOR).await.unwrap_err();
        assert_eq!(problem.code(), code, "{text}");
    }
    authenticator.create_user(new_user("a", Role::Viewer, None), AUTHOR).await.unwrap();
    let again = authenticator.create_user(new_user("a", Role::Viewer, None), AUTHOR).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::new();
    let authenticator = &world.authenticator;
    authenticator.ensure_admin(Some(PASSWORD.into()), T0).await.unwrap();
    let changes = [
        UserChange { disabled: Some(true), ..UserChange::default() },
        UserChange { role: Some((Role::Producer, None)), ..UserChange::default() },
    ];
    for change in changes.clone() {
        let problem = authenticator.update_user("admin", change, AUTHOR).await.unwrap_err();
        assert_eq!(problem.code(), Code::LastAdministrator);
    }
    let problem = authenticator.delete_user("admin", AUTHOR).await.unwrap_err();
    assert_eq!(problem.code(), Code::LastAdministrator);

    let ada = new_user("ada", Role::Administrator, None);
    authenticator.create_user(ada, AUTHOR).await.unwrap();
    let [off, _] = changes;
    authenticator.update_user("ada", off, AUTHOR).await.unwrap();
    let problem = authenticator.delete_user("admin", AUTHOR).await.unwrap_err();
    assert_eq!(problem.code(), Code::LastAdministrator, "a disabled one does not count");
    let on = UserChange { disabled: Some(false), ..UserChange::default() };
    authenticator.update_user("ada", on, AUTHOR).await.unwrap();
    authenticator.delete_user("admin", AUTHOR).await.unwrap();
}

#[tokio::test]
async fn changes_are_in_the_audit_log_without_secrets() {
    let world = World::new();
    let authenticator = &world.authenticator;
    authenticator.create_user(new_user("ada", Role::Viewer, None), AUTHOR).await.unwrap();
    let change = UserChange {
        password: Some("another good one".into()),
        role: Some((Role::CustomerViewer, Some("A".into()))),
        ..UserChange::default()
    };
    authenticator.update_user("ada", change, AUTHOR).await.unwrap();
    assert_eq!(world.actions().await, ["user.create", "user.update", "user.tokens-revoked"]);
    authenticator.delete_user("ada", AUTHOR).await.unwrap();
    let row = &world.audit().await[0];
    assert_eq!(row.action, "user.delete");
    assert_eq!((row.object.as_str(), row.actor.as_str()), ("ada", "tester"));
    let before = row.before.clone().unwrap();
    assert!(before.contains("CUSTOMER_VIEWER") && before.contains("\"A\""), "{before}");
    assert!(!before.contains("argon2"), "{before}");
}

#[tokio::test]
async fn users_that_do_not_exist_are_not_found() {
    let world = World::new();
    let authenticator = &world.authenticator;
    let change = UserChange::default();
    let answers = [
        authenticator.user("x").await.unwrap_err(),
        authenticator.user("a:b").await.unwrap_err(),
        authenticator.update_user("x", change, AUTHOR).await.unwrap_err(),
        authenticator.delete_user("x", AUTHOR).await.unwrap_err(),
    ];
    assert!(answers.iter().all(|answer| *answer == Problem::not_found("user")));
    assert!(authenticator.users().await.unwrap().is_empty());
}

#[test]
fn secrets_are_not_printed() {
    let user = new_user("ada", Role::Viewer, None);
    let change = UserChange { password: Some(PASSWORD.into()), ..UserChange::default() };
    assert!(!format!("{user:?}{change:?}").contains("horse"));
}
