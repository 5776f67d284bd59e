//! Line items.

use licet_protocol::{LineItemIn, LineItemOut};
use uuid::Uuid;

use crate::{Client, Error, path::encode, transport::Call};

impl Client {
    /// The line items of an instance.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn line_items(&self, instance_id: Uuid) -> Result<Vec<LineItemOut>, Error> {
        self.read(&Call::get(self.line_items_path(instance_id)))
    }

    /// One line item.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is none; else as every call.
    pub fn line_item(&self, instance_id: Uuid, activation_id: &str) -> Result<LineItemOut, Error> {
        self.read(&Call::get(self.line_item_path(instance_id, activation_id)))
    }

    /// Adds a line item, or takes the place of the one with its activation ID.
    ///
    /// # Errors
    /// [`Error::Problem`] with 400, if it is not accepted; else as every call.
    pub fn put_line_item(&self, instance_id: Uuid, line_item: &LineItemIn) -> Result<(), Error> {
        self.expect_success(&Call::put(self.line_items_path(instance_id), line_item)?)
    }

    /// Deletes an `OBSOLETE` line item.
    ///
    /// # Errors
    /// [`Error::Problem`] with 409, if it is not `OBSOLETE`; else as every call.
    pub fn delete_line_item(&self, instance_id: Uuid, activation_id: &str) -> Result<(), Error> {
        self.expect_success(&Call::delete(self.line_item_path(instance_id, activation_id)))
    }

    fn line_items_path(&self, instance_id: Uuid) -> String {
        self.provisioning(&format!("instances/{instance_id}/line-items"))
    }

    fn line_item_path(&self, instance_id: Uuid, activation_id: &str) -> String {
        format!("{}/{}", self.line_items_path(instance_id), encode(activation_id))
    }
}
