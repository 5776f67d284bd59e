//! Summaries as CSV, for spreadsheets.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use jiff::tz::TimeZone;
use licet_protocol::{SUMMARY_COLUMNS, Summary};

use super::{csv::Line, parameter::Complaints};

/// In which form an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

impl Format {
    /// What the parameter says, or else the Accept header.
    pub(super) fn read(complaints: &mut Complaints, format: &str, headers: &HeaderMap) -> Self {
        if !format.is_empty() {
            let words = [("json", Self::Json), ("csv", Self::Csv)];
            return complaints.word("format", Some(format), &words);
        }
        let accepted = headers.get(header::ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
        let first = accepted.split(|byte| matches!(byte, b',' | b';')).next().unwrap_or_default();
        match first.trim_ascii().eq_ignore_ascii_case(b"text/csv") {
            true => Self::Csv,
            false => Self::Json,
        }
    }
}

/// The answer with these rows, whose times are written as in this zone.
pub(super) fn answer(rows: &[Summary], zone: &TimeZone) -> Response {
    let mut lines = format!("{}\r\n", SUMMARY_COLUMNS.join(","));
    rows.iter().for_each(|row| write(row, zone, &mut lines));
    let mut response = lines.into_response();
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    headers.insert(header::CONTENT_TYPE, media_type);
    let disposition = HeaderValue::from_static("attachment; filename=\"summaries.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    response
}

/// In the order of [`SUMMARY_COLUMNS`].
fn write(row: &Summary, zone: &TimeZone, to: &mut String) {
    let usage = &row.usage;
    let mut line = Line::new(to);
    line.text(&row.meter);
    line.text(&row.period);
    line.plain(usage.from.in_zone(zone));
    line.plain(usage.to.in_zone(zone));
    line.optional(row.instance_id);
    line.text(row.account_id.as_deref().unwrap_or_default());
    line.plain(usage.units);
    line.optional(usage.peak);
    line.optional(usage.distinct_hosts);
    line.optional(usage.distinct_users);
    line.plain(usage.granted);
    line.plain(usage.denied);
    let denials: Vec<String> =
        usage.denials.iter().map(|(reason, denied)| format!("{reason}={denied}")).collect();
    line.text(&denials.join(" "));
    line.optional(usage.tokens);
    line.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_chooses_unless_the_parameter_does() {
        let read = |format: &str, accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let mut complaints = Complaints::default();
            let format = Format::read(&mut complaints, format, &headers);
            complaints.check().map(|()| format).map_err(|problem| problem.errors().to_vec())
        };
        assert_eq!(read("", "text/csv"), Ok(Format::Csv));
        assert_eq!(read("", "Text/CSV; header=present, */*"), Ok(Format::Csv));
        assert_eq!(read("", "application/json, text/csv;q=0.5"), Ok(Format::Json));
        assert_eq!(read("", "*/*"), Ok(Format::Json));
        assert_eq!(read("json", "text/csv"), Ok(Format::Json));
        assert_eq!(read("csv", "application/json"), Ok(Format::Csv));
        read("xml", "*/*").unwrap_err();
    }
}
