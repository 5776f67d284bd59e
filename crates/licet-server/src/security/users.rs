//! Users: making, changing, deleting and listing them.

use licet_store::{StoreError, UserRow};
use serde_json::{Value, json};

use super::{
    audit::Author,
    authenticator::Authenticator,
    passwords::{GeneratedPassword, check_password},
    permission::Role,
    principal::{Caller, Principal, Scope},
};
use crate::problem::{Code, Problem};

/// Longest name of a user, in characters.
const NAME_CHARS_MAX: usize = 128;
/// The user that an empty store gets.
const FIRST_USER: &str = "admin";

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    pub name: String,
    pub password: String,
    pub role: Role,
    /// The account of customer staff; `None` for producer staff.
    pub account_id: Option<String>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

/// What shall be different about a user; `None` leaves it.
#[derive(Clone, Default)]
pub struct UserChange {
    pub password: Option<String>,
    /// The role, with the account that belongs to it.
    pub role: Option<(Role, Option<String>)>,
    pub disabled: Option<bool>,
}

impl std::fmt::Debug for UserChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserChange")
            .field("password", &self.password.is_some())
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish()
    }
}

/// A user, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub account_id: Option<String>,
    pub disabled: bool,
    pub created_ms: i64,
    pub modified_ms: i64,
}

impl Authenticator {
    /// # Errors
    /// 400 for a bad name, a weak password, or a role and account that do not go together; 409
    /// `already_exists`; 503 `overloaded`.
    pub async fn create_user(&self, user: NewUser, author: Author<'_>) -> Result<User, Problem> {
        check_name(&user.name)?;
        check_account(user.role, user.account_id.as_deref())?;
        check_password(&user.name, &user.password)?;
        let row = UserRow {
            password_hash: self.passwords.hash(&user.password).await?,
            name: user.name,
            role: user.role.as_str().to_owned(),
            account_id: user.account_id,
            disabled: false,
            created_ms: author.now_ms,
            modified_ms: author.now_ms,
        };
        let audit = author.audit("user.create", &row.name, None, Some(&describe(&row)));
        self.store.create_user(row.clone(), audit).await.map_err(|error| match error {
            StoreError::Duplicate => {
                Problem::new(Code::AlreadyExists, "There is a user of that name already")
            }
            other => other.into(),
        })?;
        read(&row)
    }

    /// Changes a user. A new password or disabling ends the user's tokens, a new role is in
    /// force when this returns.
    ///
    /// # Errors
    /// 404; 400 as for [`Authenticator::create_user`]; 403 `last_administrator`.
    pub async fn update_user(
        &self,
        name: &str,
        change: UserChange,
        author: Author<'_>,
    ) -> Result<User, Problem> {
        if let Some(password) = &change.password {
            check_password(name, password)?;
        }
        if let Some((role, account_id)) = &change.role {
            check_account(*role, account_id.as_deref())?;
        }
        let new_hash = match &change.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let _changing = self.changing.lock().await;
        let old = self.require_row(name).await?;
        let new = changed(&old, change, new_hash, author.now_ms);
        if is_active_administrator(&old) && !is_active_administrator(&new) {
            self.check_other_administrator(name).await?;
        }
        let (before, mut after) = (describe(&old), describe(&new));
        // Also when the user was disabled before: the step below may have failed then.
        let locked_out = new.disabled || new.password_hash != old.password_hash;
        after["passwordChanged"] = json!(new.password_hash != old.password_hash);
        let audit = author.audit("user.update", name, Some(&before), Some(&after));
        self.store.update_user(new.clone(), audit).await.map_err(not_found)?;
        self.user_cache.forget_all();
        if locked_out {
            let audit = author.audit("user.tokens-revoked", name, None, None);
            self.store.delete_tokens(name.to_owned(), None, audit).await?;
            self.user_cache.forget_all();
        }
        read(&new)
    }

    /// Deletes a user with all tokens.
    ///
    /// # Errors
    /// 404; 403 `last_administrator`.
    pub async fn delete_user(&self, name: &str, author: Author<'_>) -> Result<(), Problem> {
        let _changing = self.changing.lock().await;
        let old = self.require_row(name).await?;
        if is_active_administrator(&old) {
            self.check_other_administrator(name).await?;
        }
        let audit = author.audit("user.delete", name, Some(&describe(&old)), None);
        self.store.delete_user(name.to_owned(), audit).await.map_err(not_found)?;
        self.user_cache.forget_all();
        Ok(())
    }

    /// # Errors
    /// 404
    pub async fn user(&self, name: &str) -> Result<User, Problem> {
        read(&self.require_row(name).await?)
    }

