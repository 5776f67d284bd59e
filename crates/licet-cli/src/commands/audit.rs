//! `licet audit …`

use clap::Subcommand;
use licet_protocol::AuditEntry;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    output::Table,
};

/// See who changed what
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
}

/// List changes, newest first; before and after are shown with --json
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet audit list --limit 20
  licet audit list --limit 1 --json")]
struct List {
    /// How many at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::List(list) => list.run(context)?,
        }
        Ok(Exit::Yes)
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let entries = self.read(context)?;
        context.output.show(&entries, |entries| {
            Table::of(["time", "who", "what", "object"], entries, |entry| {
                [
                    moment::show(entry.at.0),
                    entry.actor.clone(),
                    entry.action.clone(),
                    entry.object.clone(),
                ]
            })
        })
    }

    fn read(&self, context: &Context) -> Result<Vec<AuditEntry>, Failure> {
        let client = context.client()?;
        let (mut entries, mut next) = (Vec::new(), 0);
        loop {
            let page = client.audit_page(next)?;
            entries.extend(page.entries);
            if entries.len() >= self.limit || page.next == 0 || page.next == next {
                entries.truncate(self.limit);
                return Ok(entries);
            }
            next = page.next;
        }
    }
}
