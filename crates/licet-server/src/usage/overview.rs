//! What a producer asks first of meters.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use licet_protocol::{CalendarUnit, MeterOverview, Millis, Overview};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    calendar::{Calendar, NamedPeriod},
    meter_sums::{GroupBy, Question, Sum, sum_up},
    parameter::{Complaints, WithMeters},
    reach::Wanted,
    summary_csv::{self, Format},
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

/// Of whom, and by whose calendar.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct OverviewParameters {
    /// Whose calendar: a name in the IANA time zone database; `UTC` unless given.
    #[param(example = "Europe/Berlin", required = false)]
    time_zone: String,
    /// Of this instance alone: its UUID or short form.
    #[param(required = false)]
    instance_id: String,
    /// Of this account alone.
    #[param(max_length = 256, required = false)]
    account_id: String,
    /// `json` or `csv`; as the Accept header says unless given.
    #[param(pattern = "^(json|csv)$", required = false)]
    format: String,
}

/// Sum up the use of meters this year up to now, and in the last month, quarter and year.
///
/// A meter is a feature, or an item that was charged in tokens. One row for each meter that was used,
/// denied or in use in any of these times, by the calendar of the time zone and the server's clock. CSV
/// has a line for each meter and time, in which times are RFC 3339 with the offset of the time zone.
#[utoipa::path(
    get,
    path = "/usage/api/v1/summaries/overview",
    operation_id = "getUsageOverview",
    tag = "usage",
    params(
        ("meter" = Option<Vec<String>>, Query, explode,
            description = "Of this meter alone; may be given several times"),
        OverviewParameters,
    ),
    responses(
        (status = 200, description = "The sums", content(
            (Overview = "application/json"),
            (String = "text/csv"),
        )),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn show(
    State(app): State<App>,
    caller: Authorized<perm::UsageRead>,
    headers: HeaderMap,
    Params(given): Params<WithMeters<OverviewParameters>>,
) -> Result<Response, Problem> {
    let mut c = Complaints::default();
    let meters = given.meters(&mut c);
    let given = given.rest;
    let format = Format::read(&mut c, &given.format, &headers);
    let calendar = Calendar::read(&mut c, &given.time_zone);
    let wanted = Wanted::read(&mut c, Some(&given.instance_id), Some(given.account_id));
    c.check()?;
    let as_of_ms = app.now_ms();
    app.engine.projected().await?;
    let data = match (wanted.within(&app, &caller).await?, times(&calendar, as_of_ms)) {
        (Some(reach), Some(times)) => {
            let question = Question { reach, meters, group_by: GroupBy::Nothing };
            by_meter(&app, &question, times).await?
        }
        _ => Vec::new(),
    };
    let time_zone = calendar.name().to_owned();
    let overview = Overview { as_of: Millis(as_of_ms), time_zone, data };
    Ok(match format {
        Format::Json => Json(overview).into_response(),
        Format::Csv => summary_csv::answer(&overview.lines(), calendar.zone()),
    })
}

/// Year to date, last month, last quarter and last year; `None` where the calendar ends.
fn times(calendar: &Calendar, now_ms: i64) -> Option<[NamedPeriod; 4]> {
    let year = calendar.current(CalendarUnit::Year, now_ms)?;
    // What happens in this very millisecond is in it.
    let year_to_date = NamedPeriod { until_ms: now_ms.saturating_add(1), ..year };
    Some([
        year_to_date,
        calendar.last(CalendarUnit::Month, now_ms)?,
        calendar.last(CalendarUnit::Quarter, now_ms)?,
        calendar.last(CalendarUnit::Year, now_ms)?,
    ])
}

async fn by_meter(
    app: &App,
    question: &Question,
    times: [NamedPeriod; 4],
) -> Result<Vec<MeterOverview>, Problem> {
    let mut by_meter: BTreeMap<String, [Sum; 4]> = BTreeMap::new();
    for (at, time) in times.iter().enumerate() {
        for ((meter, ..), sum) in sum_up(&*app.store, question, std::slice::from_ref(time)).await? {
            by_meter.entry(meter).or_default()[at] = sum;
        }
    }
    for sums in by_meter.values_mut() {
        for at in 0..sums.len() {
            if sums[at].is_none() {
                sums[at] = Sum::none_like(sums);
            }
        }
    }
    let row = |(meter, sums): (String, [Sum; 4])| MeterOverview {
        meter,
        year_to_date: sums[0].wire(&times[0]),
        last_month: sums[1].wire(&times[1]),
        last_quarter: sums[2].wire(&times[2]),
        last_year: sums[3].wire(&times[3]),
    };
    Ok(by_meter.into_iter().map(row).collect())
}
