use crate::{
    context::Context,
    failure::{Exit, Failure},
    place::PlaceArgs,
    runtime,
};

const AFTER_HELP: &str = "\
`licet serve` does the same when it starts; this is for who wants it done, and seen, before.
No server may have the data directory open meanwhile.

Example:
  licet migrate --data /var/lib/licet
  licet migrate --database postgres://licet@db.example/licet";

/// Bring the tables of a store to the form of this release
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = self.place.place()?;
        if place.directory().is_some_and(|directory| !directory.is_dir()) {
            return Err(Failure::usage(format!("{place}: there is no such directory")));
        }
        runtime::run(None, async {
            let store = place.open().await?;
            store.close().await.map_err(|error| place.failure(&error))
        })?;
        context.output.done(&format!("{place} is in the form of this release"))?;
        Ok(Exit::Yes)
    }
}
