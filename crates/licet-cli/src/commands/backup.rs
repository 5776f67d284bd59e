//! `licet backup`

use std::path::{Path, PathBuf};

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
not exist, or be empty. Put it back with `licet restore`. The master key (master.key) is not in the
copy, so that who has the copy cannot sign; keep it elsewhere.";

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
        refuse_inside(&self.to, &self.data)?;
        let progress = Progress::bytes();
        sqlite::backup(&self.data, &self.to, |copy| {
            progress.set(copy.file, copy.bytes_done, copy.bytes_total);
        })
        .map_err(|error| store_failure(&error))?;
        drop(progress);
        context.output.note(
            "the master key (master.key) is not in the backup; keep a copy of it elsewhere, a \
             restored server needs it",
        );
        context.output.done(&format!("backed up into {}", self.to.display()))?;
        Ok(Exit::Yes)
    }
}

/// A copy inside the data directory would go with it.
fn refuse_inside(to: &Path, data: &Path) -> Result<(), Failure> {
    let Ok(data) = data.canonicalize() else { return Ok(()) };
    // The deepest part that exists says where the rest will be.
    let Ok(to) = std::path::absolute(to) else { return Ok(()) };
    let base = to.ancestors().find_map(|part| part.canonicalize().ok());
    if base.is_some_and(|base| base.starts_with(&data)) {
        let message = "is in the data directory itself; choose one elsewhere, best on another disk";
        return Err(Failure::usage(format!("{} {message}", to.display())));
    }
    Ok(())
}

/// A directory that cannot be used is the caller's to mend.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(what) => Failure::usage(what),
        _ => Failure::other(error.to_string()),
    }
}
