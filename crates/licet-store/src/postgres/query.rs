//! A read whose conditions depend on what is asked.

use tokio_postgres::types::ToSql;

use super::database::Parameters;
use crate::Meters;

/// The text of a query, and its parameters in the order in which the text names them.
pub(super) struct Query<'a> {
    pub(super) sql: String,
    parameters: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Query<'a> {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), parameters: Vec::new() }
    }

    /// Adds text without a parameter.
    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds text in which `?` stands for `value`.
    pub(super) fn bind(&mut self, sql: &str, value: &'a (dyn ToSql + Sync)) -> &mut Self {
        self.parameters.push(value);
        self.push(&sql.replace('?', &format!("${}", self.parameters.len())))
    }

    /// Adds the condition that the row belongs to one of the accounts; no account means any.
    pub(super) fn of_accounts(&mut self, account_ids: &'a Vec<String>) -> &mut Self {
        if account_ids.is_empty() {
            self
        } else {
            self.bind(" AND account_id = ANY(?)", account_ids)
        }
    }

    /// Adds the condition that the row is of one of the meters.
    pub(super) fn of_meters(&mut self, meters: &'a Meters) -> &mut Self {
        match meters {
            Meters::AllAndTokens => self,
            Meters::All => self.push(" AND meter <> ''"),
            Meters::Named(names) => self.bind(" AND meter = ANY(?)", names),
        }
    }

    pub(super) fn parameters(&self) -> &Parameters<'a> {
        &self.parameters
    }
}