    /// # Errors
    /// 503 `store_unavailable`
    pub async fn users(&self) -> Result<Vec<User>, Problem> {
        self.store.users().await?.iter().map(read).collect()
    }

    /// Gives an empty store its first administrator. Returns the password if one had to be
    /// made; it is not kept anywhere else.
    ///
    /// # Errors
    /// 400 `weak_password` for the password that was given.
    pub async fn ensure_admin(
        &self,
        password: Option<String>,
        now_ms: i64,
    ) -> Result<Option<GeneratedPassword>, Problem> {
        if !self.store.users().await?.is_empty() {
            return Ok(None);
        }
        let (password, generated) = match password {
            Some(password) => (password, None),
            None => {
                let generated = GeneratedPassword::new()?;
                (generated.expose().to_owned(), Some(generated))
            }
        };
        let name = FIRST_USER.to_owned();
        let user = NewUser { name, password, role: Role::Administrator, account_id: None };
        match self.create_user(user, Author::server(now_ms)).await {
            // Another node was faster; its password holds.
            Err(problem) if problem.code() == Code::AlreadyExists => Ok(None),
            Err(problem) => Err(problem),
            Ok(_) => Ok(generated),
        }
    }

    async fn require_row(&self, name: &str) -> Result<UserRow, Problem> {
        let row = match is_user_name(name) {
            true => self.store.user(name.to_owned()).await?,
            false => None,
        };
        row.ok_or_else(|| Problem::not_found("user"))
    }

    async fn check_other_administrator(&self, name: &str) -> Result<(), Problem> {
        let users = self.store.users().await?;
        if users.iter().any(|user| user.name != name && is_active_administrator(user)) {
            return Ok(());
        }
        Err(Problem::new(
            Code::LastAdministrator,
            "This is the last administrator that can log in; make another one first",
        ))
    }
}

fn changed(old: &UserRow, change: UserChange, new_hash: Option<String>, now_ms: i64) -> UserRow {
    let mut new = UserRow { modified_ms: now_ms, ..old.clone() };
    if let Some(hash) = new_hash {
        new.password_hash = hash;
    }
    if let Some((role, account_id)) = change.role {
        role.as_str().clone_into(&mut new.role);
        new.account_id = account_id;
    }
    if let Some(disabled) = change.disabled {
        new.disabled = disabled;
    }
    new
}

fn is_active_administrator(row: &UserRow) -> bool {
    !row.disabled && row.role == Role::Administrator.as_str()
}

/// The principal that a user's credentials stand for.
pub(super) fn principal_of(row: &UserRow) -> Result<Principal, Problem> {
    let user = read(row)?;
    let scope = match (user.role.is_customer(), user.account_id) {
        (false, _) => Scope::Site,
        (true, Some(account_id)) => Scope::Accounts(vec![account_id]),
        (true, None) => return Err(Problem::internal(&DamagedUser)),
    };
    Ok(Principal {
        name: user.name,
        caller: Caller::User(user.role),
        permissions: user.role.permissions(),
        scope,
    })
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user has no role that is known, or no account")]
struct DamagedUser;

fn read(row: &UserRow) -> Result<User, Problem> {
    Ok(User {
        name: row.name.clone(),
        role: row.role.parse().map_err(|_| Problem::internal(&DamagedUser))?,
        account_id: row.account_id.clone(),
        disabled: row.disabled,
        created_ms: row.created_ms,
        modified_ms: row.modified_ms,
    })
}

/// A user as the audit log shows it.
fn describe(row: &UserRow) -> Value {
    json!({ "user": row.name, "role": row.role, "accountId": row.account_id, "disabled": row.disabled })
}

/// Whether a text can be the name of a user. A colon ends the name in Basic authentication.
pub(super) fn is_user_name(name: &str) -> bool {
    let chars = name.chars().count();
    (1..=NAME_CHARS_MAX).contains(&chars)
        && name.trim() == name
        && !name.chars().any(|c| c.is_control() || c == ':')
}

pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    if is_user_name(name) {
        return Ok(());
    }
    Err(Problem::invalid(
        "$.user",
        "must have 1 to 128 characters, no colon, no control characters, no space at either end",
    ))
}

fn check_account(role: Role, account_id: Option<&str>) -> Result<(), Problem> {
    match (role.is_customer(), account_id.is_some_and(|id| !id.is_empty())) {
        (true, false) => Err(Problem::invalid("$.accountId", "is required for a customer's role")),
        (false, true) => {
            Err(Problem::invalid("$.accountId", "belongs to customers' roles only; leave it out"))
        }
        _ => Ok(()),
    }
}

fn not_found(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::not_found("user"),
        other => other.into(),
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
