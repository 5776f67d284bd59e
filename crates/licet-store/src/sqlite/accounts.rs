//! Which instances belong to an account, as far as the projection knows.
//!
//! Tables are keyed by instance; a question about accounts is answered instance by instance when
//! they have few, and by going through everything of the time asked for when they have many.

use rusqlite::{Connection, types::Value};
use uuid::Uuid;

use super::ids::{AnyId, TextId};
use crate::{Projection, numbers::row_limit};

/// Instances up to which each is looked up by itself.
const INSTANCES_MAX: usize = 64;

/// Notes the accounts of all instances in `projection`.
pub(super) fn note(connection: &Connection, projection: &Projection) -> rusqlite::Result<()> {
    let accounts = projection.accounts();
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO account_instance (account_id, instance_id) VALUES (?1, ?2)",
    )?;
    for (instance_id, account_id) in accounts {
        statement.execute((account_id, TextId::from(instance_id)))?;
    }
    Ok(())
}

/// The instances to look up one by one, in order; `None` if everything must be gone through.
pub(super) fn wanted_instances(
    connection: &Connection,
    instance_id: Option<Uuid>,
    account_ids: &[String],
) -> rusqlite::Result<Option<Vec<Uuid>>> {
    if let Some(instance_id) = instance_id {
        return Ok(Some(vec![instance_id]));
    }
    if account_ids.is_empty() {
        return Ok(None);
    }
    let mut instances = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT instance_id FROM account_instance WHERE account_id = ?1 LIMIT ?2",
    )?;
    for account_id in account_ids {
        let room = row_limit(INSTANCES_MAX + 1);
        for id in statement.query_map((account_id, room), |row| row.get::<_, AnyId>(0))? {
            instances.push(id?.0);
        }
        if instances.len() > INSTANCES_MAX {
            return Ok(None);
        }
    }
    instances.sort_unstable();
    instances.dedup();
    Ok(Some(instances))
}

/// Adds the condition that the row belongs to one of the accounts; no account means any.
pub(super) fn push_condition(account_ids: &[String], sql: &mut String, values: &mut Vec<Value>) {
    if account_ids.is_empty() {
        return;
    }
    let marks = vec!["?"; account_ids.len()].join(", ");
    sql.push_str(&format!(" AND account_id IN ({marks})"));
    values.extend(account_ids.iter().cloned().map(Value::from));
}
