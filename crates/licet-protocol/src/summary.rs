//! Use of meters, summed by the periods of a calendar; and the requests that were denied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{CountNumber, Millis, TokenNumber};

/// Periods of a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CalendarUnit {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// Three months, from January, April, July or October.
    Quarter,
    /// A year.
    Year,
}

/// Use of meters by period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summaries {
    /// Everything that was recorded before this moment is in it.
    pub as_of: Millis,
    /// Whose calendar it is, by its name in the IANA database.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// What the periods are.
    pub unit: CalendarUnit,
    /// By meter, then period, then instance or account.
    pub data: Vec<Summary>,
}

/// Use of one meter in one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", from = "FlatSummary")]
pub struct Summary {
    /// Name of the feature or item.
    #[schema(example = "sessions")]
    pub meter: String,
    /// The period, such as `2026-03-31`, `2026-W14`, `2026-03`, `2026-Q1` or `2026`.
    #[schema(example = "2026-03")]
    pub period: String,
    /// The instance, if it is grouped by instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Uuid>,
    /// The customer, if it is grouped by instance or account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What was used.
    #[serde(flatten)]
    pub usage: MeterUsage,
}

/// What was used of a meter in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeterUsage {
    /// First millisecond.
    pub from: Millis,
    /// The millisecond after the last.
    pub to: Millis,
    /// What was used, less what was taken back in this time; of what is held, what was newly taken.
    pub units: CountNumber,
    /// Of what is held, the most that was in use at one moment, on one instance; else the largest
    /// single report. Like the next two it is not known of an item that is priced in tokens.
    #[serde(default)]
    pub peak: Option<i64>,
    /// Hosts that were granted something, other than users.
    #[serde(default)]
    pub distinct_hosts: Option<u64>,
    /// Users that were granted something, on whichever host.
    #[serde(default)]
    pub distinct_users: Option<u64>,
    /// Requests that were met, at least partly.
    pub granted: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// The same by reason.
    #[schema(example = json!({ "COUNT_INSUFFICIENT": 3 }))]
    pub denials: BTreeMap<String, u64>,
    /// Tokens charged, less those given back, where the meter is priced in tokens.
    #[serde(default)]
    pub tokens: Option<TokenNumber>,
}

/// A summary as it is read: numbers are read from their text, which is gone where an object is read
/// in parts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatSummary {
    meter: String,
    period: String,
    instance_id: Option<Uuid>,
    account_id: Option<String>,
    from: Millis,
    to: Millis,
    units: CountNumber,
    peak: Option<i64>,
    distinct_hosts: Option<u64>,
    distinct_users: Option<u64>,
    granted: u64,
    denied: u64,
    denials: BTreeMap<String, u64>,
    tokens: Option<TokenNumber>,
}

impl From<FlatSummary> for Summary {
    fn from(flat: FlatSummary) -> Self {
        let usage = MeterUsage {
            from: flat.from,
            to: flat.to,
            units: flat.units,
            peak: flat.peak,
            distinct_hosts: flat.distinct_hosts,
            distinct_users: flat.distinct_users,
            granted: flat.granted,
            denied: flat.denied,
            denials: flat.denials,
            tokens: flat.tokens,
        };
        let FlatSummary { meter, period, instance_id, account_id, .. } = flat;
        Self { meter, period, instance_id, account_id, usage }
    }
}

/// The columns of summaries, in the order of their CSV form.
pub const SUMMARY_COLUMNS: [&str; 14] = [
    "meter",
    "period",
    "from",
    "to",
    "instanceId",
    "accountId",
    "units",
    "peak",
    "distinctHosts",
    "distinctUsers",
    "granted",
    "denied",
    "denials",
    "tokens",
];

/// What is asked first: this year, and the last month, quarter and year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Everything that was recorded before this moment is in it.
    pub as_of: Millis,
    /// Whose calendar it is, by its name in the IANA database.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// One row for each meter.
    pub data: Vec<MeterOverview>,
}

/// Use of one meter in the times that are asked for first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeterOverview {
    /// Name of the feature or item.
    #[schema(example = "sessions")]
    pub meter: String,
    /// From the start of this year up to now.
    pub year_to_date: MeterUsage,
    /// The month before this one.
    pub last_month: MeterUsage,
    /// The quarter before this one.
    pub last_quarter: MeterUsage,
    /// The year before this one.
    pub last_year: MeterUsage,
}

impl Overview {
    /// A line for each meter and time, whose period is the time's name, as in CSV.
    #[must_use]
    pub fn lines(&self) -> Vec<Summary> {
        let times = |row: &MeterOverview| {
            [
                ("yearToDate", row.year_to_date.clone()),
                ("lastMonth", row.last_month.clone()),
                ("lastQuarter", row.last_quarter.clone()),
                ("lastYear", row.last_year.clone()),
            ]
        };
        let line = |meter: &str, (name, usage): (&str, MeterUsage)| Summary {
            meter: meter.to_owned(),
            period: name.to_owned(),
            instance_id: None,
            account_id: None,
            usage,
        };
        let of = |row: &MeterOverview| times(row).map(|time| line(&row.meter, time));
        self.data.iter().flat_map(of).collect()
    }
}

/// A page of denied requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Denials {
    /// Everything that was recorded before this moment is in it.
    pub as_of: Millis,
    /// Newest first.
    pub data: Vec<Denial>,
    /// Ask for the next page with it; null if this is the last.
    pub next: Option<String>,
}

/// A request for a feature of which nothing was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// When.
    pub time: Millis,
    /// The request.
    pub correlation_id: Uuid,
    /// The instance.
    pub instance_id: Uuid,
    /// The customer.
    pub account_id: String,
    /// Type of the host that asked.
    #[schema(example = "ETHERNET")]
    pub host_type: String,
    /// The host that asked.
    pub host_id: String,
    /// Who sat at it, if the request said so.
    pub user: Option<String>,
    /// Name of the feature.
    #[schema(example = "render")]
    pub feature: String,
    /// The version that was wanted, at least.
    #[schema(example = "2.0")]
    pub version: String,
    /// How many.
    pub wanted: u64,
    /// Why, such as `COUNT_INSUFFICIENT`.
    #[schema(example = "COUNT_INSUFFICIENT")]
    pub reason: String,
}
