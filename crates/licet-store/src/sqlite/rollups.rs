//! Totals by hour and day, and consumers by day.

use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::{
    accounts,
    ids::{AnyId, TextId},
};
use crate::{ConsumerRow, RollupFilter, RollupRow, Span};

/// Adds to the totals that stand.
pub(super) fn add(connection: &Connection, rows: &[RollupRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO rollup (span, starts_at_ms, instance_id, item, item_version, account_id,
             tokens_charged, tokens_refunded, units, granted, denied)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (span, starts_at_ms, instance_id, item, item_version) DO UPDATE SET
             tokens_charged = tokens_charged + excluded.tokens_charged,
             tokens_refunded = tokens_refunded + excluded.tokens_refunded,
             units = units + excluded.units,
             granted = granted + excluded.granted,
             denied = denied + excluded.denied",
    )?;
    for row in rows {
        statement.execute((
            row.span.name(),
            row.starts_at_ms,
            TextId::from(row.instance_id),
            &row.item,
            &row.item_version,
            &row.account_id,
            row.tokens_charged,
            row.tokens_refunded,
            row.units,
            row.granted,
            row.denied,
        ))?;
    }
    Ok(())
}

/// Adds to the totals of consumers that stand.
pub(super) fn add_consumers(connection: &Connection, rows: &[ConsumerRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO consumer_day (starts_at_ms, instance_id, consumer_type, consumer_id,
             account_id, tokens, granted, denied)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (starts_at_ms, instance_id, consumer_type, consumer_id) DO UPDATE SET
             tokens = tokens + excluded.tokens,
             granted = granted + excluded.granted,
             denied = denied + excluded.denied",
    )?;
    for row in rows {
        statement.execute((
            row.starts_at_ms,
            TextId::from(row.instance_id),
            &row.consumer_type,
            &row.consumer_id,
            &row.account_id,
            row.tokens,
            row.granted,
            row.denied,
        ))?;
    }
    Ok(())
}

/// See [`crate::Projections::rollups`].
pub(super) fn select(
    connection: &Connection,
    filter: &RollupFilter,
) -> rusqlite::Result<Vec<RollupRow>> {
    let table = Table {
        name: "rollup",
        condition: format!("span = '{}'", filter.span.name()),
        order: "starts_at_ms, instance_id, item, item_version",
    };
    table.select(connection, filter, |row| read(row, filter.span))
}

/// See [`crate::Projections::consumers`].
pub(super) fn select_consumers(
    connection: &Connection,
    filter: &RollupFilter,
) -> rusqlite::Result<Vec<ConsumerRow>> {
    let table = Table {
        name: "consumer_day",
        condition: "true".to_owned(),
        order: "starts_at_ms, instance_id, consumer_type, consumer_id",
    };
    table.select(connection, filter, read_consumer)
}

/// A table whose key is (start, instance, …).
struct Table {
    name: &'static str,
    condition: String,
    /// The key.
    order: &'static str,
}

impl Table {
    fn select<T>(
        &self,
        connection: &Connection,
        filter: &RollupFilter,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let instances =
            accounts::wanted_instances(connection, filter.instance_id, &filter.account_ids)?;
        let Some(instances) = instances else {
            return self.scan(connection, filter, read);
        };
        // The key begins with the time, so each (start, instance) is looked up by itself.
        let (sql, mut values) = self.lookup(&filter.account_ids);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = Vec::new();
        let mut from_ms = filter.from_ms;
        while let Some(start) = self.first_start(connection, from_ms, filter.until_ms)? {
            for instance_id in &instances {
                values[0] = start.into();
                values[1] = instance_id.to_string().into();
                for row in statement.query_map(params_from_iter(&values), &mut read)? {
                    rows.push(row?);
                }
            }
            from_ms = start + 1;
        }
        Ok(rows)
    }

    fn lookup(&self, account_ids: &[String]) -> (String, Vec<Value>) {
        let mut sql = format!(
            "SELECT * FROM {} WHERE {} AND starts_at_ms = ? AND instance_id = ?",
            self.name, self.condition
        );
        let mut values = vec![Value::Null, Value::Null];
        accounts::push_condition(account_ids, &mut sql, &mut values);
        sql.push_str(&format!(" ORDER BY {}", self.order));
        (sql, values)
    }

    fn scan<T>(
        &self,
        connection: &Connection,
        filter: &RollupFilter,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut sql = format!(
            "SELECT * FROM {} WHERE {} AND starts_at_ms >= ? AND starts_at_ms < ?",
            self.name, self.condition
        );
        let mut values: Vec<Value> = vec![filter.from_ms.into(), filter.until_ms.into()];
        accounts::push_condition(&filter.account_ids, &mut sql, &mut values);
        sql.push_str(&format!(" ORDER BY {}", self.order));
        connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect()
    }

    /// The first start in that time that has a row of anybody.
    fn first_start(
        &self,
        connection: &Connection,
        from_ms: i64,
        until_ms: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let sql = format!(
            "SELECT min(starts_at_ms) FROM {} WHERE {} AND starts_at_ms >= ?1
             AND starts_at_ms < ?2",
            self.name, self.condition
        );
        connection.prepare_cached(&sql)?.query_row((from_ms, until_ms), |row| row.get(0))
    }
}

/// The columns stand in the order of the table.
fn read(row: &Row<'_>, span: Span) -> rusqlite::Result<RollupRow> {
    Ok(RollupRow {
        span,
        starts_at_ms: row.get(1)?,
        instance_id: row.get::<_, AnyId>(2)?.0,
        item: row.get(3)?,
        item_version: row.get(4)?,
        account_id: row.get(5)?,
        tokens_charged: row.get(6)?,
        tokens_refunded: row.get(7)?,
        units: row.get(8)?,
        granted: row.get(9)?,
        denied: row.get(10)?,
    })
}

/// The columns stand in the order of the table.
fn read_consumer(row: &Row<'_>) -> rusqlite::Result<ConsumerRow> {
    Ok(ConsumerRow {
        starts_at_ms: row.get(0)?,
        instance_id: row.get::<_, AnyId>(1)?.0,
        consumer_type: row.get(2)?,
        consumer_id: row.get(3)?,
        account_id: row.get(4)?,
        tokens: row.get(5)?,
        granted: row.get(6)?,
        denied: row.get(7)?,
    })
}
