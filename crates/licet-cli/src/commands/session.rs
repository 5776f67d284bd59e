//! `licet session …`

use clap::Subcommand;
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    instance_id, moment,
    output::{Table, or_dash},
};

/// List, show and close sessions
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Show(Show),
    Close(Close),
}

/// List the live sessions of an instance, newest first, at most 100
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet session list --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct List {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

/// Show a session and what it holds
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet session show 7c9e6679-7425-40de-944b-e07fc1f90ae7 \\
      --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Show {
    /// Id of the session
    id: Uuid,
    /// Its instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

/// End a session; the unused part of what it paid is given back
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet session close 7c9e6679-7425-40de-944b-e07fc1f90ae7 \\
      --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Close {
    /// Id of the session
    id: Uuid,
    /// Its instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::List(list) => list.run(context)?,
            Action::Show(show) => show.run(context)?,
            Action::Close(close) => {
                context.client()?.close_session(close.instance, close.id)?;
                context.output.done(&format!("session {} closed", close.id))?;
            }
        }
        Ok(Exit::Yes)
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let sessions = context.client()?.sessions(self.instance)?.value;
        context.output.show(&sessions, |sessions| {
            let headings = ["id", "state", "charged until", "last heartbeat", "last request"];
            let show = |moment: Option<licet_protocol::Millis>| {
                or_dash(moment.map(|moment| moment::show(moment.0)))
            };
            Table::of(headings, sessions, |session| {
                [
                    session.session_id.to_string(),
                    session.state.to_string(),
                    show(session.charged_until),
                    show(session.last_heart_beat),
                    show(session.last_access_request),
                ]
            })
        })
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let session = context.client()?.session(self.instance, self.id)?.value;
        if context.output.json {
            return context.output.json(&session);
        }
        let until = or_dash(session.charged_until.map(|until| moment::show(until.0)));
        context.output.text(&format!("{}, charged until {until}", session.state))?;
        if session.items.is_empty() {
            return Ok(());
        }
        let table = Table::of(["item", "version", "count"], &session.items, |item| {
            [item.item.clone(), item.version.clone(), item.count.to_string()]
        });
        context.output.text(&table.to_string())
    }
}
