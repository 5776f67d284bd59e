//! Reading tables of what is counted over a time, by that and by instance.

use rusqlite::{Connection, Row, params_from_iter, types::Value};
use uuid::Uuid;

use super::accounts;
use crate::{Meters, RollupFilter};

/// A table whose key is (span, start, instance, …).
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How it keeps an instance's id.
    pub(super) id: fn(Uuid) -> Value,
    /// The key.
    pub(super) order: &'static str,
}

impl Table {
    /// Rows of all meters, of some that have no meter.
    pub(super) fn select<T>(
        &self,
        connection: &Connection,
        filter: &RollupFilter,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.select_meters(connection, filter, &Meters::AllAndTokens, read)
    }

    pub(super) fn select_meters<T>(
        &self,
        connection: &Connection,
        filter: &RollupFilter,
        meters: &Meters,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let instances =
            accounts::wanted_instances(connection, filter.instance_id, &filter.account_ids)?;
        let Some(instances) = instances else {
            return self.scan(connection, filter, meters, read);
        };
        // The key begins with the time, so each (start, instance) is looked up by itself.
        let (sql, mut values) = self.lookup(filter, meters);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = Vec::new();
        let mut from_ms = filter.from_ms;
        while let Some(start) = self.first_start(connection, filter, from_ms)? {
            for instance_id in &instances {
                values[0] = start.into();
                values[1] = (self.id)(*instance_id);
                for row in statement.query_map(params_from_iter(&values), &mut read)? {
                    rows.push(row?);
                }
            }
            from_ms = start + 1;
        }
        Ok(rows)
    }

    fn lookup(&self, filter: &RollupFilter, meters: &Meters) -> (String, Vec<Value>) {
        let mut sql = format!(
            "SELECT * FROM {} WHERE starts_at_ms = ? AND instance_id = ? AND span = ?",
            self.name
        );
        let mut values = vec![Value::Null, Value::Null, filter.span.name().to_owned().into()];
        accounts::push_condition(&filter.account_ids, &mut sql, &mut values);
        push_meters(meters, &mut sql, &mut values);
        sql.push_str(&format!(" ORDER BY {}", self.order));
        (sql, values)
    }

    fn scan<T>(
        &self,
        connection: &Connection,
        filter: &RollupFilter,
        meters: &Meters,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut sql = format!(
            "SELECT * FROM {} WHERE starts_at_ms >= ? AND starts_at_ms < ? AND span = ?",
            self.name
        );
        let span = filter.span.name().to_owned();
        let mut values: Vec<Value> =
            vec![filter.from_ms.into(), filter.until_ms.into(), span.into()];
        accounts::push_condition(&filter.account_ids, &mut sql, &mut values);
        push_meters(meters, &mut sql, &mut values);
        sql.push_str(&format!(" ORDER BY {}", self.order));
        connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect()
    }

    /// The first start in that time that has a row of anybody.
    fn first_start(
        &self,
        connection: &Connection,
        filter: &RollupFilter,
        from_ms: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let sql = format!(
            "SELECT min(starts_at_ms) FROM {} WHERE span = ?1 AND starts_at_ms >= ?2
             AND starts_at_ms < ?3",
            self.name
        );
        let values = (filter.span.name(), from_ms, filter.until_ms);
        connection.prepare_cached(&sql)?.query_row(values, |row| row.get(0))
    }
}

/// Adds the condition that the row is of one of the meters.
pub(super) fn push_meters(meters: &Meters, sql: &mut String, values: &mut Vec<Value>) {
    match meters {
        Meters::AllAndTokens => {}
        Meters::All => sql.push_str(" AND meter <> ''"),
        Meters::Named(names) => {
            let marks = vec!["?"; names.len()].join(", ");
            sql.push_str(&format!(" AND meter IN ({marks})"));
            values.extend(names.iter().cloned().map(Value::from));
        }
    }
}
