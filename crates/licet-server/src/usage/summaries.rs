//! Use of meters by the periods of a calendar.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use licet_protocol::{CalendarUnit, Millis, Summaries, Summary};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    calendar::Calendar,
    meter_sums::{GroupBy, Question, sum_up},
    parameter::{Complaints, WithMeters},
    period::{self, Moment},
    reach::Wanted,
    summary_csv::{self, Format},
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

/// Most periods of an answer: four years of days.
const PERIODS_MAX: usize = 1_500;

/// Which periods are wanted, and of whom.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct SummaryParameters {
    /// `month`, `quarter`, `year`, `week` (from Monday) or `day`; `month` unless given.
    #[param(pattern = "^(month|quarter|year|week|day)$", example = "month", required = false)]
    period: String,
    /// Start: a date in the time zone, POSIX milliseconds or RFC 3339; the start of this year unless
    /// given. The period that it lies in counts whole.
    #[param(value_type = Moment, inline, required = false)]
    from: String,
    /// End, exclusive; up to now unless given. A period that has begun before it counts whole.
    #[param(value_type = Moment, inline, required = false)]
    to: String,
    /// Whose calendar: a name in the IANA time zone database; `UTC` unless given.
    #[param(example = "Europe/Berlin", required = false)]
    time_zone: String,
    /// Of this instance alone: its UUID or short form.
    #[param(required = false)]
    instance_id: String,
    /// Of this account alone.
    #[param(max_length = 256, required = false)]
    account_id: String,
    /// A row for each `instance` or `account`; of all together unless given.
    #[param(pattern = "^(instance|account)$", required = false)]
    group_by: String,
    /// `json` or `csv`; as the Accept header says unless given.
    #[param(pattern = "^(json|csv)$", required = false)]
    format: String,
}

/// Sum up the use of meters by month, quarter, year, week or day of a calendar.
///
/// A meter is a feature, or an item that was charged in tokens. One row for each meter and period in
/// which it was used, denied or in use. A period begins at the very millisecond at which it does in
/// the time zone; only tokens are counted by hours UTC, each in the period in which it begins, which
/// shows in the few zones that are not whole hours from UTC. Use that is taken back counts when it was
/// taken back. In CSV times are RFC 3339 with the offset of the time zone.
#[utoipa::path(
    get,
    path = "/usage/api/v1/summaries",
    operation_id = "listSummaries",
    tag = "usage",
    params(
        ("meter" = Option<Vec<String>>, Query, explode,
            description = "Of this meter alone; may be given several times"),
        SummaryParameters,
    ),
    responses(
        (status = 200, description = "The sums", content(
            (Summaries = "application/json"),
            (String = "text/csv"),
        )),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::UsageRead>,
    headers: HeaderMap,
    Params(given): Params<WithMeters<SummaryParameters>>,
) -> Result<Response, Problem> {
    let mut c = Complaints::default();
    let meters = given.meters(&mut c);
    let given = given.rest;
    let format = Format::read(&mut c, &given.format, &headers);
    let unit = c.word("period", some(&given.period), &UNITS);
    let group_by = c.word("groupBy", some(&given.group_by), &GROUPS);
    let calendar = Calendar::read(&mut c, &given.time_zone);
    let wanted = Wanted::read(&mut c, Some(&given.instance_id), Some(given.account_id));
    let as_of_ms = app.now_ms();
    let until_ms = calendar.moment(&mut c, "to", &given.to);
    let from_ms = calendar.moment(&mut c, "from", &given.from);
    period::check_order(&mut c, from_ms, until_ms);
    // A period that has not begun has nothing yet.
    let until_ms = until_ms.unwrap_or(i64::MAX).min(as_of_ms.saturating_add(1));
    let this_year = || calendar.current(CalendarUnit::Year, until_ms).map(|year| year.from_ms);
    let from_ms = from_ms.or_else(this_year).unwrap_or(0);
    let periods = calendar.periods(unit, from_ms, until_ms, PERIODS_MAX).unwrap_or_else(|| {
        c.add("from", format_args!("must be at most {PERIODS_MAX} periods before to"));
        Vec::new()
    });
    c.check()?;
    app.engine.projected().await?;
    let sums = match wanted.within(&app, &caller).await? {
        None => Default::default(),
        Some(reach) => {
            let question = Question { reach, meters, group_by };
            sum_up(&*app.store, &question, &periods).await?
        }
    };
    let data = sums.into_iter().map(|((meter, at, group), sum)| Summary {
        meter,
        period: periods[at].name.clone(),
        instance_id: group.instance_id,
        account_id: group.account_id,
        usage: sum.wire(&periods[at]),
    });
    let (as_of, time_zone) = (Millis(as_of_ms), calendar.name().to_owned());
    let summaries = Summaries { as_of, time_zone, unit, data: data.collect() };
    Ok(match format {
        Format::Json => Json(summaries).into_response(),
        Format::Csv => summary_csv::answer(&summaries.data, calendar.zone()),
    })
}

const UNITS: [(&str, CalendarUnit); 5] = [
    ("month", CalendarUnit::Month),
    ("quarter", CalendarUnit::Quarter),
    ("year", CalendarUnit::Year),
    ("week", CalendarUnit::Week),
    ("day", CalendarUnit::Day),
];

const GROUPS: [(&str, GroupBy); 3] =
    [("", GroupBy::Nothing), ("instance", GroupBy::Instance), ("account", GroupBy::Account)];

/// A parameter that was given; an empty one was not, as a form sends it.
fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
