//! `licet rate-table …`

use std::path::PathBuf;

use clap::Subcommand;
use licet_protocol::{RateItem, RateTableIn, RateTableOut, TokenNumber};

use crate::{
    context::Context,
    csv,
    failure::{Exit, Failure},
    input, moment,
    output::{Table, or_dash},
};

/// Post, list and delete rate tables, which price items in tokens
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Post(Post),
    List(List),
    Delete(Delete),
}

/// Add a rate table from JSON, or from CSV with the columns name, version and rate
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet rate-table post studio-3.json
  licet rate-table post prices.csv --series Studio --version 3 --effective-from 2026-01-01

A CSV file begins with its column names; formula may stand beside or in place of rate:
  name,version,rate
  Render,2.0,7
  Denoise,,0.25")]
struct Post {
    /// JSON or CSV file (by its ending), - for JSON on standard input
    file: PathBuf,
    /// Series of a table from CSV; no series unless given
    #[arg(long)]
    series: Option<String>,
    /// Version of a table from CSV
    #[arg(long = "version", value_name = "VERSION")]
    table_version: Option<String>,
    /// From when a table from CSV prices: a date, a moment, milliseconds, or now
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_start)]
    effective_from: Option<i64>,
}

/// List all rate tables, in effect or not
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet rate-table list --series Studio --items")]
struct List {
    /// Only those of this series; empty for the tables without a series
    #[arg(long)]
    series: Option<String>,
    /// Show the prices too
    #[arg(long)]
    items: bool,
}

/// Delete a rate table that is not in effect yet
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet rate-table delete --series Studio --version 3")]
struct Delete {
    /// Its series; none unless given
    #[arg(long, default_value = "", hide_default_value = true)]
    series: String,
    /// Its version
    #[arg(long = "version", value_name = "VERSION")]
    table_version: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Post(post) => post.run(context)?,
            Action::List(list) => list.run(context)?,
            Action::Delete(delete) => {
                let (series, version) = (&delete.series, &delete.table_version);
                context.client()?.delete_rate_table(series, version)?;
                context.output.done(&format!("rate table {} deleted", name(series, version)))?;
            }
        }
        Ok(Exit::Yes)
    }
}

fn name(series: &str, version: &str) -> String {
    match series {
        "" => format!("without a series, version {version}"),
        series => format!("{series}, version {version}"),
    }
}

impl Post {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        let file = self.file.display();
        let is_csv = self.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let text = input::read_text(&self.file)?;
        let table = match is_csv {
            true => self.read_csv(&text),
            false => self.read_json(&text),
        }?;
        if let Some(complaint) = table.complaints(client.version()).first() {
            return Err(Failure::usage(format!("{file}: {complaint}")));
        }
        client.post_rate_table(&table)?;
        let name = name(&table.series, &table.version);
        context.output.done(&format!("rate table {name} saved, {} items", table.items.len()))
    }

    fn read_json(&self, text: &str) -> Result<RateTableIn, Failure> {
        if self.series.is_some() || self.table_version.is_some() || self.effective_from.is_some() {
            let hint = "a JSON file holds series, version and effectiveFrom itself";
            return Err(Failure::usage(format!("{hint}; leave the options out")));
        }
        input::parse_json(&self.file.display().to_string(), text)
    }

    fn read_csv(&self, text: &str) -> Result<RateTableIn, Failure> {
        let needs = |option| Failure::usage(format!("a table from CSV needs {option}"));
        let items = items_from_csv(text)
            .map_err(|error| Failure::usage(format!("{}: {error}", self.file.display())))?;
        let version = self.table_version.as_deref().ok_or_else(|| needs("--version"))?;
        let effective_from = self.effective_from.ok_or_else(|| needs("--effective-from"))?;
        Ok(RateTableIn {
            effective_from: effective_from.into(),
            series: self.series.as_deref().unwrap_or_default().into(),
            version: version.into(),
            items,
        })
    }
}

