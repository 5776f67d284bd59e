//! All that is written: tables and lines for people, JSON for programs.

use std::io::{self, Write};

use licet_protocol::{ActionOut, LineItemOut};
use serde::Serialize;

use crate::failure::Failure;

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// A result, as JSON or as a table.
    pub(crate) fn show<T: Serialize + ?Sized>(
        self,
        value: &T,
        table: impl FnOnce(&T) -> Table,
    ) -> Result<(), Failure> {
        if self.json { self.json(value) } else { self.text(&table(value).to_string()) }
    }

    /// A result as JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::other(error.to_string()))?;
        self.text(&text)
    }

    /// That something was done; programs get `{"message": …}`.
    pub(crate) fn done(self, message: &str) -> Result<(), Failure> {
        if self.json {
            return self.json(&serde_json::json!({"message": message}));
        }
        self.text(message)
    }

    /// Text as it is, with a line break at its end.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut to = io::stdout().lock();
        to.write_all(text.as_bytes())?;
        if !text.ends_with('\n') && !text.is_empty() {
            to.write_all(b"\n")?;
        }
        Ok(to.flush()?)
    }

    /// Something that is not the result.
    pub(crate) fn note(self, text: &str) {
        // Nobody can be told if standard error is gone.
        let _ = writeln!(io::stderr().lock(), "licet: {text}");
    }

    /// Why the command failed.
    pub(crate) fn failure(self, failure: &Failure) {
        if !failure.message.is_empty() {
            self.note(&failure.to_string());
        }
    }
}

/// Rows under headings, numbers to the right.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// One row for each value.
    pub(crate) fn of<T, const N: usize>(
        headings: [&'static str; N],
        values: impl IntoIterator<Item = T>,
        cells: impl Fn(T) -> [String; N],
    ) -> Self {
        let mut table = Self::new(&headings);
        for value in values {
            table.row(cells(value));
        }
        table
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(column)).map(String::as_str)
    }

    fn width(&self, column: usize) -> usize {
        let heading = self.headings[column].chars().count();
        self.cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0).max(heading)
    }

    fn is_numeric(&self, column: usize) -> bool {
        let is_number = |cell: &str| cell == "-" || cell.parse::<f64>().is_ok();
        self.cells(column).all(is_number) && self.cells(column).any(|cell| cell != "-")
    }
}

/// Names come from others and must not move the cursor or set colours.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.headings.len();
        let shapes: Vec<_> =
            (0..columns).map(|column| (self.width(column), self.is_numeric(column))).collect();
        let headings: Vec<_> = self.headings.iter().map(|heading| heading.to_uppercase()).collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for (cell, (width, is_numeric)) in row.iter().zip(&shapes) {
                let cell = match is_numeric {
                    true => format!("{cell:>width$}  "),
                    false => format!("{cell:<width$}  "),
                };
                line.push_str(&cell);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A value that may not be there.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// How much overdraft a line item has.
pub(crate) fn overdraft(line_item: &LineItemOut) -> String {
    let attributes = &line_item.attributes;
    match attributes.overdraft_type {
        Some(licet_protocol::OverdraftType::Unlimited) => "unlimited".to_owned(),
        _ => attributes.overdraft_limit.unwrap_or(0).to_string(),
    }
}

/// The rows of a list of actions.
pub(crate) fn actions_table(actions: &[ActionOut]) -> Table {
    Table::of(["id", "name", "condition", "action", "allocation", "used"], actions, |action| {
        [
            action.id.to_string(),
            action.name.clone(),
            or_dash(action.condition_id),
            action.action.to_string(),
            or_dash(action.allocation),
            or_dash(action.used),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let rows = [("a", "1"), ("büro\u{1b}[2J", "22.5"), ("c", "-")];
        let table =
            Table::of(["name", "used"], rows, |(name, used)| [name.to_owned(), used.to_owned()]);
        assert_eq!(
            table.to_string(),
            "NAME      USED\na            1\nbüro\u{fffd}[2J  22.5\nc            -\n"
        );
    }
}
