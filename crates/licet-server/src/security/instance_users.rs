//! Users of an instance's licence server: making, changing, deleting and listing them.

use licet_protocol::{InstanceRole, ServerId};
use licet_store::{InstanceUserRow, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    audit::Author,
    authenticator::Authenticator,
    instance_role::InstanceRoles,
    passwords::check_instance_password,
    principal::{Caller, Principal, Scope},
    users::{check_name, is_user_name},
};
use crate::problem::{Code, Problem};

/// The customer's built-in user.
pub(super) const ADMIN: &str = "admin";
/// The producer's built-in user, on all instances the same.
pub(super) const PRODUCER: &str = "producer";
/// Users that an instance may have.
const USERS_MAX: usize = 1_000;

/// A user to be made.
#[derive(Clone)]
pub struct NewInstanceUser {
    pub name: String,
    pub password: String,
    pub roles: InstanceRoles,
}

impl std::fmt::Debug for NewInstanceUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewInstanceUser")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// What shall be different about a user; `None` leaves it.
#[derive(Clone, Default)]
pub struct InstanceUserChange {
    pub password: Option<String>,
    pub roles: Option<InstanceRoles>,
    pub disabled: Option<bool>,
}

impl std::fmt::Debug for InstanceUserChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstanceUserChange")
            .field("password", &self.password.is_some())
            .field("roles", &self.roles)
            .field("disabled", &self.disabled)
            .finish()
    }
}

/// A user of an instance, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceUser {
    pub name: String,
    pub roles: InstanceRoles,
    pub is_built_in: bool,
    /// A built-in user may have none yet, and can then not log in.
    pub has_password: bool,
    pub disabled: bool,
    /// POSIX milliseconds; `None` if nobody has set anything of a built-in user.
    pub modified_ms: Option<i64>,
}

/// What a log-in and a token need to know of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password_hash: String,
    pub(super) roles: InstanceRoles,
    pub(super) disabled: bool,
    pub(super) modified_ms: i64,
}

impl Account {
    /// The principal that a token of the user stands for.
    pub(super) fn principal(&self, instance_id: Uuid) -> Principal {
        Principal {
            name: full_name(instance_id, &self.name),
            caller: Caller::InstanceUser,
            permissions: self.roles.permissions(),
            scope: Scope::Instances(vec![instance_id]),
        }
    }

    fn user(&self) -> InstanceUser {
        InstanceUser {
            name: self.name.clone(),
            roles: self.roles.clone(),
            is_built_in: is_built_in(&self.name),
            has_password: true,
            disabled: self.disabled,
            modified_ms: Some(self.modified_ms),
        }
    }
}

impl Authenticator {
    /// All users of an instance: the built-in ones, then the others by name.
    ///
    /// # Errors
    /// 503 `store_unavailable`
    pub async fn instance_users(&self, instance_id: Uuid) -> Result<Vec<InstanceUser>, Problem> {
        let mut users = Vec::new();
        for name in [ADMIN, PRODUCER] {
            users.push(self.instance_user(instance_id, name).await?);
        }
        for row in self.store.instance_users(instance_id).await? {
            if !is_built_in(&row.name) {
                users.push(account(row)?.user());
            }
        }
        Ok(users)
    }

    /// # Errors
    /// 404
    pub async fn instance_user(
        &self,
        instance_id: Uuid,
        name: &str,
    ) -> Result<InstanceUser, Problem> {
        let found = self.account(instance_id, name).await?.map(|account| account.user());
        found.or_else(|| untouched(name)).ok_or_else(|| Problem::not_found("user"))
    }

