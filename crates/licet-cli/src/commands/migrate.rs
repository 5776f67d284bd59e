use std::path::PathBuf;

use licet_store::{Store, sqlite::SqliteStore};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    runtime,
};

const AFTER_HELP: &str = "\
`licet serve` does the same when it starts; this is for who wants it done, and seen, before.
No server may have the data directory open meanwhile.

Example:
  licet migrate --data /var/lib/licet";

/// Bring the tables of a data directory to the form of this release
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Data directory
    #[arg(long, env = "LICET_DATA", default_value = "./licet-data", value_name = "DIR")]
    data: PathBuf,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let data = self.data.display();
        if !self.data.is_dir() {
            return Err(Failure::usage(format!("--data {data}: there is no such directory")));
        }
        let wrong = |error| Failure::store(&self.data, &error);
        runtime::run(async {
            SqliteStore::open(&self.data).map_err(wrong)?.close().await.map_err(wrong)
        })?;
        context.output.done(&format!("{data} is in the form of this release"))?;
        Ok(Exit::Yes)
    }
}
