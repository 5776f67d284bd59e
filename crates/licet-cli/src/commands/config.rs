//! `licet config …`

use clap::Subcommand;
use licet_protocol::{ConfigurationChange, Scalar};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    output::{Table, or_dash},
};

/// List and set the settings of the site
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Set(Set),
}

/// List all settings
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet config list")]
struct List {}

/// Set a setting
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet config set session.charge.period PT30M
  licet config set timezone.tolerant true")]
struct Set {
    /// Its name
    name: String,
    /// Its new value
    value: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        match self.action {
            Action::List(List {}) => {
                let entries = client.configuration()?;
                context.output.show(&entries, |entries| {
                    Table::of(["name", "value", "modified", "by"], entries, |entry| {
                        [
                            entry.name.clone(),
                            entry.value.clone(),
                            or_dash(entry.modified.map(|modified| moment::show(modified.0))),
                            or_dash(entry.updated_by.as_ref()),
                        ]
                    })
                })?;
            }
            Action::Set(set) => {
                let value = Scalar::from(set.value.as_str());
                let name = set.name.as_str().into();
                client.set_configuration(vec![ConfigurationChange { name, value }])?;
                context.output.done(&format!("{} is {}", set.name, set.value))?;
            }
        }
        Ok(Exit::Yes)
    }
}
