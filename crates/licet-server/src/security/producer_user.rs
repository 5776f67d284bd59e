//! The user `producer`, which is the same on all instances, those to come included.

use licet_store::ProducerUserRow;
use serde_json::{Value, json};

use super::{
    audit::Author,
    authenticator::Authenticator,
    instance_role::InstanceRoles,
    instance_users::{Account, PRODUCER},
    passwords::check_instance_password,
};
use crate::problem::Problem;

/// The producer's user as the site knows it, without the password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerUser {
    pub enabled: bool,
    pub has_password: bool,
    /// POSIX milliseconds; `None` if it was never set.
    pub modified_ms: Option<i64>,
    pub updated_by: Option<String>,
}

impl Authenticator {
    /// # Errors
    /// 503 `store_unavailable`
    pub async fn producer_user(&self) -> Result<ProducerUser, Problem> {
        Ok(self.store.producer_user().await?.map_or_else(ProducerUser::default, |row| read(&row)))
    }

    /// Enables the user with a password, or the one that it has, or disables it. All its tokens
    /// on all instances end.
    ///
    /// # Errors
    /// 400 `weak_password`, or if it is to be enabled and has no password; 503 `overloaded`.
    pub async fn set_producer_user(
        &self,
        enabled: bool,
        password: Option<String>,
        author: Author<'_>,
    ) -> Result<ProducerUser, Problem> {
        let new_hash = match &password {
            Some(password) => {
                check_instance_password(PRODUCER, password)?;
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let _changing = self.changing.lock().await;
        let old = self.store.producer_user().await?;
        let old_hash = old.as_ref().map(|row| row.password_hash.clone());
        let is_new_password = new_hash.is_some();
        let password_hash = match new_hash.or(old_hash) {
            Some(hash) => hash,
            None if enabled => {
                return Err(Problem::invalid("$.password", "is required: the user has none yet"));
            }
            // Nothing to disable.
            None => return Ok(ProducerUser::default()),
        };
        let row = ProducerUserRow {
            name: PRODUCER.to_owned(),
            password_hash,
            enabled,
            modified_ms: author.now_ms,
            updated_by: author.name.to_owned(),
        };
        let before = old.as_ref().map(describe);
        let mut after = describe(&row);
        after["passwordChanged"] = json!(is_new_password);
        let audit = author.audit("producer-user.put", PRODUCER, before.as_ref(), Some(&after));
        self.store.put_producer_user(row.clone(), audit).await?;
        self.user_cache.forget_all();
        Ok(read(&row))
    }

    pub(super) async fn producer_account(&self) -> Result<Option<Account>, Problem> {
        Ok(self.store.producer_user().await?.map(|row| Account {
            name: row.name,
            password_hash: row.password_hash,
            roles: InstanceRoles::of_producer(),
            disabled: !row.enabled,
            modified_ms: row.modified_ms,
        }))
    }
}

fn read(row: &ProducerUserRow) -> ProducerUser {
    ProducerUser {
        enabled: row.enabled,
        has_password: true,
        modified_ms: Some(row.modified_ms),
        updated_by: Some(row.updated_by.clone()),
    }
}

/// The user as the audit log shows it.
fn describe(row: &ProducerUserRow) -> Value {
    json!({ "user": row.name, "enabled": row.enabled })
}
