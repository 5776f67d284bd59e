//! Accounts, keys and settings of instances: every change and its audit row in one transaction.

use rusqlite::Connection;
use uuid::Uuid;

use super::{SqliteStore, instance_settings, instance_users, licensing_keys};
use crate::{
    Administration, AuditRow, InstanceSettingRow, InstanceTokenRow, InstanceUserRow,
    LicensingKeyRow, Pending, ProducerUserRow,
};

impl Administration for SqliteStore {
    fn create_instance_user(&self, row: InstanceUserRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| instance_users::create(connection, &row))
    }

    fn update_instance_user(&self, row: InstanceUserRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| instance_users::update(connection, &row))
    }

    fn delete_instance_user(
        &self,
        instance_id: Uuid,
        name: String,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| {
            instance_users::delete(connection, instance_id, &name)
        })
    }

    fn instance_user(
        &self,
        instance_id: Uuid,
        name: String,
    ) -> Pending<'_, Option<InstanceUserRow>> {
        self.read_journal(move |connection| {
            Ok(instance_users::get(connection, instance_id, &name)?)
        })
    }

    fn instance_users(&self, instance_id: Uuid) -> Pending<'_, Vec<InstanceUserRow>> {
        self.read_journal(move |connection| Ok(instance_users::of(connection, instance_id)?))
    }

    fn put_producer_user(&self, row: ProducerUserRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| instance_users::put_producer(connection, &row))
    }

    fn producer_user(&self) -> Pending<'_, Option<ProducerUserRow>> {
        self.read_journal(|connection| Ok(instance_users::producer(connection)?))
    }

    fn create_instance_token(&self, row: InstanceTokenRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| instance_users::create_token(connection, &row))
    }

    fn instance_token(&self, hash: [u8; 32]) -> Pending<'_, Option<InstanceTokenRow>> {
        self.read_journal(move |connection| Ok(instance_users::token(connection, &hash)?))
    }

    fn delete_instance_token(&self, hash: [u8; 32], audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| instance_users::delete_token(connection, &hash))
    }

    fn put_instance_settings(
        &self,
        rows: Vec<InstanceSettingRow>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| instance_settings::put(connection, &rows))
    }

    fn delete_instance_setting(
        &self,
        instance_id: Uuid,
        name: String,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| {
            instance_settings::delete(connection, instance_id, &name)
        })
    }

    fn instance_settings(&self, instance_id: Option<Uuid>) -> Pending<'_, Vec<InstanceSettingRow>> {
        self.read_journal(move |connection: &Connection| {
            Ok(instance_settings::select(connection, instance_id)?)
        })
    }

    fn put_licensing_key(&self, row: LicensingKeyRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| licensing_keys::put(connection, &row))
    }

    fn delete_licensing_keys(
        &self,
        instance_id: Uuid,
        kid: Option<String>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| {
            licensing_keys::delete(connection, instance_id, kid.as_deref())
        })
    }

    fn licensing_keys(&self) -> Pending<'_, Vec<LicensingKeyRow>> {
        self.read_journal(|connection| Ok(licensing_keys::all(connection)?))
    }
}
