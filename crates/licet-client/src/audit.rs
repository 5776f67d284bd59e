//! The audit log.

use licet_protocol::AuditPage;

use crate::{Client, Error, path::query, transport::Call, users::operations};

impl Client {
    /// A page of the audit log, newest first; `next` is that of the page before, 0 for the first.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn audit_page(&self, next: u64) -> Result<AuditPage, Error> {
        let values = [("next", (next != 0).then(|| next.to_string()))];
        self.read(&Call::get(operations(&format!("audit{}", query(&values)))))
    }
}
