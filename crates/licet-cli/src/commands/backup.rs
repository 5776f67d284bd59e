//! `licet backup`

use std::path::PathBuf;

use licet_store::{StoreError, sqlite};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    progress::Progress,
};

const EXAMPLE: &str = "\
Example:
  licet backup backups/2026-01-31 --data /var/lib/licet

The server may run meanwhile; the copy is as the store stood at one moment. The directory must
not exist, or be empty. Put it back with `licet restore`.";

/// Copy the data directory of a server, which may be running
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Directory to copy into
    to: PathBuf,
    /// Data directory of the server
    #[arg(long, env = "LICET_DATA", value_name = "DIR", default_value = "./licet-data")]
    data: PathBuf,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let progress = Progress::bytes();
        sqlite::backup(&self.data, &self.to, |copy| {
            progress.set(copy.file, copy.bytes_done, copy.bytes_total);
        })
        .map_err(|error| store_failure(&error))?;
        drop(progress);
        context.output.done(&format!("backed up into {}", self.to.display()))?;
        Ok(Exit::Yes)
    }
}

/// A directory that cannot be used is the caller's to mend.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(_) => Failure::usage(error.to_string()),
        _ => Failure::other(error.to_string()),
    }
}
