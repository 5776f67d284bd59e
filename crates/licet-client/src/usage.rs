//! Usage reports.

use licet_protocol::{CalendarUnit, Overview, Rollups, Summaries, UsageReport};
use uuid::Uuid;

use crate::{Client, Error, path::query, transport::Call};

/// Rows of a page.
const PAGE_ROWS: u32 = 5_000;

/// Which usage rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageQuery {
    /// POSIX milliseconds, inclusive.
    pub from_ms: Option<i64>,
    /// POSIX milliseconds, exclusive.
    pub to_ms: Option<i64>,
    /// Of this instance alone.
    pub instance_id: Option<Uuid>,
    /// Of this account alone.
    pub account_id: Option<String>,
    /// Of this item alone.
    pub item: Option<String>,
    /// Of this requester alone.
    pub consumer_id: Option<String>,
    /// Of this line item alone.
    pub activation_id: Option<String>,
}

/// Spans that usage is summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollupSpan {
    /// Hours, UTC.
    Hour,
    /// Days, UTC.
    Day,
}

/// Which sums are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupQuery {
    /// Hours or days.
    pub span: RollupSpan,
    /// POSIX milliseconds, inclusive.
    pub from_ms: Option<i64>,
    /// POSIX milliseconds, exclusive.
    pub to_ms: Option<i64>,
    /// Of this instance alone.
    pub instance_id: Option<Uuid>,
    /// Of this account alone.
    pub account_id: Option<String>,
}

/// Which uses of meters are wanted, and by whose calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeterQuery {
    /// Of these meters alone; empty for all.
    pub meters: Vec<String>,
    /// Name of a time zone in the IANA database; UTC unless given.
    pub time_zone: Option<String>,
    /// Of this instance alone.
    pub instance_id: Option<Uuid>,
    /// Of this account alone.
    pub account_id: Option<String>,
}

/// What sums of meters are kept apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterGroup {
    /// A row for each instance.
    Instance,
    /// A row for each account.
    Account,
}

/// Which periods of the calendar are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodQuery {
    /// What the periods are.
    pub unit: CalendarUnit,
    /// A date in the time zone, POSIX milliseconds or RFC 3339; this year's start unless given.
    pub from: Option<String>,
    /// The same, exclusive; now unless given.
    pub to: Option<String>,
    /// All together unless given.
    pub group_by: Option<MeterGroup>,
}

impl MeterQuery {
    fn values(&self) -> Vec<(&'static str, Option<String>)> {
        let meters = self.meters.iter().map(|meter| ("meter", Some(meter.clone())));
        let others = [
            ("timeZone", self.time_zone.clone()),
            ("instanceId", self.instance_id.map(|id| id.to_string())),
            ("accountId", self.account_id.clone()),
        ];
        meters.chain(others).collect()
    }
}

impl Client {
    /// One page of usage rows, from page 1 on; past the last page there are none.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn usage_page(&self, wanted: &UsageQuery, page: u64) -> Result<UsageReport, Error> {
        let values = [
            ("format", Some("json".to_owned())),
            ("from", wanted.from_ms.map(|ms| ms.to_string())),
            ("to", wanted.to_ms.map(|ms| ms.to_string())),
            ("instanceId", wanted.instance_id.map(|id| id.to_string())),
            ("accountId", wanted.account_id.clone()),
            ("item", wanted.item.clone()),
            ("consumerId", wanted.consumer_id.clone()),
            ("activationId", wanted.activation_id.clone()),
            ("pageNumber", Some(page.to_string())),
            ("pageSize", Some(PAGE_ROWS.to_string())),
        ];
        self.read(&Call::get(format!("/data/api/v1/report/usage{}", query(&values))))
    }

    /// The page that a link in a report's header leads to.
    ///
    /// # Errors
    /// [`Error::Unreadable`], if the link leads to another server; else as every call.
    pub fn usage_link(&self, link: &str) -> Result<UsageReport, Error> {
        let path = link.strip_prefix(self.server()).unwrap_or(link);
        // A token must not be sent to wherever an answer says.
        if !path.starts_with('/') {
            return Err(Error::Unreadable(format!("the next page is on another server: {link}")));
        }
        self.read(&Call::get(path.to_owned()))
    }

    /// Usage summed by hour or day.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn rollups(&self, wanted: &RollupQuery) -> Result<Rollups, Error> {
        let span = match wanted.span {
            RollupSpan::Hour => "hour",
            RollupSpan::Day => "day",
        };
        let values = [
            ("span", Some(span.to_owned())),
            ("from", wanted.from_ms.map(|ms| ms.to_string())),
            ("to", wanted.to_ms.map(|ms| ms.to_string())),
            ("instanceId", wanted.instance_id.map(|id| id.to_string())),
            ("accountId", wanted.account_id.clone()),
        ];
        self.read(&Call::get(format!("/usage/api/v1/rollups{}", query(&values))))
    }

    /// What was used of meters this year, and in the last month, quarter and year.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn usage_overview(&self, wanted: &MeterQuery) -> Result<Overview, Error> {
        let query = query(&wanted.values());
        self.read(&Call::get(format!("/usage/api/v1/summaries/overview{query}")))
    }

    /// What was used of meters by the periods of a calendar.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn usage_summaries(
        &self,
        wanted: &MeterQuery,
        periods: &PeriodQuery,
    ) -> Result<Summaries, Error> {
        let unit = match periods.unit {
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        };
        let group_by = periods.group_by.map(|group| match group {
            MeterGroup::Instance => "instance",
            MeterGroup::Account => "account",
        });
        let mut values = wanted.values();
        values.extend([
            ("period", Some(unit.to_owned())),
            ("from", periods.from.clone()),
            ("to", periods.to.clone()),
            ("groupBy", group_by.map(str::to_owned)),
        ]);
        self.read(&Call::get(format!("/usage/api/v1/summaries{}", query(&values))))
    }
}
