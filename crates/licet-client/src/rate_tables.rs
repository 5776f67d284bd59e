//! Rate tables.

use licet_protocol::{RateTableIn, RateTableOut};

use crate::{Client, Error, path::query, transport::Call};

impl Client {
    /// All rate tables, in effect or not.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn rate_tables(&self) -> Result<Vec<RateTableOut>, Error> {
        self.read(&Call::get(self.provisioning("rate-tables")))
    }

    /// Adds a rate table.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if its series has this version; else as every call.
    pub fn post_rate_table(&self, table: &RateTableIn) -> Result<(), Error> {
        self.expect_success(&Call::post(self.provisioning("rate-tables"), table)?)
    }

    /// Deletes a rate table that is not in effect yet. An empty series means the tables without
    /// one.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if it is in effect; else as every call.
    pub fn delete_rate_table(&self, series: &str, version: &str) -> Result<(), Error> {
        let values = [
            ("series", (!series.is_empty()).then(|| series.to_owned())),
            ("version", Some(version.to_owned())),
        ];
        let path = format!("rate-tables{}", query(&values));
        self.expect_success(&Call::delete(self.provisioning(&path)))
    }
}
