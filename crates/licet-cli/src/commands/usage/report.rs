//! `licet usage report`

use clap::ValueEnum;
use jiff::{ToSpan, civil::Date};
use licet_client::{MeterGroup, MeterQuery, PeriodQuery};
use licet_protocol::{CalendarUnit, SUMMARY_COLUMNS, Summary};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    context::Context,
    csv,
    failure::Failure,
    instance_id, moment,
    output::{Table, or_dash},
};

/// Sum up what was used of features: this year, last month, last quarter and last year; or by period
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet usage report --time-zone Europe/Berlin
  licet usage report --meter sessions --period month --from 2026-01-01 --csv")]
pub(super) struct Report {
    /// Calendar of this time zone, by its name in the IANA database
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
    /// Only of this feature; may be given several times
    #[arg(long = "meter", value_name = "NAME")]
    meters: Vec<String>,
    /// A row for each period, in place of the overview
    #[arg(long, value_enum)]
    period: Option<Unit>,
    /// From the period that this lies in: a date, a moment, or milliseconds; this year if not given
    #[arg(long, value_name = "WHEN", requires = "period")]
    from: Option<String>,
    /// Until here; a date means its end
    #[arg(long, value_name = "WHEN", requires = "period", value_parser = end)]
    to: Option<String>,
    /// Sum up instances or accounts apart
    #[arg(long, value_enum, requires = "period")]
    group_by: Option<Group>,
    /// Only of this instance
    #[arg(long, value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Option<Uuid>,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Write all columns as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    Instance,
    Account,
}

/// The server takes ends that are not in it; people name the last day.
fn end(text: &str) -> Result<String, String> {
    match text.parse::<Date>() {
        Ok(date) if text.len() == "2026-01-31".len() => {
            let next = date.checked_add(1.day()).map_err(|error| error.to_string())?;
            Ok(next.to_string())
        }
        _ => Ok(text.to_owned()),
    }
}

impl Report {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let wanted = MeterQuery {
            meters: self.meters,
            time_zone: Some(self.time_zone),
            instance_id: self.instance,
            account_id: self.account,
        };
        let client = context.client()?;
        let Some(unit) = self.period else {
            let overview = client.usage_overview(&wanted)?;
            return show(context, self.csv, &overview, &overview.lines());
        };
        let group_by = self.group_by.map(MeterGroup::from);
        let periods = PeriodQuery { unit: unit.into(), from: self.from, to: self.to, group_by };
        let summaries = client.usage_summaries(&wanted, &periods)?;
        show(context, self.csv, &summaries, &summaries.data)
    }
}

impl From<Unit> for CalendarUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Day => Self::Day,
            Unit::Week => Self::Week,
            Unit::Month => Self::Month,
            Unit::Quarter => Self::Quarter,
            Unit::Year => Self::Year,
        }
    }
}

impl From<Group> for MeterGroup {
    fn from(group: Group) -> Self {
        match group {
            Group::Instance => Self::Instance,
            Group::Account => Self::Account,
        }
    }
}

fn show(
    context: &Context,
    csv: bool,
    all: &impl Serialize,
    rows: &[Summary],
) -> Result<(), Failure> {
    if csv {
        let mut text = csv::row(SUMMARY_COLUMNS);
        for row in rows {
            text.push_str(&csv::row(csv_cells(row).iter().map(String::as_str)));
        }
        return context.output.text(&text);
    }
    context.output.show(all, |_| table(rows))
}

/// In the order of [`SUMMARY_COLUMNS`].
fn csv_cells(row: &Summary) -> [String; SUMMARY_COLUMNS.len()] {
    let usage = &row.usage;
    [
        row.meter.clone(),
        row.period.clone(),
        usage.from.0.to_string(),
        usage.to.0.to_string(),
        row.instance_id.map(|id| id.to_string()).unwrap_or_default(),
        row.account_id.clone().unwrap_or_default(),
        usage.units.to_string(),
        optional(usage.peak),
        optional(usage.distinct_hosts),
        optional(usage.distinct_users),
        usage.granted.to_string(),
        usage.denied.to_string(),
        reasons(row, "="),
        optional(usage.tokens),
    ]
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn reasons(row: &Summary, separator: &str) -> String {
    let denials = row.usage.denials.iter();
    let all: Vec<_> =
        denials.map(|(reason, denied)| format!("{reason}{separator}{denied}")).collect();
    all.join(" ")
}

fn table(rows: &[Summary]) -> Table {
    let headings = [
        "meter", "period", "from", "account", "instance", "units", "peak", "hosts", "users",
        "granted", "denied", "tokens", "reasons",
    ];
    Table::of(headings, rows, |row| {
        let usage = &row.usage;
        [
            row.meter.clone(),
            row.period.clone(),
            moment::show(usage.from.0),
            or_dash(row.account_id.as_ref()),
            or_dash(row.instance_id),
            usage.units.to_string(),
            or_dash(usage.peak),
            or_dash(usage.distinct_hosts),
            or_dash(usage.distinct_users),
            usage.granted.to_string(),
            usage.denied.to_string(),
            or_dash(usage.tokens),
            or_dash(Some(reasons(row, " ")).filter(|text| !text.is_empty())),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_its_end() {
        assert_eq!(end("2024-02-28"), Ok("2024-02-29".to_owned()));
        assert_eq!(end("2024-12-31"), Ok("2025-01-01".to_owned()));
        assert_eq!(end("1704067200000"), Ok("1704067200000".to_owned()));
        assert_eq!(end("2024-01-01T00:00:00Z"), Ok("2024-01-01T00:00:00Z".to_owned()));
    }

    #[test]
    fn cells_follow_the_columns() {
        let json = r#"{"meter":"sessions","period":"2026-03","from":1,"to":2,
            "instanceId":"00000000-0000-0000-0000-000000000002","accountId":"A","units":-3,"peak":4,
            "distinctHosts":5,"distinctUsers":6,"granted":7,"denied":8,
            "denials":{"COUNT_INSUFFICIENT":8},"tokens":1.5}"#;
        let row: Summary = serde_json::from_str(json).expect("it is read");
        let object = serde_json::to_value(&row).expect("it is written");
        for (column, cell) in SUMMARY_COLUMNS.iter().zip(csv_cells(&row)) {
            let text = match &object[column] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Object(_) => "COUNT_INSUFFICIENT=8".to_owned(),
                other => other.to_string(),
            };
            assert_eq!(cell, text, "{column}");
        }
    }
}
