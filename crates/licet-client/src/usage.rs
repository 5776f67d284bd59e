//! Usage reports.

use licet_protocol::{Rollups, UsageReport};
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

impl Client {
    /// One page of usage rows, from page 1 on; past the last page there are none.
    ///
    /// # Errors
    /// As every call: [`Error::Problem`] or [`Error::Unreachable`].
    pub fn usage_page(&self, wanted: &UsageQuery, page: u64) -> Result<UsageReport, Error> {
        let values = [
            ("format", Some("json".to_owned())),
            ("meterType", Some("elastic".to_owned())),
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
}
