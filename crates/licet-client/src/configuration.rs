//! Settings of the site.

use licet_protocol::{ConfigurationChange, ConfigurationEntry, ConfigurationPatch};

use crate::{Client, Error, transport::Call};

impl Client {
    /// All settings.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn configuration(&self) -> Result<Vec<ConfigurationEntry>, Error> {
        self.read(&Call::get(self.provisioning("configuration")))
    }

    /// Changes settings.
    ///
    /// # Errors
    /// [`Error::Problem`] with 400, if a name or value is not accepted; else as every call.
    pub fn set_configuration(&self, changes: Vec<ConfigurationChange>) -> Result<(), Error> {
        let patch = ConfigurationPatch(changes);
        self.expect_success(&Call::patch(self.provisioning("configuration"), &patch)?)
    }
}
