//! `licet usage …`

mod report;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Subcommand, ValueEnum};
use licet_client::{RollupQuery, RollupSpan, UsageQuery};
use licet_protocol::{Rollups, USAGE_COLUMNS, UsageRow};
use uuid::Uuid;

use crate::{
    context::Context,
    csv,
    failure::{Exit, Failure},
    instance_id, moment,
    output::{Table, or_dash},
    progress::Progress,
};

/// Report what was used, charged, refunded and refused
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Report(Box<report::Report>),
    Export(Box<Export>),
    Summary(Summary),
}

/// When something was used.
#[derive(Debug, clap::Args)]
struct Period {
    /// From here, inclusive: a date, a moment, or milliseconds
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_start)]
    from: Option<i64>,
    /// Until here; a date means its end
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_end)]
    to: Option<i64>,
    /// The last so long, such as 24h or 7d; 30d if no period is given
    #[arg(long, value_name = "DURATION", value_parser = moment::parse_duration)]
    #[arg(conflicts_with_all = ["from", "to"])]
    last: Option<i64>,
}

const LAST_MS: i64 = 30 * 86_400_000;

impl Period {
    /// First millisecond, and the one after the last.
    fn bounds(&self, now_ms: i64) -> Result<(Option<i64>, Option<i64>), Failure> {
        match (self.from, self.to, self.last) {
            (None, None, last) => Ok((Some(now_ms - last.unwrap_or(LAST_MS)), None)),
            (Some(from_ms), Some(to_ms), _) if from_ms > to_ms => Err(moment::reversed()),
            (from, to, _) => Ok((from, to.map(|to_ms| to_ms.saturating_add(1)))),
        }
    }
}

/// List usage rows: one for each item of each request and each line item charged
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet usage export --last 7d --account NORTHWIND
  licet usage export --from 2026-01-01 --to 2026-03-31 --csv --output quarter.csv")]
struct Export {
    #[command(flatten)]
    period: Period,
    /// Only of this instance
    #[arg(long, value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Option<Uuid>,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only of this item
    #[arg(long, value_name = "NAME")]
    item: Option<String>,
    /// Only of this requester
    #[arg(long, value_name = "ID")]
    consumer: Option<String>,
    /// Only of this line item
    #[arg(long, value_name = "ACTIVATION-ID")]
    line_item: Option<String>,
    /// Write all columns as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Write to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file of --output
    #[arg(long, requires = "output")]
    force: bool,
}

/// Sum up usage by hour or day
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet usage summary --by day --last 7d --account NORTHWIND")]
struct Summary {
    /// Span of each sum, UTC
    #[arg(long, value_enum, default_value_t = By::Day)]
    by: By,
    #[command(flatten)]
    period: Period,
    /// Only of this instance
    #[arg(long, value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Option<Uuid>,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Hour,
    Day,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Report(report) => report.run(context)?,
            Action::Export(export) => export.run(context)?,
            Action::Summary(summary) => summary.run(context)?,
        }
        Ok(Exit::Yes)
    }
}

impl Export {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (from_ms, to_ms) = self.period.bounds(moment::now_ms())?;
        let wanted = UsageQuery {
            from_ms,
            to_ms,
            instance_id: self.instance,
            account_id: self.account.clone(),
            item: self.item.clone(),
            consumer_id: self.consumer.clone(),
            activation_id: self.line_item.clone(),
        };
        // Before the first call, so that a wrong name costs nothing.
        let to: Box<dyn Write> = match &self.output {
            None => Box::new(io::stdout().lock()),
            Some(file) => Box::new(create(file, self.force)?),
        };
        let mut to = BufWriter::new(to);
        let mut form = match (self.csv, context.output.json) {
            (true, _) => Form::Csv,
            (_, true) => Form::Json { is_first: true },
            _ => Form::Table(export_table()),
        };
        form.begin(&mut to)?;
        read_pages(context, &wanted, |rows| form.rows(rows, &mut to))?;
        form.end(&mut to)?;
        Ok(to.flush()?)
    }
}

fn create(file: &Path, may_overwrite: bool) -> Result<File, Failure> {
    let opened = match may_overwrite {
        true => File::create(file),
        false => File::create_new(file),
    };
    opened.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "; --force overwrites it",
            _ => "",
        };
        Failure::usage(format!("{}: {error}{hint}", file.display()))
    })
}

