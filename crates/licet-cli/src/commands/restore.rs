//! `licet restore`

use std::path::PathBuf;

use licet_store::sqlite;

use super::backup::store_failure;
use crate::{
    context::Context,
    failure::{Exit, Failure},
    progress::Progress,
};

const EXAMPLE: &str = "\
Example:
  licet restore backups/2026-01-31 --data /var/lib/licet-new

The data directory must not exist, or be empty, so that nothing is overwritten. Before the server
starts on it, put the file master.key of the old one there; `licet signing-key reset` is the way out
if it is lost.";

/// Make a data directory from a backup
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Directory of the backup
    from: PathBuf,
    /// Data directory to make
    #[arg(long, env = "LICET_DATA", value_name = "DIR", default_value = "./licet-data")]
    data: PathBuf,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let progress = Progress::bytes();
        sqlite::restore(&self.from, &self.data, |copy| {
            progress.set(copy.file, copy.bytes_done, copy.bytes_total);
        })
        .map_err(|error| store_failure(&error))?;
        drop(progress);
        context.output.note("put the master key (master.key) of the old server into it");
        context.output.done(&format!("restored into {}", self.data.display()))?;
        Ok(Exit::Yes)
    }
}