    /// # Errors
    /// 400 for a bad name, a weak password or a role that cannot be given; 409 `already_exists`;
    /// 503 `overloaded`.
    pub async fn create_instance_user(
        &self,
        instance_id: Uuid,
        user: NewInstanceUser,
        author: Author<'_>,
    ) -> Result<InstanceUser, Problem> {
        check_name(&user.name)?;
        if is_built_in(&user.name) {
            return Err(already_exists());
        }
        check_roles(&user.roles)?;
        check_instance_password(&user.name, &user.password)?;
        let row = InstanceUserRow {
            instance_id,
            password_hash: self.passwords.hash(&user.password).await?,
            name: user.name,
            roles: user.roles.to_string(),
            disabled: false,
            created_ms: author.now_ms,
            modified_ms: author.now_ms,
        };
        let _changing = self.changing.lock().await;
        if self.store.instance_users(instance_id).await?.len() >= USERS_MAX {
            return Err(Problem::conflict(format!("An instance has at most {USERS_MAX} users")));
        }
        self.insert(row, author).await
    }

    /// Changes a user, and ends its tokens.
    ///
    /// # Errors
    /// 404; 400 as for [`Authenticator::create_instance_user`], and for roles of the built-in
    /// user `admin`; 409 if a user without a password shall get anything else; 403 for the user
    /// `producer`, which is the same on all instances.
    pub async fn update_instance_user(
        &self,
        instance_id: Uuid,
        name: &str,
        change: InstanceUserChange,
        author: Author<'_>,
    ) -> Result<InstanceUser, Problem> {
        check_change(name, &change)?;
        let new_hash = match &change.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let _changing = self.changing.lock().await;
        let Some(old) = self.instance_user_row(instance_id, name).await? else {
            return self.first_of_admin(instance_id, name, new_hash, change, author).await;
        };
        let new = changed(&old, change, new_hash, author.now_ms);
        let (before, mut after) = (describe(&old), describe(&new));
        after["passwordChanged"] = json!(new.password_hash != old.password_hash);
        let object = object(instance_id, name);
        let audit = author.audit("instance-user.update", &object, Some(&before), Some(&after));
        self.store.update_instance_user(new.clone(), audit).await.map_err(not_found)?;
        self.user_cache.forget_all();
        Ok(account(new)?.user())
    }

    /// Deletes a user with all tokens.
    ///
    /// # Errors
    /// 404; 403 for a built-in user.
    pub async fn delete_instance_user(
        &self,
        instance_id: Uuid,
        name: &str,
        author: Author<'_>,
    ) -> Result<(), Problem> {
        if is_built_in(name) {
            return Err(Problem::new(
                Code::PermissionDenied,
                "Built-in users stay; disable it instead",
            ));
        }
        let _changing = self.changing.lock().await;
        let old = self.instance_user_row(instance_id, name).await?;
        let old = old.ok_or_else(|| Problem::not_found("user"))?;
        let object = object(instance_id, name);
        let audit = author.audit("instance-user.delete", &object, Some(&describe(&old)), None);
        let deleted = self.store.delete_instance_user(instance_id, name.to_owned(), audit).await;
        deleted.map_err(not_found)?;
        self.user_cache.forget_all();
        Ok(())
    }

    /// The user of this name as it can log in, if there is one.
    pub(super) async fn account(
        &self,
        instance_id: Uuid,
        name: &str,
    ) -> Result<Option<Account>, Problem> {
        if name == PRODUCER {
            return self.producer_account().await;
        }
        self.instance_user_row(instance_id, name).await?.map(account).transpose()
    }

    /// Gives the built-in user `admin` its first password.
    async fn first_of_admin(
        &self,
        instance_id: Uuid,
        name: &str,
        new_hash: Option<String>,
        change: InstanceUserChange,
        author: Author<'_>,
    ) -> Result<InstanceUser, Problem> {
        if name != ADMIN {
            return Err(Problem::not_found("user"));
        }
        let Some(password_hash) = new_hash else {
            return Err(Problem::conflict(
                "The built-in user admin has no password yet; send one first",
            ));
        };
        let row = InstanceUserRow {
            instance_id,
            name: ADMIN.to_owned(),
            password_hash,
            roles: InstanceRoles::of_admin().to_string(),
            disabled: change.disabled.unwrap_or(false),
            created_ms: author.now_ms,
            modified_ms: author.now_ms,
        };
        self.insert(row, author).await
    }