fn items_from_csv(text: &str) -> Result<Vec<RateItem>, String> {
    let mut rows = csv::parse(text)?.into_iter();
    let headings = rows.next().ok_or("is empty")?;
    if let [heading] = &headings[..]
        && heading.contains([';', '\t'])
    {
        return Err("has one column; separate with commas, and write decimals with a point".into());
    }
    let column =
        |name: &str| headings.iter().position(|heading| heading.trim().eq_ignore_ascii_case(name));
    let names = column("name").ok_or("the first line names no column \"name\"")?;
    let (versions, rates, formulas) = (column("version"), column("rate"), column("formula"));
    if rates.is_none() && formulas.is_none() {
        return Err("the first line names no column \"rate\"".to_owned());
    }
    rows.enumerate()
        .map(|(index, row)| {
            let cell = |column: Option<usize>| {
                column.and_then(|column| row.get(column)).map_or("", |cell| cell.trim())
            };
            let rate = match cell(rates) {
                "" => None,
                rate => Some(
                    rate.parse::<TokenNumber>()
                        .map_err(|error| format!("row {}: rate {rate:?} {error}", index + 2))?,
                ),
            };
            let formula = cell(formulas);
            Ok(RateItem {
                name: cell(Some(names)).into(),
                version: cell(versions).into(),
                rate,
                formula: (!formula.is_empty()).then(|| formula.to_owned()),
            })
        })
        .collect()
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let mut tables = context.client()?.rate_tables()?;
        if let Some(series) = &self.series {
            tables.retain(|table| table.series == *series);
        }
        tables.sort_by(|a, b| (&a.series, a.effective_from).cmp(&(&b.series, b.effective_from)));
        let now_ms = moment::now_ms();
        context.output.show(&tables, |tables| {
            if self.items { items_table(tables) } else { tables_table(tables, now_ms) }
        })
    }
}

/// Whether a table prices now, did once, or will. `tables` are sorted by series and time.
fn standing(tables: &[RateTableOut], index: usize, now_ms: i64) -> &'static str {
    let table = &tables[index];
    if table.effective_from.0 > now_ms {
        return "future";
    }
    let next = tables.get(index + 1).filter(|next| next.series == table.series);
    if next.is_some_and(|next| next.effective_from.0 <= now_ms) { "past" } else { "in effect" }
}

fn tables_table(tables: &[RateTableOut], now_ms: i64) -> Table {
    let headings = ["series", "version", "effective from", "standing", "items"];
    Table::of(headings, tables.iter().enumerate(), |(index, table)| {
        [
            or_dash(Some(&table.series).filter(|series| !series.is_empty())),
            table.version.clone(),
            moment::show(table.effective_from.0),
            standing(tables, index, now_ms).to_owned(),
            table.items.len().to_string(),
        ]
    })
}

fn items_table(tables: &[RateTableOut]) -> Table {
    let rows = tables.iter().flat_map(|table| table.items.iter().map(move |item| (table, item)));
    let headings = ["series", "table version", "item", "item version", "rate", "formula"];
    Table::of(headings, rows, |(table, item)| {
        [
            or_dash(Some(&table.series).filter(|series| !series.is_empty())),
            table.version.clone(),
            item.name.to_string(),
            or_dash(Some(&item.version).filter(|version| !version.is_empty())),
            or_dash(item.rate),
            or_dash(item.formula.as_ref()),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_from_csv() {
        let items = items_from_csv("Name,version,rate,formula\nRender,2.0,7,\nSim,,,n * 2\n");
        let items = items.expect("it is read");
        assert_eq!(items[0].rate.map(|rate| rate.to_string()), Some("7".to_owned()));
        assert_eq!(items[1].formula.as_deref(), Some("n * 2"));
        assert_eq!(items_from_csv(""), Err("is empty".to_owned()));
        assert!(items_from_csv("item,rate\na,1").is_err());
        let error = items_from_csv("name;version;rate\nRender;2.0;7,5").expect_err("it is refused");
        assert!(error.contains("separate with commas"), "{error}");
        let error = items_from_csv("name,rate\na,x").expect_err("it is refused");
        assert_eq!(error, "row 2: rate \"x\" is not a decimal number");
    }

    #[test]
    fn the_last_table_that_took_effect_is_in_effect() {
        let table = |series: &str, effective_from: i64| RateTableOut {
            created: 0.into(),
            effective_from: effective_from.into(),
            series: series.to_owned(),
            version: String::new(),
            items: Vec::new(),
        };
        let tables = [table("a", 1), table("a", 5), table("a", 9), table("b", 1)];
        let all: Vec<_> = (0..4).map(|index| standing(&tables, index, 5)).collect();
        assert_eq!(all, ["past", "in effect", "future", "in effect"]);
    }
}
