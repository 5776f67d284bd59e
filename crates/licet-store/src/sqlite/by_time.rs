//! Reading tables of what is counted over a time, by that and by instance.

use rusqlite::{Connection, Row, params_from_iter, types::Value};
use uuid::Uuid;

use super::accounts;
use crate::RollupFilter;

/// A table whose key is (start, instance, …).
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) condition: String,
    /// How it keeps an instance's id.
    pub(super) id: fn(Uuid) -> Value,
    /// The key.
    pub(super) order: &'static str,
}

impl Table {
    pub(super) fn select<T>(
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
                values[1] = (self.id)(*instance_id);
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
