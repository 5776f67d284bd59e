//! The report as CSV (RFC 4180): a header line, fields in quotes where they must be, CR LF.

use std::fmt::{Display, Write};

use licet_protocol::{USAGE_COLUMNS, UsageRow};

/// The line that names the columns.
pub(super) fn write_header(to: &mut String) {
    to.push_str(&USAGE_COLUMNS.join(","));
    to.push_str("\r\n");
}

/// One row in the order of [`USAGE_COLUMNS`].
pub(super) fn write_row(row: &UsageRow, to: &mut String) {
    let mut line = Line::new(to);
    line.plain(row.correlation_id);
    line.plain(row.usage_time.0);
    line.plain(row.write_time.0);
    line.text(&row.account_id);
    line.text(&row.consumer_id);
    line.text(&row.consumer_type);
    line.text(&row.meter);
    line.text(&row.meter_type);
    line.plain(row.meter_cost);
    line.plain(row.meter_quantity);
    line.text(&row.item);
    line.text(&row.item_version);
    line.plain(row.item_quantity);
    line.text(&row.activation_id);
    line.plain(row.instance_id);
    line.plain(row.mapped_entitled_count);
    line.plain(row.used);
    line.optional(row.session_id);
    line.text(row.session_state.as_deref().unwrap_or_default());
    line.text(&row.request_response);
    line.plain(row.overdraft_count);
    line.text(row.meta_data.as_ref().map_or("", |meta_data| meta_data.as_str()));
    line.end();
}

/// A line in the making.
pub(super) struct Line<'a> {
    to: &'a mut String,
    is_first: bool,
}

impl<'a> Line<'a> {
    pub(super) fn new(to: &'a mut String) -> Self {
        Self { to, is_first: true }
    }

    pub(super) fn end(self) {
        self.to.push_str("\r\n");
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.to.push(',');
        }
    }

    /// A number or an id, which needs no care.
    pub(super) fn plain(&mut self, value: impl Display) {
        self.comma();
        // Writing to a string cannot fail.
        let _ = write!(self.to, "{value}");
    }

    /// The same, or nothing.
    pub(super) fn optional(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.comma(),
        }
    }

    /// What somebody else wrote. A spreadsheet takes some beginnings for a formula and would run
    /// it, so these get an apostrophe before them.
    pub(super) fn text(&mut self, text: &str) {
        self.comma();
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let is_quoted = text.contains(['"', ',', '\r', '\n']);
        if is_quoted {
            self.to.push('"');
        }
        if is_formula {
            self.to.push('\'');
        }
        if is_quoted {
            self.to.push_str(&text.replace('"', "\"\""));
            self.to.push('"');
        } else {
            self.to.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(texts: &[&str]) -> String {
        let mut to = String::new();
        let mut line = Line::new(&mut to);
        for text in texts {
            line.text(text);
        }
        to
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(line(&["a", "", "b c"]), "a,,b c");
        assert_eq!(line(&["a,b", "say \"x\"", "1\n2"]), "\"a,b\",\"say \"\"x\"\"\",\"1\n2\"");
        assert_eq!(line(&["", ""]), ",");
    }

    #[test]
    fn no_field_is_a_formula() {
        assert_eq!(line(&["=1+1", "+1", "-1", "@x"]), "'=1+1,'+1,'-1,'@x");
        assert_eq!(line(&["=\"a,b\""]), "\"'=\"\"a,b\"\"\"");
        assert_eq!(line(&["1-1"]), "1-1");
        let mut numbers = String::new();
        Line::new(&mut numbers).plain(-7);
        assert_eq!(numbers, "-7");
    }

    #[test]
    fn the_header_has_the_fields_of_a_row() {
        let mut header = String::new();
        write_header(&mut header);
        assert!(header.starts_with("correlationId,usageTime,"));
        assert!(header.ends_with(",overdraftCount,metaData\r\n"));
    }
}
