//! Rights of instances on their way to local licence servers.

use licet_protocol::{RightsExportIn, RightsExportOut, RightsImportIn, RightsImported};
use uuid::Uuid;

use crate::{Client, Error, transport::Call, users::operations};

impl Client {
    /// Has the rights of an instance signed for a local licence server.
    ///
    /// # Errors
    /// [`Error::Problem`] with 404, if there is no such instance; else as every call.
    pub fn export_rights(
        &self,
        instance_id: Uuid,
        wanted: &RightsExportIn,
    ) -> Result<RightsExportOut, Error> {
        let path = operations(&format!("instances/{instance_id}/rights-export"));
        self.read(&Call::post(path, wanted)?)
    }

    /// Gives signed rights to a local licence server.
    ///
    /// # Errors
    /// [`Error::Problem`] with 400, if they are not trusted, or with 409, if they are not for this
    /// server or not the latest; else as every call.
    pub fn import_rights(&self, rights: &RightsImportIn) -> Result<RightsImported, Error> {
        self.read(&Call::post("/api/1.0/instances/~/rights".to_owned(), rights)?)
    }
}
