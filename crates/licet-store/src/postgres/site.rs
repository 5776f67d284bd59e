//! What belongs to the site: every change and its audit row in one transaction.
//!
//! Changes come one after the other, in whichever process: each begins by taking the same lock.
//! So what a change must find true (there is another key, no default instance yet) stays true
//! until it is committed, and audit ids and row numbers ascend as others see them.

use deadpool_postgres::{Object, Transaction};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    PostgresStore, audit, instance_users, instances, keys, listener, rate_tables, settings,
    signing_keys, tokens, users,
};
use crate::{
    AuditRow, InstanceFilter, InstanceRow, KeyKind, KeyRow, Pending, RateTableRow, SettingRow,
    SigningKeyRow, Site, SiteChange, StoreError, TokenRow, UserRow, audit_id::Changes,
};

const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('licet site ' || current_schema(), 0))";

pub(super) async fn begin(client: &mut Object) -> Result<Transaction<'_>, StoreError> {
    let transaction = client.transaction().await?;
    let lock = transaction.prepare_cached(LOCK).await?;
    transaction.execute(&lock, &[]).await?;
    Ok(transaction)
}

pub(super) async fn commit(
    transaction: Transaction<'_>,
    row: AuditRow,
    notice: Option<SiteChange>,
) -> Result<(), StoreError> {
    audit::insert(&transaction, Changes::OfSite, &[row]).await?;
    if let Some(change) = notice {
        let notify = transaction.prepare_cached(listener::NOTIFY).await?;
        transaction.execute(&notify, &[&change.name()]).await?;
    }
    Ok(transaction.commit().await?)
}

/// A change, its audit row and the notice of it in one transaction.
macro_rules! change {
    ($store:expr, $audit:expr, $notice:expr, |$transaction:ident| $work:expr) => {
        Box::pin(async move {
            let mut client = $store.to_change().await?;
            let transaction = begin(&mut client).await?;
            let done = {
                let $transaction = &transaction;
                $work.await?
            };
            commit(transaction, $audit, $notice).await?;
            Ok(done)
        })
    };
}

pub(super) use change;

impl Site for PostgresStore {
    fn changes(&self) -> Option<broadcast::Receiver<SiteChange>> {
        self.listener.as_ref().map(listener::Listener::subscribe)
    }

    fn create_instance(&self, row: InstanceRow, audit: AuditRow) -> Pending<'_, InstanceRow> {
        change!(self, audit, None, |transaction| instances::create(transaction, row))
    }

    fn instance(&self, id: Uuid) -> Pending<'_, Option<InstanceRow>> {
        Box::pin(instances::get(&self.shared, id))
    }

    fn instances(&self, filter: InstanceFilter) -> Pending<'_, Vec<(i64, InstanceRow)>> {
        Box::pin(instances::select(self, filter))
    }

    fn create_rate_table(&self, row: RateTableRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Terms);
        change!(self, audit, notice, |transaction| rate_tables::create(transaction, &row))
    }

    fn delete_rate_table(
        &self,
        series: String,
        version: String,
        now_ms: i64,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        change!(self, audit, Some(SiteChange::Terms), |transaction| {
            rate_tables::delete(transaction, &series, &version, now_ms)
        })
    }

    fn rate_tables(&self) -> Pending<'_, Vec<RateTableRow>> {
        Box::pin(rate_tables::all(&self.shared))
    }

    fn put_keys(&self, rows: Vec<KeyRow>, audit: AuditRow) -> Pending<'_, ()> {
        change!(self, audit, Some(SiteChange::Keys), |transaction| keys::put(transaction, &rows))
    }

    fn delete_key(&self, kind: KeyKind, id: String, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Keys);
        change!(self, audit, notice, |transaction| keys::delete(transaction, kind, &id))
    }

    fn keys(&self) -> Pending<'_, Vec<KeyRow>> {
        Box::pin(keys::all(&self.shared))
    }

    fn replace_signing_keys(
        &self,
        before: Vec<SigningKeyRow>,
        after: Vec<SigningKeyRow>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        change!(self, audit, Some(SiteChange::SigningKeys), |transaction| {
            signing_keys::replace(transaction, &before, &after)
        })
    }

    fn signing_keys(&self) -> Pending<'_, Vec<SigningKeyRow>> {
        Box::pin(signing_keys::all(&self.shared))
    }

    fn settings(&self) -> Pending<'_, Vec<SettingRow>> {
        Box::pin(settings::all(&self.shared))
    }

    fn put_settings(&self, rows: Vec<SettingRow>, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Terms);
        change!(self, audit, notice, |transaction| settings::put(transaction, &rows))
    }

    fn create_user(&self, row: UserRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| users::create(transaction, &row))
    }

    fn update_user(&self, row: UserRow, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| users::update(transaction, &row))
    }

    fn delete_user(&self, name: String, audit: AuditRow) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| users::delete(transaction, &name))
    }

    fn user(&self, name: String) -> Pending<'_, Option<UserRow>> {
        Box::pin(async move { users::get(&self.shared, &name).await })
    }

    fn users(&self) -> Pending<'_, Vec<UserRow>> {
        Box::pin(users::all(&self.shared))
    }

    // Nobody can have learnt anything of a token before it was made, so there is no notice.
    fn create_token(&self, row: TokenRow, audit: AuditRow) -> Pending<'_, ()> {
        change!(self, audit, None, |transaction| tokens::create(transaction, &row))
    }

    fn token(&self, hash: [u8; 32]) -> Pending<'_, Option<TokenRow>> {
        Box::pin(tokens::get(&self.shared, hash))
    }

    fn delete_tokens(
        &self,
        user: String,
        hash: Option<[u8; 32]>,
        audit: AuditRow,
    ) -> Pending<'_, ()> {
        let notice = Some(SiteChange::Users);
        change!(self, audit, notice, |transaction| {
            tokens::delete(transaction, &user, hash.as_ref())
        })
    }

    fn sweep_tokens(&self, now_ms: i64) -> Pending<'_, ()> {
        Box::pin(async move {
            let client = self.to_change().await?;
            tokens::sweep(&client, now_ms).await?;
            instance_users::sweep_tokens(&client, now_ms).await
        })
    }

    fn audit(&self, row: AuditRow) -> Pending<'_, ()> {
        change!(self, row, None, |_transaction| std::future::ready(Ok::<(), StoreError>(())))
    }

    fn audit_rows(&self, before: i64, limit: usize) -> Pending<'_, Vec<(i64, AuditRow)>> {
        Box::pin(audit::page(self, before, limit))
    }
}
