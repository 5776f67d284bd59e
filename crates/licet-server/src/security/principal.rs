use licet_protocol::InstanceRole;
use uuid::Uuid;

use super::{
    instance_role::roles_with,
    permission::{Permission, PermissionSet, Role},
};
use crate::problem::{Code, Problem};

/// Which part of the site a caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Site,
    /// The instances of these accounts; never empty.
    Accounts(Vec<String>),
    /// Just these instances; never empty.
    Instances(Vec<Uuid>),
}

/// What kind of credentials the caller showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A JWT signed with an administration key (AdministrationAccess).
    AdministrationKey,
    /// A JWT signed with a client key (ClientAccess).
    ClientKey,
    /// A user with a password or a token that was issued for one.
    User(Role),
    /// A user of one instance's licence server, with a token that was issued for it.
    InstanceUser,
    /// A JWT signed with a licensing key of an instance.
    LicensingKey,
    /// Nobody in particular, at an instance that lets everybody read.
    Anonymous,
}

/// Who is asking, and what the caller may do where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name in the audit log: the key id or the user's name; of what belongs to an instance with
    /// `@` and the instance's short id behind it.
    pub name: String,
    pub caller: Caller,
    pub permissions: PermissionSet,
    pub scope: Scope,
}

impl Principal {
    /// Whether this is a user of the site, not a key; the two may have the same name.
    #[must_use]
    pub fn is_user(&self) -> bool {
        matches!(self.caller, Caller::User(_))
    }

    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// # Errors
    /// 403 `permission_denied`, naming the permission.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) { Ok(()) } else { Err(denied(self.caller, permission)) }
    }

    /// Whether the account as a whole is in scope. A caller that sees only single instances
    /// sees no account.
    #[must_use]
    pub fn sees_account(&self, account_id: &str) -> bool {
        match &self.scope {
            Scope::Site => true,
            Scope::Accounts(accounts) => accounts.iter().any(|account| account == account_id),
            Scope::Instances(_) => false,
        }
    }

    /// Whether the instance `id` of the account `account_id` is in scope.
    #[must_use]
    pub fn sees_instance(&self, id: Uuid, account_id: &str) -> bool {
        match &self.scope {
            Scope::Instances(instances) => instances.contains(&id),
            _ => self.sees_account(account_id),
        }
    }

    /// # Errors
    /// 404 `not_found`, the same as for an instance that is absent.
    pub fn require_instance(&self, id: Uuid, account_id: &str) -> Result<(), Problem> {
        if self.sees_instance(id, account_id) {
            Ok(())
        } else {
            Err(Problem::not_found("instance"))
        }
    }

    /// # Errors
    /// 404 `not_found`, the same as for an account that is absent.
    pub fn require_account(&self, account_id: &str) -> Result<(), Problem> {
        if self.sees_account(account_id) { Ok(()) } else { Err(Problem::not_found("account")) }
    }
}

fn denied(caller: Caller, permission: Permission) -> Problem {
    let advice = match caller {
        Caller::InstanceUser | Caller::LicensingKey | Caller::Anonymous => at_instance(permission),
        Caller::AdministrationKey | Caller::ClientKey | Caller::User(_) => {
            "ask an administrator for a role that has it, or use a key of the right kind".to_owned()
        }
    };
    let detail = format!("This needs the permission {permission}; {advice}");
    Problem::new(Code::PermissionDenied, detail)
}

/// Who has a permission among those who belong to an instance.
fn at_instance(permission: Permission) -> String {
    match roles_with(permission).as_slice() {
        [] => "nobody at an instance has it: use a user or key of the site".to_owned(),
        [InstanceRole::Producer] => {
            "at an instance its built-in user producer alone has it".to_owned()
        }
        roles => {
            let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let names = names.join(" or ");
            format!("at an instance users with {names} have it: ask its administrator for one")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(scope: Scope) -> Principal {
        Principal {
            name: "ada".into(),
            caller: Caller::User(Role::CustomerViewer),
            permissions: Role::CustomerViewer.permissions(),
            scope,
        }
    }

    #[test]
    fn scope_decides_what_is_seen() {
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let table = [
            (Scope::Site, [true, true, true, true]),
            (Scope::Accounts(vec!["A".into()]), [true, false, true, false]),
            (Scope::Instances(vec![mine]), [false, false, true, false]),
        ];
        for (scope, expected) in table {
            let caller = principal(scope.clone());
            let seen = [
                caller.sees_account("A"),
                caller.sees_account("B"),
                caller.sees_instance(mine, "A"),
                caller.sees_instance(other, "B"),
            ];
            assert_eq!(seen, expected, "{scope:?}");
        }
    }

    #[test]
    fn what_is_out_of_scope_looks_absent() {
        let caller = principal(Scope::Accounts(vec!["A".into()]));
        let problem = caller.require_instance(Uuid::from_u128(7), "B").unwrap_err();
        assert_eq!(problem, Problem::not_found("instance"));
    }

    #[test]
    fn a_missing_permission_is_named() {
        let caller = principal(Scope::Site);
        assert!(caller.require(Permission::UsageRead).is_ok());
        let problem = caller.require(Permission::Keys).unwrap_err();
        assert_eq!(problem.code(), Code::PermissionDenied);
        assert!(problem.detail().contains("permission keys"));
        assert!(problem.detail().contains("a key of the right kind"));
    }

    #[test]
    fn who_belongs_to_an_instance_is_told_its_roles() {
        let of_instance = |caller: Caller| Principal {
            caller,
            permissions: PermissionSet::default(),
            ..principal(Scope::Instances(vec![Uuid::nil()]))
        };
        for (permission, advice) in [
            (Permission::ModelsWrite, "users with ROLE_ADMIN have it"),
            (Permission::ClientsRead, "users with ROLE_READ or ROLE_DROPCLIENT have it"),
            (Permission::ProducerSettings, "user producer alone"),
            (Permission::Keys, "of the site"),
        ] {
            for caller in [Caller::InstanceUser, Caller::LicensingKey, Caller::Anonymous] {
                let problem = of_instance(caller).require(permission).unwrap_err();
                let detail = problem.detail();
                assert!(detail.contains(&format!("permission {permission};")), "{detail}");
                assert!(detail.contains(advice), "{detail}");
            }
        }
    }
}