    async fn insert(
        &self,
        row: InstanceUserRow,
        author: Author<'_>,
    ) -> Result<InstanceUser, Problem> {
        let object = object(row.instance_id, &row.name);
        let audit = author.audit("instance-user.create", &object, None, Some(&describe(&row)));
        let created = self.store.create_instance_user(row.clone(), audit).await;
        created.map_err(|error| match error {
            StoreError::Duplicate => already_exists(),
            other => other.into(),
        })?;
        Ok(account(row)?.user())
    }

    async fn instance_user_row(
        &self,
        instance_id: Uuid,
        name: &str,
    ) -> Result<Option<InstanceUserRow>, Problem> {
        match is_user_name(name) {
            true => Ok(self.store.instance_user(instance_id, name.to_owned()).await?),
            false => Ok(None),
        }
    }
}

/// A user's name as the audit log and the lock-out know it.
pub(super) fn full_name(instance_id: Uuid, name: &str) -> String {
    format!("{name}@{}", ServerId(instance_id))
}

/// What is changed, in the audit log.
pub(super) fn object(instance_id: Uuid, name: &str) -> String {
    format!("instance/{instance_id}/user/{name}")
}

fn is_built_in(name: &str) -> bool {
    matches!(name, ADMIN | PRODUCER)
}

/// A built-in user of which nobody has set anything.
fn untouched(name: &str) -> Option<InstanceUser> {
    let roles = match name {
        ADMIN => InstanceRoles::of_admin(),
        PRODUCER => InstanceRoles::of_producer(),
        _ => return None,
    };
    Some(InstanceUser {
        name: name.to_owned(),
        roles,
        is_built_in: true,
        has_password: false,
        disabled: false,
        modified_ms: None,
    })
}

fn check_change(name: &str, change: &InstanceUserChange) -> Result<(), Problem> {
    if name == PRODUCER {
        return Err(Problem::new(
            Code::PermissionDenied,
            "The user producer is the same on all instances: see \
             /operations/api/v1/settings/producer-user",
        ));
    }
    match &change.roles {
        Some(roles) if name == ADMIN && *roles != InstanceRoles::of_admin() => {
            return Err(Problem::invalid("$.roles", "of the built-in user admin are fixed"));
        }
        Some(roles) => check_roles(roles)?,
        None => {}
    }
    match &change.password {
        Some(password) => check_instance_password(name, password),
        None => Ok(()),
    }
}

fn check_roles(roles: &InstanceRoles) -> Result<(), Problem> {
    if roles.as_slice().contains(&InstanceRole::Producer) {
        return Err(Problem::invalid(
            "$.roles",
            "ROLE_PRODUCER is the built-in user producer's alone",
        ));
    }
    Ok(())
}

fn changed(
    old: &InstanceUserRow,
    change: InstanceUserChange,
    new_hash: Option<String>,
    now_ms: i64,
) -> InstanceUserRow {
    let mut new = InstanceUserRow { modified_ms: now_ms, ..old.clone() };
    if let Some(hash) = new_hash {
        new.password_hash = hash;
    }
    if let Some(roles) = change.roles {
        new.roles = roles.to_string();
    }
    if let Some(disabled) = change.disabled {
        new.disabled = disabled;
    }
    new
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user of an instance has a role that is not known: {0}")]
struct DamagedUser(String);

fn account(row: InstanceUserRow) -> Result<Account, Problem> {
    let roles = row.roles.parse().map_err(|_| Problem::internal(&DamagedUser(row.roles)))?;
    Ok(Account {
        name: row.name,
        password_hash: row.password_hash,
        roles,
        disabled: row.disabled,
        modified_ms: row.modified_ms,
    })
}

/// A user as the audit log shows it.
fn describe(row: &InstanceUserRow) -> Value {
    json!({ "user": row.name, "roles": row.roles, "disabled": row.disabled })
}

fn already_exists() -> Problem {
    Problem::new(Code::AlreadyExists, "There is a user of that name already")
}

fn not_found(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::not_found("user"),
        other => other.into(),
    }
}
