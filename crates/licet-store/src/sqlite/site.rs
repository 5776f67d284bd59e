//! What belongs to the site: every change and its audit row in one transaction.

use rusqlite::Connection;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    SqliteStore, audit, instance_users, instances, keys, rate_tables, settings, signing_keys,
    tokens, users,
};
use crate::{
    AuditRow, InstanceFilter, InstanceRow, KeyKind, KeyRow, Pending, RateTableRow, SettingRow,
    SigningKeyRow, Site, SiteChange, StoreError, TokenRow, UserRow, audit_id::Changes,
};

impl SqliteStore {
    pub(super) fn change_site<T: Send + 'static>(
        &self,
        row: AuditRow,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'_, T> {
        self.change_journal(move |connection| {
            let done = work(connection)?;
            audit::insert(connection, Changes::OfSite, &row)?;
            Ok(done)
        })
    }
}

impl Site for SqliteStore {
    fn changes(&self) -> Option<broadcast::Receiver<SiteChange>> {
        None
    }

    fn create_instance(&self, row: InstanceRow, audit: AuditRow) -> Pending<'_, InstanceRow> {
        self.change_site(audit, |connection| instances::create(connection, row))
    }

    fn instance(&self, id: Uuid) -> Pending<'_, Option<InstanceRow>> {
        self.read_journal(move |connection| Ok(instances::get(connection, id)?))
    }

    fn instances(&self, filter: InstanceFilter) -> Pending<'_, Vec<(i64, InstanceRow)>> {
        self.read_journal(move |connection| Ok(instances::select(connection, &filter)?))
    }

    fn create_rate_table(&self, row: RateTableRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| rate_tables::create(connection, &row))
    }

    fn delete_rate_table(
        &self,
        series: String,
        version: String,
        now_ms: i64,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| {
            rate_tables::delete(connection, &series, &version, now_ms)
        })
    }

    fn rate_tables(&self) -> Pending<'_, Vec<RateTableRow>> {
        self.read_journal(|connection| Ok(rate_tables::all(connection)?))
    }

    fn put_keys(&self, rows: Vec<KeyRow>, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| keys::put(connection, &rows))
    }

    fn delete_key(&self, kind: KeyKind, id: String, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| keys::delete(connection, kind, &id))
    }

    fn keys(&self) -> Pending<'_, Vec<KeyRow>> {
        self.read_journal(|connection| Ok(keys::all(connection)?))
    }

    fn replace_signing_keys(
        &self,
        before: Vec<SigningKeyRow>,
        after: Vec<SigningKeyRow>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| {
            signing_keys::replace(connection, &before, &after)
        })
    }

    fn signing_keys(&self) -> Pending<'_, Vec<SigningKeyRow>> {
        self.read_journal(|connection| Ok(signing_keys::all(connection)?))
    }

    fn settings(&self) -> Pending<'_, Vec<SettingRow>> {
        self.read_journal(|connection| Ok(settings::all(connection)?))
    }

    fn put_settings(&self, rows: Vec<SettingRow>, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| settings::put(connection, &rows))
    }

    fn create_user(&self, row: UserRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| users::create(connection, &row))
    }

    fn update_user(&self, row: UserRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| users::update(connection, &row))
    }

    fn delete_user(&self, name: String, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| users::delete(connection, &name))
    }

    fn user(&self, name: String) -> Pending<'_, Option<UserRow>> {
        self.read_journal(move |connection| Ok(users::get(connection, &name)?))
    }

    fn users(&self) -> Pending<'_, Vec<UserRow>> {
        self.read_journal(|connection| Ok(users::all(connection)?))
    }

    fn create_token(&self, row: TokenRow, audit: AuditRow) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| tokens::create(connection, &row))
    }

    fn token(&self, hash: [u8; 32]) -> Pending<'_, Option<TokenRow>> {
        self.read_journal(move |connection| Ok(tokens::get(connection, &hash)?))
    }

    fn delete_tokens(
        &self,
        user: String,
        hash: Option<[u8; 32]>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        self.change_site(audit, move |connection| tokens::delete(connection, &user, hash.as_ref()))
    }

    fn sweep_tokens(&self, now_ms: i64) -> Pending<'_, ()> {
        self.change_journal(move |connection| {
            tokens::sweep(connection, now_ms)?;
            instance_users::sweep_tokens(connection, now_ms)
        })
    }

    fn audit(&self, row: AuditRow) -> Pending<'_, ()> {
        self.change_site(row, |_| Ok(()))
    }

    fn audit_rows(&self, before: i64, limit: usize) -> Pending<'_, Vec<(i64, AuditRow)>> {
        Box::pin(async move {
            let page = move |connection: &Connection| Ok(audit::page(connection, before, limit)?);
            let of_site = self.read_journal(page).await?;
            let of_instances = self.read_projection(page).await?;
            Ok(audit::merge(of_site, of_instances, limit))
        })
    }
}
