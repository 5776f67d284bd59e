use super::*;
use crate::security::Caller;

fn caller(role: Role, scope: Scope) -> Principal {
    let name = "ada".to_owned();
    Principal { name, caller: Caller::User(role), permissions: role.permissions(), scope }
}

fn of_northwind() -> Principal {
    let scope = Scope::Accounts(vec!["NORTHWIND".to_owned()]);
    caller(Role::CustomerAdministrator, scope)
}

fn user(role: Role, account_id: Option<&str>) -> User {
    User {
        name: "grace".to_owned(),
        role,
        account_id: account_id.map(str::to_owned),
        disabled: false,
        created_ms: 0,
        modified_ms: 0,
    }
}

fn account(id: &str) -> Option<String> {
    Some(id.to_owned())
}

#[test]
fn a_customer_sees_its_own_users_alone() {
    let administrator = caller(Role::Administrator, Scope::Site);
    for (role, account_id, expected) in [
        (Role::CustomerViewer, Some("NORTHWIND"), true),
        (Role::CustomerViewer, Some("OTHER"), false),
        (Role::Viewer, None, false),
    ] {
        let user = user(role, account_id);
        assert_eq!(sees(&of_northwind(), &user), expected, "{user:?}");
        assert!(sees(&administrator, &user));
    }
}

#[test]
fn a_customer_gives_its_own_account_and_no_role_of_the_producer() {
    let northwind = of_northwind();
    let give = |role, account_id| permitted(&northwind, role, account_id);
    assert_eq!(give(Role::CustomerViewer, None), Ok(account("NORTHWIND")));
    assert_eq!(give(Role::CustomerViewer, account("NORTHWIND")), Ok(account("NORTHWIND")));
    let absent = give(Role::CustomerViewer, account("OTHER"));
    assert_eq!(absent, Err(Problem::not_found("account")));
    for role in [Role::Administrator, Role::Producer, Role::Viewer] {
        let refused = give(role, None).map_err(|problem| problem.code());
        assert_eq!(refused, Err(Code::PermissionDenied), "{role}");
    }
}

#[test]
fn a_patch_keeps_what_it_does_not_name() {
    let administrator = caller(Role::Administrator, Scope::Site);
    let old = user(Role::CustomerViewer, Some("NORTHWIND"));
    let patch = |role: Option<&str>, account_id: Option<&str>| {
        let patch = UserPatch {
            role: role.map(Into::into),
            account_id: account_id.map(Into::into),
            ..UserPatch::default()
        };
        new_role(&administrator, &old, &patch).unwrap()
    };
    assert_eq!(patch(None, None), None);
    let promoted = (Role::CustomerAdministrator, account("NORTHWIND"));
    assert_eq!(patch(Some("CUSTOMER_ADMINISTRATOR"), None), Some(promoted));
    assert_eq!(patch(None, Some("B")), Some((Role::CustomerViewer, account("B"))));
    assert_eq!(patch(Some("VIEWER"), None), Some((Role::Viewer, None)));
}
