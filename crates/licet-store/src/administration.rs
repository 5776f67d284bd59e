//! What instances have beside their journals: accounts, keys and settings of their licence
//! servers.

use uuid::Uuid;

use crate::{AuditRow, Pending};

/// An account of the licence server of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceUserRow {
    pub instance_id: Uuid,
    pub name: String,
    /// PHC string.
    pub password_hash: String,
    /// Names of roles, separated by commas.
    pub roles: String,
    pub disabled: bool,
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// The account that the producer has on every instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerUserRow {
    pub name: String,
    /// PHC string.
    pub password_hash: String,
    pub enabled: bool,
    pub modified_ms: i64,
    pub updated_by: String,
}

/// An opaque bearer token of an account of one instance; only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceTokenRow {
    pub hash: [u8; 32],
    pub instance_id: Uuid,
    pub user: String,
    pub created_ms: i64,
    pub expires_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSettingRow {
    pub instance_id: Uuid,
    pub name: String,
    pub value: String,
    pub modified_ms: i64,
    pub updated_by: String,
}

/// A public key that verifies the tokens of an instance's clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicensingKeyRow {
    pub instance_id: Uuid,
    pub kid: String,
    /// SubjectPublicKeyInfo.
    pub der: Vec<u8>,
    pub created_ms: i64,
}

/// Accounts, keys and settings of instances, in ordinary tables. Every change carries the audit
/// row that goes into the same transaction.
pub trait Administration: Send + Sync {
    /// # Errors
    /// [`StoreError::Duplicate`](crate::StoreError::Duplicate) if the instance has a user of that
    /// name.
    fn create_instance_user(&self, row: InstanceUserRow, audit: AuditRow) -> Pending<'_, ()>;
    /// Replaces a user, and deletes its tokens.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound)
    fn update_instance_user(&self, row: InstanceUserRow, audit: AuditRow) -> Pending<'_, ()>;
    /// Deletes a user with its tokens.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound)
    fn delete_instance_user(
        &self,
        instance_id: Uuid,
        name: String,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    fn instance_user(
        &self,
        instance_id: Uuid,
        name: String,
    ) -> Pending<'_, Option<InstanceUserRow>>;
    /// Users of an instance by name.
    fn instance_users(&self, instance_id: Uuid) -> Pending<'_, Vec<InstanceUserRow>>;

    /// Sets the producer's account on all instances, and deletes all tokens of users of its name.
    fn put_producer_user(&self, row: ProducerUserRow, audit: AuditRow) -> Pending<'_, ()>;
    fn producer_user(&self) -> Pending<'_, Option<ProducerUserRow>>;

    /// Tokens that have expired go with those of the site:
    /// [`Site::sweep_tokens`](crate::Site::sweep_tokens).
    fn create_instance_token(&self, row: InstanceTokenRow, audit: AuditRow) -> Pending<'_, ()>;
    fn instance_token(&self, hash: [u8; 32]) -> Pending<'_, Option<InstanceTokenRow>>;
    /// Deletes one token; none is no error.
    fn delete_instance_token(&self, hash: [u8; 32], audit: AuditRow) -> Pending<'_, ()>;

    /// Adds settings, or replaces them by instance and name; all or none.
    fn put_instance_settings(
        &self,
        rows: Vec<InstanceSettingRow>,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound) if it stands at its default.
    fn delete_instance_setting(
        &self,
        instance_id: Uuid,
        name: String,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    /// Settings of all instances, or of one, that were changed from their default, by (instance,
    /// name).
    fn instance_settings(&self, instance_id: Option<Uuid>) -> Pending<'_, Vec<InstanceSettingRow>>;

    /// Adds a key, or replaces it by instance and `kid`.
    fn put_licensing_key(&self, row: LicensingKeyRow, audit: AuditRow) -> Pending<'_, ()>;
    /// Deletes one key of an instance, or all.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::StoreError::NotFound) if there is no key of that `kid`.
    fn delete_licensing_keys(
        &self,
        instance_id: Uuid,
        kid: Option<String>,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    /// Keys of all instances by (instance, created, kid).
    fn licensing_keys(&self) -> Pending<'_, Vec<LicensingKeyRow>>;
}
