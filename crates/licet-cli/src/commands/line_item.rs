//! `licet line-item …`

use std::{path::PathBuf, str::FromStr};

use clap::Subcommand;
use licet_protocol::{
    LineItemAttributes, LineItemIn, LineItemOut, LineItemState, OverdraftType, ResetFrequency,
};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    input, moment,
    output::{Table, or_dash, overdraft},
};

/// Put, list, show and delete line items, the buckets of tokens of an instance
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Put(Box<Put>),
    List(List),
    Show(One),
    Delete(Delete),
}

/// Add a line item, or put it in place of the one with its activation ID
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet line-item put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --activation-id NW-2026-01 \\
      --quantity 5000 --start 2026-01-01 --end 2026-12-31 --series Studio --overdraft 250 \\
      --reset monthly
  licet line-item put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --file line-items.json")]
struct Put {
    /// Instance that it belongs to
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    instance: Uuid,
    /// Read one line item or an array of them from this JSON file, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "activation_id")]
    file: Option<PathBuf>,
    /// Key of the line item within its instance
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    activation_id: Option<String>,
    /// Tokens that it holds
    #[arg(long, value_name = "TOKENS", required_unless_present = "file")]
    quantity: Option<i64>,
    /// Tokens can be consumed from here: a date, a moment, milliseconds, or now
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_start)]
    #[arg(required_unless_present = "file")]
    start: Option<i64>,
    /// Tokens can be consumed until here; a date means its end, permanent for ever
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_end)]
    #[arg(required_unless_present = "file")]
    end: Option<i64>,
    /// DEPLOYED, INACTIVE or OBSOLETE
    #[arg(long, default_value = "DEPLOYED", conflicts_with = "file")]
    #[arg(value_parser = parse_upper::<LineItemState>)]
    state: LineItemState,
    /// Series of the rate tables that price it
    #[arg(long, default_value = "", hide_default_value = true, conflicts_with = "file")]
    series: String,
    /// Tokens beyond the quantity: a number, or unlimited
    #[arg(long, value_name = "TOKENS", conflicts_with = "file", value_parser = parse_overdraft)]
    overdraft: Option<Overdraft>,
    /// DAILY, WEEKLY, MONTHLY, QUARTERLY or YEARLY: when used starts again at zero
    #[arg(long, value_name = "FREQUENCY", conflicts_with = "file")]
    #[arg(value_parser = parse_upper::<ResetFrequency>)]
    reset: Option<ResetFrequency>,
}

/// List the line items of an instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet line-item list --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct List {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    instance: Uuid,
}

/// Show one line item
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet line-item show NW-2026-01 --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct One {
    /// Its key within the instance
    activation_id: String,
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    instance: Uuid,
}

/// Delete a line item that is OBSOLETE
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet line-item delete NW-2026-01 --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Delete {
    /// Its key within the instance
    activation_id: String,
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    instance: Uuid,
}

#[derive(Debug, Clone, Copy)]
enum Overdraft {
    Limit(i64),
    Unlimited,
}

/// Reads a word that JSON writes in capitals.
fn parse_upper<T: FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.to_ascii_uppercase().parse()
}

fn parse_overdraft(text: &str) -> Result<Overdraft, String> {
    if text == "unlimited" {
        return Ok(Overdraft::Unlimited);
    }
    text.parse().map(Overdraft::Limit).map_err(|_| "give a whole number or unlimited".to_owned())
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Put(put) => put.run(context)?,
            Action::List(list) => {
                let line_items = context.client()?.line_items(list.instance)?;
                context.output.show(&line_items, |line_items| table(line_items))?;
            }
            Action::Show(one) => {
                let line_item = context.client()?.line_item(one.instance, &one.activation_id)?;
                context.output.show(&line_item, |line_item| table([line_item]))?;
            }
            Action::Delete(delete) => {
                let id = &delete.activation_id;
                context.client()?.delete_line_item(delete.instance, id)?;
                context.output.done(&format!("line item {id} deleted"))?;
            }
        }
        Ok(Exit::Yes)
    }
}

impl Put {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        let line_items = self.line_items()?;
        for line_item in &line_items {
            let complaints = line_item.complaints(client.version());
            if let Some(complaint) = complaints.first() {
                let id = &line_item.activation_id;
                return Err(Failure::usage(format!("line item {id}: {complaint}")));
            }
        }
        for line_item in &line_items {
            client.put_line_item(self.instance, line_item)?;
        }
        let ids: Vec<_> = line_items.iter().map(|item| item.activation_id.as_str()).collect();
        context.output.done(&format!("line item {} put", ids.join(", ")))
    }

    fn line_items(&self) -> Result<Vec<LineItemIn>, Failure> {
        let Some(file) = &self.file else { return Ok(vec![self.line_item()?]) };
        let (name, text) = (file.display().to_string(), input::read_text(file)?);
        if input::is_array(&text) {
            return input::parse_json(&name, &text);
        }
        Ok(vec![input::parse_json(&name, &text)?])
    }

    fn line_item(&self) -> Result<LineItemIn, Failure> {
        // clap has seen to it that these are there.
        let missing = || {
            Failure::usage("give --file, or all of --activation-id, --quantity, --start and --end")
        };
        let (overdraft_type, overdraft_limit) = match self.overdraft {
            None => (None, None),
            Some(Overdraft::Limit(limit)) => (Some(OverdraftType::Number), Some(limit)),
            Some(Overdraft::Unlimited) => (Some(OverdraftType::Unlimited), None),
        };
        Ok(LineItemIn {
            activation_id: self.activation_id.as_deref().ok_or_else(missing)?.into(),
            state: self.state,
            quantity: self.quantity.ok_or_else(missing)?,
            start: self.start.ok_or_else(missing)?.into(),
            end: self.end.ok_or_else(missing)?.into(),
            attributes: LineItemAttributes {
                elastic: Some(true),
                rate_table_series: Some(self.series.as_str().into()),
                overdraft_limit,
                overdraft_type,
                reset_frequency: self.reset,
            },
        })
    }
}

fn table<'a>(line_items: impl IntoIterator<Item = &'a LineItemOut>) -> Table {
    let headings = [
        "activation id",
        "state",
        "quantity",
        "used",
        "overdraft",
        "start",
        "end",
        "series",
        "reset",
    ];
    Table::of(headings, line_items, |line_item| {
        let attributes = &line_item.attributes;
        [
            line_item.activation_id.clone(),
            line_item.state.to_string(),
            line_item.quantity.to_string(),
            line_item.used.to_string(),
            overdraft(line_item),
            moment::show(line_item.start.0),
            moment::show(line_item.end.0),
            or_dash(attributes.rate_table_series.as_deref().filter(|series| !series.is_empty())),
            or_dash(attributes.reset_frequency),
        ]
    })
}
