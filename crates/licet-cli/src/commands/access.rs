//! `licet access`

use licet_client::AccessOptions;
use licet_protocol::{AccessAnswer, AccessRequest};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    instance_id,
    output::Table,
    requested::RequestedArgs,
};

const EXAMPLE: &str = "\
Example:
  licet access --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --item Render:2.0 --count 10 \\
      --requester user:ada --dictionary department=engineering
  licet access --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --item Render:2.0 --preview

Exits with 0 if every item was granted, with 1 if one was denied.";

/// Ask for items once; what is granted is charged for good
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Instance to consume from
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    #[command(flatten)]
    requested: RequestedArgs,
    /// Only say what would be charged
    #[arg(long)]
    preview: bool,
    /// The same key with the same request is charged once, however often it is sent
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let request = AccessRequest {
            requester: self.requested.requester()?,
            requested_items: self.requested.items()?,
        };
        let options =
            AccessOptions { preview: self.preview, idempotency_key: self.idempotency_key };
        let answer = context.client()?.request_access(self.instance, &request, &options)?;
        context.output.show(&answer, table)?;
        Ok(if answer.is_granted() { Exit::Yes } else { Exit::Denied })
    }
}

pub(crate) fn table(answer: &AccessAnswer) -> Table {
    let headings = ["item", "version", "granted", "tokens", "line items", "code", "status"];
    Table::of(headings, &answer.requested_items, |item| {
        let lines: Vec<_> = item
            .line_items
            .iter()
            .map(|line| format!("{}: {}", line.activation_id, line.tokens_charged))
            .collect();
        [
            item.item.to_string(),
            if item.version.is_empty() { "-".to_owned() } else { item.version.to_string() },
            item.count.to_string(),
            item.total_tokens_charged.to_string(),
            if lines.is_empty() { "-".to_owned() } else { lines.join(", ") },
            item.status.code.to_string(),
            item.status.description.to_string(),
        ]
    })
}
