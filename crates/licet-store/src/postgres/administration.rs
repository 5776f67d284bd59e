//! Accounts, keys and settings of instances: every change and its audit row in one transaction.

use uuid::Uuid;

use super::{
    PostgresStore, instance_settings, instance_users, licensing_keys,
    site::{begin, change, commit},
};
use crate::{
    Administration, AuditRow, InstanceSettingRow, InstanceTokenRow, InstanceUserRow,
    LicensingKeyRow, Pending, ProducerUserRow, SiteChange,
};

impl Administration for PostgresStore {
    fn create_instance_user(&self, row: InstanceUserRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| instance_users::create(transaction, &row))
    }

    fn update_instance_user(&self, row: InstanceUserRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| instance_users::update(transaction, &row))
    }

    fn delete_instance_user(
        &self,
        instance_id: Uuid,
        name: String,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| {
            instance_users::delete(transaction, instance_id, &name)
        })
    }

    fn instance_user(
        &self,
        instance_id: Uuid,
        name: String,
    ) -> Pending<'_, Option<InstanceUserRow>> {
        Box::pin(async move { instance_users::get(&self.shared, instance_id, &name).await })
    }

    fn instance_users(&self, instance_id: Uuid) -> Pending<'_, Vec<InstanceUserRow>> {
        Box::pin(instance_users::of(&self.shared, instance_id))
    }

    fn put_producer_user(&self, row: ProducerUserRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| {
            instance_users::put_producer(transaction, &row)
        })
    }

    fn producer_user(&self) -> Pending<'_, Option<ProducerUserRow>> {
        Box::pin(instance_users::producer(&self.shared))
    }

    // Nobody can have learnt anything of a token before it was made, so there is no notice.
    fn create_instance_token(&self, row: InstanceTokenRow, audit: AuditRow) -> Pending<'_, ()> {
        change!(self, audit, None, |transaction| instance_users::create_token(transaction, &row))
    }

    fn instance_token(&self, hash: [u8; 32]) -> Pending<'_, Option<InstanceTokenRow>> {
        Box::pin(instance_users::token(&self.shared, hash))
    }

    fn delete_instance_token(&self, hash: [u8; 32], audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| {
            instance_users::delete_token(transaction, hash)
        })
    }

    fn put_instance_settings(
        &self,
        rows: Vec<InstanceSettingRow>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Terms);
        change!(self, audit, notice, |transaction| instance_settings::put(transaction, &rows))
    }

    fn delete_instance_setting(
        &self,
        instance_id: Uuid,
        name: String,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Terms);
        change!(self, audit, notice, |transaction| {
            instance_settings::delete(transaction, instance_id, &name)
        })
    }

    fn instance_settings(&self, instance_id: Option<Uuid>) -> Pending<'_, Vec<InstanceSettingRow>> {
        Box::pin(instance_settings::select(&self.shared, instance_id))
    }

    fn put_licensing_key(&self, row: LicensingKeyRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Keys);
        change!(self, audit, notice, |transaction| licensing_keys::put(transaction, &row))
    }

    fn delete_licensing_keys(
        &self,
        instance_id: Uuid,
        kid: Option<String>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Keys);
        change!(self, audit, notice, |transaction| {
            licensing_keys::delete(transaction, instance_id, kid.as_deref())
        })
    }

    fn licensing_keys(&self) -> Pending<'_, Vec<LicensingKeyRow>> {
        Box::pin(licensing_keys::all(&self.shared))
    }
}
