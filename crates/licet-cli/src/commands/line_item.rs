//! `licet line-item …`

use std::{path::PathBuf, str::FromStr};

use clap::Subcommand;
use licet_client::Client;
use licet_protocol::{LineItemIn, LineItemOut, LineItemState, OverdraftType, ResetFrequency};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    input, instance_id, moment,
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

/// Add a line item, or change the one with its activation ID
#[derive(Debug, clap::Args)]
#[command(after_help = "\
State, series, overdraft and reset of a line item that is there stay as they are unless given.
A line item from --file takes the place of the old one as a whole. OBSOLETE is final: such a line
item can only be deleted.

Example:
  licet line-item put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --activation-id NW-2026-01 \\
      --quantity 5000 --start 2026-01-01 --end 2026-12-31 --series Studio --overdraft 250 \\
      --reset monthly
  licet line-item put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --file line-items.json")]
struct Put {
    /// Instance that it belongs to
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    /// Read one line item or an array of them from this JSON file, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "activation_id")]
    file: Option<PathBuf>,
    /// Key of the line item within its instance
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    activation_id: Option<String>,
    /// Tokens that it holds
    #[arg(long, value_name = "TOKENS", required_unless_present = "file")]
    #[arg(allow_negative_numbers = true)]
    quantity: Option<i64>,
    /// Tokens can be consumed from here: a date, a moment, milliseconds, or now
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_start)]
    #[arg(required_unless_present = "file")]
    start: Option<i64>,
    /// Tokens can be consumed until here; a date means its end, permanent for ever
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_end)]
    #[arg(required_unless_present = "file")]
    end: Option<i64>,
    /// DEPLOYED (as new ones must be), INACTIVE or OBSOLETE, which is final
    #[arg(long, conflicts_with = "file")]
    #[arg(value_parser = parse_upper::<LineItemState>)]
    state: Option<LineItemState>,
    /// Series of the rate tables that price it; empty for the tables without a series
    #[arg(long, conflicts_with = "file")]
    series: Option<String>,
    /// Tokens beyond the quantity: a number, unlimited, or none
    #[arg(long, value_name = "TOKENS", conflicts_with = "file", value_parser = parse_overdraft)]
    #[arg(allow_negative_numbers = true)]
    overdraft: Option<Overdraft>,
    /// DAILY, WEEKLY, MONTHLY, QUARTERLY or YEARLY: when used starts again at zero; none for never
    #[arg(long, value_name = "FREQUENCY", conflicts_with = "file", value_parser = parse_reset)]
    reset: Option<Reset>,
}

/// List the line items of an instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet line-item list --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct List {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
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
    #[arg(value_parser = instance_id::parse)]
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
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

#[derive(Debug, Clone, Copy)]
enum Overdraft {
    None,
    Limit(i64),
    Unlimited,
}

#[derive(Debug, Clone, Copy)]
struct Reset(Option<ResetFrequency>);

/// Reads a word that JSON writes in capitals.
fn parse_upper<T: FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.to_ascii_uppercase().parse()
}

fn parse_overdraft(text: &str) -> Result<Overdraft, String> {
    match text {
        "none" => Ok(Overdraft::None),
        "unlimited" => Ok(Overdraft::Unlimited),
        _ => text
            .parse()
            .map(Overdraft::Limit)
            .map_err(|_| "give a whole number, unlimited or none".to_owned()),
    }
}

fn parse_reset(text: &str) -> Result<Reset, String> {
    if text == "none" { Ok(Reset(None)) } else { parse_upper(text).map(|value| Reset(Some(value))) }
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
        let line_items = self.line_items(&client)?;
        for line_item in &line_items {
            let complaints = line_item.complaints(client.version());
            if let Some(complaint) = complaints.first() {
                let id = &line_item.activation_id;
                return Err(Failure::usage(format!("line item {id}: {complaint}")));
            }
        }
        for (done, line_item) in line_items.iter().enumerate() {
            client.put_line_item(self.instance, line_item).map_err(|error| {
                let (id, failure) = (&line_item.activation_id, Failure::from(error));
                let before =
                    if done > 0 { format!(", after {done} that were put") } else { String::new() };
                failure.within(&format!("line item {id}{before}"))
            })?;
        }
        let ids: Vec<_> = line_items.iter().map(|item| item.activation_id.as_str()).collect();
        context.output.done(&format!("line item {} put", ids.join(", ")))
    }

    fn line_items(&self, client: &Client) -> Result<Vec<LineItemIn>, Failure> {
        let Some(file) = &self.file else {
            let id = self.activation_id.as_deref().ok_or_else(missing)?;
            let standing = match client.line_item(self.instance, id) {
                Ok(line_item) => Some(line_item),
                // The put says it if it is the instance that is not there.
                Err(error) if error.status() == Some(404) => None,
                Err(error) => return Err(error.into()),
            };
            return Ok(vec![self.line_item(standing)?]);
        };
        let (name, text) = (file.display().to_string(), input::read_text(file)?);
        if input::is_array(&text) {
            return input::parse_json(&name, &text);
        }
        Ok(vec![input::parse_json(&name, &text)?])
    }

    /// What was given, and the rest from the line item that stands.
    fn line_item(&self, standing: Option<LineItemOut>) -> Result<LineItemIn, Failure> {
        let state = standing.as_ref().map_or(LineItemState::Deployed, |standing| standing.state);
        let mut attributes = standing.map(|standing| standing.attributes).unwrap_or_default();
        attributes.elastic = Some(true);
        if let Some(series) = &self.series {
            attributes.rate_table_series = Some(series.as_str().into());
        }
        attributes.rate_table_series.get_or_insert_with(|| "".into());
        if let Some(Reset(frequency)) = self.reset {
            attributes.reset_frequency = frequency;
        }
        if let Some(overdraft) = self.overdraft {
            (attributes.overdraft_type, attributes.overdraft_limit) = match overdraft {
                Overdraft::None => (None, None),
                Overdraft::Limit(limit) => (Some(OverdraftType::Number), Some(limit)),
                Overdraft::Unlimited => (Some(OverdraftType::Unlimited), None),
            };
        }
        Ok(LineItemIn {
            activation_id: self.activation_id.as_deref().ok_or_else(missing)?.into(),
            state: self.state.unwrap_or(state),
            quantity: self.quantity.ok_or_else(missing)?,
            start: self.start.ok_or_else(missing)?.into(),
            end: self.end.ok_or_else(missing)?.into(),
            attributes,
        })
    }
}

/// clap sees to it that this is not needed.
fn missing() -> Failure {
    Failure::usage("give --file, or all of --activation-id, --quantity, --start and --end")
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
