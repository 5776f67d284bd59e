//! Which instances belong to an account, as far as the projection knows.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns};
use crate::{Projection, StoreError, numbers::row_limit};

/// Instances up to which each is looked up by itself.
const INSTANCES_MAX: usize = 64;

/// Notes the accounts of all instances in `projection`.
pub(super) async fn note(
    transaction: &Transaction<'_>,
    projection: &Projection,
) -> Result<(), StoreError> {
    let accounts = projection.accounts();
    if accounts.is_empty() {
        return Ok(());
    }
    let (instance_ids, account_ids): (Vec<Uuid>, Vec<&str>) = accounts.into_iter().unzip();
    let sql = "INSERT INTO account_instance (account_id, instance_id)
        SELECT * FROM unnest($1::text[], $2::uuid[]) ON CONFLICT DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&account_ids, &instance_ids]).await?;
    Ok(())
}

/// The instances to look up one by one, in order; `None` if everything must be gone through.
pub(super) async fn wanted_instances(
    store: &PostgresStore,
    instance_id: Option<Uuid>,
    account_ids: &[String],
) -> Result<Option<Vec<Uuid>>, StoreError> {
    if let Some(instance_id) = instance_id {
        return Ok(Some(vec![instance_id]));
    }
    if account_ids.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT DISTINCT instance_id FROM account_instance
        WHERE account_id = ANY($1) ORDER BY instance_id LIMIT $2";
    let rows = store.shared.query(sql, &[&account_ids, &row_limit(INSTANCES_MAX + 1)]).await?;
    if rows.len() > INSTANCES_MAX {
        return Ok(None);
    }
    rows.iter().map(|row| row.column(0)).collect::<Result<_, _>>().map(Some)
}
