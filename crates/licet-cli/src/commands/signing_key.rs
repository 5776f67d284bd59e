//! `licet signing-key …`

use std::path::PathBuf;

use clap::Subcommand;
use licet_engine::SystemClock;
use licet_protocol::{SigningAlgorithm, SigningKeyIn, SigningKeyOut};
use licet_server::Signer;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    master_key, moment,
    output::{Table, or_dash},
    place::PlaceArgs,
    runtime,
};

/// List, replace and end the keys that the server signs its answers with
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Rotate(Rotate),
    Delete(Delete),
    Reset(Reset),
}

/// List the keys that sign, will sign or signed lately
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet signing-key list")]
struct List {}

/// Make a key that takes over signing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The new key is published at once. What the old one signed can be verified until the overlap is
over.

Example:
  licet signing-key rotate
  licet signing-key rotate --algorithm RS256 --activate-after 1h --overlap 90d")]
struct Rotate {
    /// EdDSA or RS256
    #[arg(long, default_value_t)]
    algorithm: SigningAlgorithm,
    /// When it begins to sign; by then everybody must have read the JWKS again [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = moment::parse_duration)]
    activate_after: Option<i64>,
    /// For how long the old key stays published after it signed last [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = moment::parse_duration)]
    overlap: Option<i64>,
}

/// End a key at once, because somebody else has got hold of it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing that it signed can be verified any more. If nobody else could sign, a new key does.

Example:
  licet signing-key delete kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
struct Delete {
    /// Id of the key
    kid: String,
}

/// Make new keys in a store whose master key is lost
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It asks no server and needs no token, only the right to write the store, and is written down in the
audit log. A server on a data directory must be stopped, and those on a database started again.
What the old keys signed can be verified for 30 days more.

Example:
  licet signing-key reset --data /var/lib/licet")]
struct Reset {
    #[command(flatten)]
    place: PlaceArgs,
    /// File of the new master key; made if it is not there [default: as for serve]
    #[arg(long, env = "LICET_MASTER_KEY_FILE", value_name = "FILE")]
    master_key: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::List(List {}) => {
                let keys = context.client()?.signing_keys()?;
                context.output.show(&keys, |keys| table(keys))?;
            }
            Action::Rotate(rotate) => {
                let key = context.client()?.create_signing_key(&rotate.key())?;
                context.output.show(&key, |key| table([key]))?;
            }
            Action::Delete(delete) => {
                context.client()?.delete_signing_key(&delete.kid)?;
                context.output.done(&format!("signing key {} ended", delete.kid))?;
            }
            Action::Reset(reset) => reset.run(context)?,
        }
        Ok(Exit::Yes)
    }
}

impl Rotate {
    fn key(&self) -> SigningKeyIn {
        let seconds = |millis: i64| millis / 1_000;
        SigningKeyIn {
            algorithm: self.algorithm,
            activate_after_seconds: self.activate_after.map(seconds),
            overlap_seconds: self.overlap.map(seconds),
        }
    }
}

impl Reset {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let place = self.place.place()?;
        place.require_journal()?;
        let source = master_key::source(self.master_key, &place)?;
        runtime::run(None, async {
            let store = place.open().await?;
            let result = async {
                let master_key = source.open_or_make()?;
                let reset = Signer::reset(&*store, &SystemClock, master_key).await;
                reset.map_err(|problem| Failure::other(problem.detail().to_owned()))
            };
            let result = result.await;
            store.close().await.map_err(|error| place.failure(&error))?;
            result
        })?;
        context.output.done("there is a new signing key; start the server")
    }
}

fn table<'a>(keys: impl IntoIterator<Item = &'a SigningKeyOut>) -> Table {
    Table::of(["id", "algorithm", "state", "signs from", "to", "published to"], keys, |key| {
        let show = |moment: Option<licet_protocol::Millis>| {
            or_dash(moment.map(|moment| moment::show(moment.0)))
        };
        [
            key.kid.clone(),
            key.algorithm.to_string(),
            key.state.to_string(),
            moment::show(key.activates.0),
            show(key.retires),
            show(key.expires),
        ]
    })
}
