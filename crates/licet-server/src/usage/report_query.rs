//! What the report is asked.

use std::fmt::Write;

use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    parameter::Complaints,
    period::{Moment, Period},
    reach::Wanted,
    row::MeterType,
};
use crate::{Problem, address::encode};

/// Path of the report.
pub(super) const PATH: &str = "/data/api/v1/report/usage";

const PAGE_SIZE: usize = 1_000;
const PAGE_SIZE_MAX: usize = 10_000;
const PAGE_NUMBER_MAX: u64 = 1_000_000_000;

/// Which rows are wanted, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct ReportParameters {
    /// Page, from 1. CSV has just one.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 1_000_000_000, example = 1)]
    page_number: Option<String>,
    /// Rows of a page of JSON.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000, example = 1_000)]
    page_size: Option<String>,
    /// Days before the end, in place of `from`; 30 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 36_500, example = 30)]
    past_days: Option<String>,
    /// Start: POSIX milliseconds or RFC 3339.
    #[param(value_type = Option<Moment>, inline)]
    from: Option<String>,
    /// End, exclusive: POSIX milliseconds or RFC 3339; everything up to now unless given.
    #[param(value_type = Option<Moment>, inline)]
    to: Option<String>,
    /// What is metered: items priced in tokens (`elastic`) or features (`feature`); both unless
    /// given.
    #[param(pattern = "^(elastic|feature)$", example = "elastic")]
    meter_type: Option<String>,
    /// `batch` or `interactive`, which are the same here.
    #[param(pattern = "^(batch|interactive)$", example = "batch")]
    mode: Option<String>,
    /// `json` or `csv`.
    #[param(pattern = "^(json|csv)$", example = "json")]
    format: Option<String>,
    /// Of this instance alone: its UUID or short form.
    instance_id: Option<String>,
    /// Of this account alone.
    #[param(max_length = 256)]
    account_id: Option<String>,
    /// Of this item alone.
    #[param(max_length = 256)]
    item: Option<String>,
    /// Of this requester alone (`requester.value`).
    #[param(max_length = 256)]
    consumer_id: Option<String>,
    /// Of this line item alone.
    #[param(max_length = 256)]
    activation_id: Option<String>,
    /// Stands in links to the next page and belongs to its `pageNumber`: where the page begins,
    /// so that nobody has to count.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    after: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

/// Filters on the rows themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct RowFilter {
    pub(super) meter_type: Option<MeterType>,
    pub(super) item: Option<String>,
    pub(super) consumer_id: Option<String>,
    pub(super) activation_id: Option<String>,
}

/// The parameters, read.
#[derive(Debug)]
pub(super) struct ReportQuery {
    pub(super) format: Format,
    pub(super) page_number: u64,
    pub(super) page_size: usize,
    pub(super) after: Option<i64>,
    pub(super) period: Period,
    pub(super) wanted: Wanted,
    pub(super) rows: RowFilter,
}

impl ReportQuery {
    /// # Errors
    /// 400 `validation_failed` with everything that is wrong.
    pub(super) fn read(parameters: ReportParameters) -> Result<Self, Problem> {
        let given = parameters;
        let mut c = Complaints::default();
        let meter_type = c.word("meterType", given.meter_type.as_deref(), &MeterType::WORDS);
        c.word("mode", given.mode.as_deref(), &[("batch", ()), ("interactive", ())]);
        let formats = [("json", Format::Json), ("csv", Format::Csv)];
        let format = c.word("format", given.format.as_deref(), &formats);
        let page_number = c.number("pageNumber", given.page_number.as_deref(), 1..=PAGE_NUMBER_MAX);
        let page_size = c.number("pageSize", given.page_size.as_deref(), 1..=PAGE_SIZE_MAX);
        let after = c.number("after", given.after.as_deref(), 0..=i64::MAX);
        let (from, to) = (given.from.as_deref(), given.to.as_deref());
        let period = Period::read(&mut c, from, to, given.past_days.as_deref());
        let wanted = Wanted::read(&mut c, given.instance_id.as_deref(), given.account_id);
        let rows = RowFilter {
            meter_type,
            item: c.filter("item", given.item),
            consumer_id: c.filter("consumerId", given.consumer_id),
            activation_id: c.filter("activationId", given.activation_id),
        };
        c.check()?;
        let page_number = page_number.unwrap_or(1);
        let page_size = page_size.unwrap_or(PAGE_SIZE);
        Ok(Self { format, page_number, page_size, after, period, wanted, rows })
    }

    /// Path and query of another page of this report, its period standing still.
    pub(super) fn link(&self, page_number: u64, from_ms: i64, after: Option<i64>) -> String {
        let mut link = format!("{PATH}?format=json");
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = write!(link, "&{name}={}", encode(&value));
            }
        };
        add("meterType", self.rows.meter_type.map(|meter_type| meter_type.name().to_owned()));
        add("from", Some(from_ms.to_string()));
        add("to", self.period.until_ms.map(|until_ms| until_ms.to_string()));
        add("instanceId", self.wanted.instance_id.map(|id| id.to_string()));
        add("accountId", self.wanted.account_id.clone());
        add("item", self.rows.item.clone());
        add("consumerId", self.rows.consumer_id.clone());
        add("activationId", self.rows.activation_id.clone());
        add("pageSize", Some(self.page_size.to_string()));
        add("pageNumber", Some(page_number.to_string()));
        add("after", after.map(|after| after.to_string()));
        link
    }
}

#[cfg(test)]
mod tests {
    use axum::{extract::Query, http::Uri};

    use super::*;

    fn read(query: &str) -> Result<ReportQuery, Problem> {
        let uri: Uri = format!("/?{query}").parse().unwrap();
        let Query(parameters) = Query::try_from_uri(&uri).unwrap();
        ReportQuery::read(parameters)
    }

    #[test]
    fn what_the_field_sends_is_understood() {
        let query = "mode=batch&format=json&pastDays=30&meterType=elastic&pageNumber=1";
        let query = read(query).unwrap();
        assert_eq!((query.page_number, query.page_size, query.format), (1, 1_000, Format::Json));
        assert!(query.period.is_sliding());
    }

    #[test]
    fn everything_wrong_is_named() {
        let problem = read("mode=x&format=xml&meterType=y&pageNumber=0&pageSize=10001&from=z");
        let problem = problem.unwrap_err();
        let names: Vec<_> = problem.errors().iter().map(|it| it.split(':').next()).collect();
        let expected = ["meterType", "mode", "format", "pageNumber", "pageSize", "from"];
        assert_eq!(names, expected.map(Some));
    }

    #[test]
    fn a_link_leads_to_the_same_report() {
        let query = read("accountId=A%26B%20%C3%BC&item=x&to=9&pageSize=7&pastDays=1").unwrap();
        let link = query.link(3, 5, Some(21));
        assert!(link.starts_with(PATH));
        let next = read(link.split_once('?').unwrap().1).unwrap();
        assert_eq!((next.page_number, next.page_size, next.after), (3, 7, Some(21)));
        assert_eq!((next.wanted, next.rows), (query.wanted, query.rows));
        assert_eq!((next.period.start_ms(0), next.period.until_ms), (5, Some(9)));
    }
}
