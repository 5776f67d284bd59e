//! `licet action …`

use std::path::PathBuf;

use clap::Subcommand;
use licet_protocol::{ActionsIn, LineItemActions};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    input, instance_id,
    output::{Table, actions_table, or_dash},
};

/// List, put and delete actions, the ordered rules of access of a line item
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Put(Put),
    Delete(Delete),
}

/// List the actions of a line item, or of all line items of an instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet action list --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --line-item NW-2026-01")]
struct List {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    /// Activation ID of the line item; all of them unless given
    #[arg(long, value_name = "ID")]
    line_item: Option<String>,
}

/// Put a complete ordered list of actions in place of a line item's
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet action put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --line-item NW-2026-01 \\
      --file actions.json

The file holds an array; an action that is kept has its id, or its count of tokens is lost:
  [{\"name\": \"Engineering\", \"conditionId\": \"5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2\",
    \"action\": \"ALLOW\", \"allocation\": 150},
   {\"name\": \"Everyone else\", \"action\": \"DENY\"}]")]
struct Put {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    /// Activation ID of the line item
    #[arg(long, value_name = "ID")]
    line_item: String,
    /// JSON file, - for standard input
    #[arg(long)]
    file: PathBuf,
}

/// Delete all actions of a line item
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet action delete --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --line-item NW-2026-01")]
struct Delete {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    /// Activation ID of the line item
    #[arg(long, value_name = "ID")]
    line_item: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        match self.action {
            Action::List(List { instance, line_item: Some(id) }) => {
                let actions = client.actions(instance, &id)?;
                context.output.show(&actions, |actions| actions_table(actions))?;
            }
            Action::List(List { instance, .. }) => {
                let line_items = client.all_actions(instance)?;
                context.output.show(&line_items, |line_items| table(line_items))?;
            }
            Action::Put(put) => {
                let actions: ActionsIn = input::read_json(&put.file)?;
                if let Some(complaint) = actions.complaints().first() {
                    return Err(Failure::usage(format!("{}: {complaint}", put.file.display())));
                }
                let actions = client.put_actions(put.instance, &put.line_item, &actions)?;
                context.output.show(&actions, |actions| actions_table(actions))?;
            }
            Action::Delete(delete) => {
                client.delete_actions(delete.instance, &delete.line_item)?;
                context.output.done(&format!("actions of {} deleted", delete.line_item))?;
            }
        }
        Ok(Exit::Yes)
    }
}

fn table(line_items: &[LineItemActions]) -> Table {
    let rows = line_items
        .iter()
        .flat_map(|line_item| line_item.actions.iter().map(move |action| (line_item, action)));
    let headings = ["line item", "id", "name", "condition", "action", "allocation", "used"];
    Table::of(headings, rows, |(line_item, action)| {
        [
            line_item.line_item_id.clone(),
            action.id.to_string(),
            action.name.clone(),
            or_dash(action.condition_id),
            action.action.to_string(),
            or_dash(action.allocation),
            or_dash(action.used),
        ]
    })
}
