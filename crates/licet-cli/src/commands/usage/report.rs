//! `licet usage report`

use std::collections::BTreeSet;

use clap::ValueEnum;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use licet_client::{MeterGroup, MeterQuery, PeriodQuery};
use licet_protocol::{CalendarUnit, Millis, SUMMARY_COLUMNS, Summary};
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
    match date(text) {
        Some(date) => {
            let next = date.checked_add(1.day()).map_err(|error| error.to_string())?;
            Ok(next.to_string())
        }
        None => Ok(text.to_owned()),
    }
}

fn date(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| text.len() == "2026-01-31".len())
}

/// Refuses an end, as [`end`] gives it, that lies before the start. What cannot be read is left to
/// the server, which says what it takes.
fn check_order(from: &str, to: &str, zone: &str) -> Result<(), Failure> {
    let zone = zone_of(zone);
    let start_ms = |text: &str| match date(text) {
        Some(date) => Some(date.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()),
        None => moment::parse_start(text).ok(),
    };
    let (Some(from_ms), Some(to_ms)) = (start_ms(from), start_ms(to)) else { return Ok(()) };
    // A date is the one after the day that was named.
    let is_day_after = from_ms == to_ms && date(to).is_some();
    if from_ms > to_ms || is_day_after { Err(moment::reversed()) } else { Ok(()) }
}

/// The server has the word on which zones there are.
fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

impl Report {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if let (Some(from), Some(to)) = (&self.from, &self.to) {
            check_order(from, to, &self.time_zone)?;
        }
        let wanted = MeterQuery {
            meters: self.meters,
            time_zone: Some(self.time_zone),
            instance_id: self.instance,
            account_id: self.account,
        };
        let client = context.client()?;
        let Some(unit) = self.period else {
            let overview = client.usage_overview(&wanted)?;
            let (lines, zone) = (overview.lines(), zone_of(&overview.time_zone));
            show(context, self.csv, &overview, &lines, &zone)?;
            note_unused(context, &wanted, &lines);
            return Ok(());
        };
        let group_by = self.group_by.map(MeterGroup::from);
        let periods = PeriodQuery { unit: unit.into(), from: self.from, to: self.to, group_by };
        let summaries = client.usage_summaries(&wanted, &periods)?;
        let zone = zone_of(&summaries.time_zone);
        show(context, self.csv, &summaries, &summaries.data, &zone)?;
        note_unused(context, &wanted, &summaries.data);
        Ok(())
    }
}

/// A name that names nothing must not look like a feature that nobody used.
fn note_unused(context: &Context, wanted: &MeterQuery, rows: &[Summary]) {
    for what in unused(wanted, rows) {
        context.output.note(&what);
    }
}

fn unused(wanted: &MeterQuery, rows: &[Summary]) -> Vec<String> {
    let by = wanted.account_id.as_ref().map(|id| format!(" by the account {id}"));
    if let (Some(by), [], []) = (&by, &*wanted.meters, rows) {
        let advice = "`licet usage report` without --account lists all";
        return vec![format!("no use{by} in this time; {advice}")];
    }
    let used: BTreeSet<&str> = rows.iter().map(|row| &*row.meter).collect();
    let unused = wanted.meters.iter().filter(|meter| !used.contains(meter.as_str()));
    let note = |meter: &String| {
        let (by, advice) =
            (by.as_deref().unwrap_or_default(), "`licet usage report` without --meter lists all");
        format!("no use of the meter {meter}{by} in this time; {advice}")
    };
    unused.map(note).collect()
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
    zone: &TimeZone,
) -> Result<(), Failure> {
    if csv {
        let mut text = csv::row(SUMMARY_COLUMNS);
        for row in rows {
            text.push_str(&csv::row(csv_cells(row, zone).iter().map(String::as_str)));
        }
        return context.output.text(&text);
    }
    context.output.show(all, |_| table(rows, zone))
}

/// In the order of [`SUMMARY_COLUMNS`].
fn csv_cells(row: &Summary, zone: &TimeZone) -> [String; SUMMARY_COLUMNS.len()] {
    let usage = &row.usage;
    [
        row.meter.clone(),
        row.period.clone(),
        usage.from.in_zone(zone),
        usage.to.in_zone(zone),
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

/// Periods begin with days.
fn first_day(from: Millis, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(from.0) {
        Ok(from) => from.to_zoned(zone.clone()).date().to_string(),
        Err(_) => moment::show(from.0),
    }
}

fn table(rows: &[Summary], zone: &TimeZone) -> Table {
    let headings = [
        "meter", "period", "from", "account", "instance", "units", "peak", "hosts", "users",
        "granted", "denied", "tokens", "reasons",
    ];
    Table::of(headings, rows, |row| {
        let usage = &row.usage;
        [
            row.meter.clone(),
            row.period.clone(),
            first_day(usage.from, zone),
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
    fn an_end_before_its_start_is_refused_by_the_calendar_of_the_zone() {
        let is_right = |from: &str, to: &str| {
            check_order(from, &end(to).expect("it is a day"), "Europe/Berlin").is_ok()
        };
        assert!(is_right("2026-01-01", "2026-01-01"));
        assert!(!is_right("2026-01-02", "2026-01-01"));
        assert!(is_right("2026-01-01T22:59:59Z", "2026-01-01"));
        assert!(!is_right("2026-01-01T23:00:00Z", "2026-01-01"));
        assert!(is_right("1767225600000", "2026-01-01T00:00:00Z"));
        assert!(!is_right("1767225600001", "2026-01-01T00:00:00Z"));
        assert!(is_right("soon", "2026-01-01"), "the server says what it takes");
    }

    #[test]
    fn cells_follow_the_columns() {
        let json = r#"{"meter":"sessions","period":"2026-03","from":1,"to":2,
            "instanceId":"00000000-0000-0000-0000-000000000002","accountId":"A","units":-3,"peak":4,
            "distinctHosts":5,"distinctUsers":6,"granted":7,"denied":8,
            "denials":{"COUNT_INSUFFICIENT":8},"tokens":1.5}"#;
        let row: Summary = serde_json::from_str(json).expect("it is read");
        let object = serde_json::to_value(&row).expect("it is written");
        for (column, cell) in SUMMARY_COLUMNS.iter().zip(csv_cells(&row, &TimeZone::UTC)) {
            let text = match &object[column] {
                at if ["from", "to"].contains(column) => {
                    Millis(at.as_i64().expect("milliseconds")).in_zone(&TimeZone::UTC)
                }
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Object(_) => "COUNT_INSUFFICIENT=8".to_owned(),
                other => other.to_string(),
            };
            assert_eq!(cell, text, "{column}");
        }
    }
}