/// Reads the report page by page.
fn read_pages(
    context: &Context,
    wanted: &UsageQuery,
    mut use_rows: impl FnMut(&[UsageRow]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let client = context.client()?;
    let progress = Progress::counting("rows");
    let mut report = client.usage_page(wanted, 1)?;
    while !report.data.is_empty() {
        progress.add(report.data.len() as u64);
        use_rows(&report.data)?;
        match &report.header.links.next {
            Some(next) => report = client.usage_link(next)?,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// How rows are written.
enum Form {
    Csv,
    /// An array, written as it comes.
    Json {
        is_first: bool,
    },
    /// Columns can line up only when all rows are known.
    Table(Table),
}

impl Form {
    fn begin(&self, to: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Csv => to.write_all(csv::row(USAGE_COLUMNS).as_bytes())?,
            Self::Json { .. } => to.write_all(b"[")?,
            Self::Table(_) => {}
        }
        Ok(())
    }

    fn rows(&mut self, rows: &[UsageRow], to: &mut impl Write) -> Result<(), Failure> {
        for row in rows {
            match self {
                Self::Csv => {
                    let cells = csv_cells(row);
                    to.write_all(csv::row(cells.iter().map(String::as_str)).as_bytes())?;
                }
                Self::Json { is_first } => {
                    let separator = if std::mem::take(is_first) { "\n" } else { ",\n" };
                    to.write_all(separator.as_bytes())?;
                    serde_json::to_writer(&mut *to, row).map_err(io::Error::from)?;
                }
                Self::Table(table) => table.row(table_cells(row)),
            }
        }
        Ok(())
    }

    fn end(&self, to: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Csv => {}
            Self::Json { .. } => to.write_all(b"\n]\n")?,
            Self::Table(table) => to.write_all(table.to_string().as_bytes())?,
        }
        Ok(())
    }
}

/// In the order of [`USAGE_COLUMNS`].
fn csv_cells(row: &UsageRow) -> [String; USAGE_COLUMNS.len()] {
    let optional = |value: Option<String>| value.unwrap_or_default();
    [
        row.correlation_id.to_string(),
        row.usage_time.0.to_string(),
        row.write_time.0.to_string(),
        row.account_id.clone(),
        row.consumer_id.clone(),
        row.consumer_type.clone(),
        row.meter.clone(),
        row.meter_type.clone(),
        row.meter_cost.to_string(),
        row.meter_quantity.to_string(),
        row.item.clone(),
        row.item_version.clone(),
        row.item_quantity.to_string(),
        row.activation_id.clone(),
        row.instance_id.to_string(),
        row.mapped_entitled_count.to_string(),
        row.used.to_string(),
        optional(row.session_id.map(|id| id.to_string())),
        optional(row.session_state.clone()),
        row.request_response.clone(),
        row.overdraft_count.to_string(),
        optional(row.meta_data.as_ref().map(|object| object.as_str().to_owned())),
    ]
}

fn export_table() -> Table {
    Table::new(&[
        "time",
        "account",
        "consumer",
        "item",
        "version",
        "count",
        "tokens",
        "line item",
        "code",
    ])
}

fn table_cells(row: &UsageRow) -> [String; 9] {
    let some = |text: &String| or_dash(Some(text).filter(|text| !text.is_empty()));
    [
        moment::show(row.usage_time.0),
        row.account_id.clone(),
        row.consumer_id.clone(),
        row.item.clone(),
        some(&row.item_version),
        row.item_quantity.to_string(),
        row.meter_quantity.to_string(),
        some(&row.activation_id),
        row.request_response.clone(),
    ]
}

impl Summary {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (from_ms, to_ms) = self.period.bounds(moment::now_ms())?;
        let span = match self.by {
            By::Hour => RollupSpan::Hour,
            By::Day => RollupSpan::Day,
        };
        let (instance_id, account_id) = (self.instance, self.account);
        let wanted = RollupQuery { span, from_ms, to_ms, instance_id, account_id };
        let rollups = context.client()?.rollups(&wanted)?;
        context.output.show(&rollups, summary_table)
    }
}

fn summary_table(rollups: &Rollups) -> Table {
    let headings =
        ["from", "account", "item", "version", "charged", "refunded", "units", "granted", "denied"];
    Table::of(headings, &rollups.data, |row| {
        [
            moment::show(row.starts_at.0),
            row.account_id.clone(),
            row.item.clone(),
            or_dash(Some(&row.item_version).filter(|version| !version.is_empty())),
            row.tokens_charged.to_string(),
            row.tokens_refunded.to_string(),
            row.units.to_string(),
            row.granted.to_string(),
            row.denied.to_string(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_after_its_last_millisecond() {
        let bounds = |from, to, last, now_ms| {
            let period = Period { from, to, last };
            period.bounds(now_ms).map_err(|failure| failure.message)
        };
        assert_eq!(bounds(None, None, None, LAST_MS), Ok((Some(0), None)));
        assert_eq!(bounds(None, None, Some(5), 9), Ok((Some(4), None)));
        assert_eq!(bounds(Some(1), Some(7), None, 9), Ok((Some(1), Some(8))));
        assert_eq!(bounds(Some(7), Some(7), None, 9), Ok((Some(7), Some(8))));
        assert!(bounds(Some(8), Some(7), None, 9).is_err());
    }

    #[test]
    fn cells_follow_the_columns() {
        let json = r#"{"correlationId":"00000000-0000-0000-0000-000000000001","usageTime":1,
            "writeTime":2,"accountId":"A","consumerId":"ada","consumerType":"user",
            "meter":"elastic","meterType":"elastic","meterCost":0.25,"meterQuantity":-1.5,
            "item":"Render","itemVersion":"","itemQuantity":6,"activationId":"L1",
            "instanceId":"00000000-0000-0000-0000-000000000002","mappedEntitledCount":10,
            "used":1.5,"sessionId":null,"sessionState":null,"requestResponse":"101",
            "overdraftCount":0,"metaData":{"a":1.0}}"#;
        let row: UsageRow = serde_json::from_str(json).expect("it is read");
        let object = serde_json::to_value(&row).expect("it is written");
        for (column, cell) in USAGE_COLUMNS.iter().zip(csv_cells(&row)) {
            let value = object.get(column).expect("the column is a field");
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => String::new(),
                other => other.to_string(),
            };
            assert_eq!(cell, text, "{column}");
        }
        let mut all = Vec::new();
        let mut form = Form::Json { is_first: true };
        form.begin(&mut all).expect("it is written");
        form.rows(&[row.clone(), row], &mut all).expect("it is written");
        form.end(&mut all).expect("it is written");
        let rows: Vec<UsageRow> = serde_json::from_slice(&all).expect("it is JSON");
        assert_eq!(rows.len(), 2);
    }
}
