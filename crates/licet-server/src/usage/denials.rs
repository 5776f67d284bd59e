//! Requests for features that were denied, one by one.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use licet_core::MICROS;
use licet_protocol::{Denial, Denials, Millis};
use licet_store::{
    MeterFilter, Meters, RollupFilter, Span, Store, StoreError, UsageFilter, UsageKind, UsageRow,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    parameter::Complaints,
    period::{Moment, Period},
    reach::{Reach, Wanted},
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Days that are looked through for denials at a time.
const DAYS: i64 = 32;
/// How far beyond now there may be rows, because the clock was set back.
const FUTURE_MS: i64 = 366 * 86_400_000;

/// Which denials are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct DenialParameters {
    /// Start: POSIX milliseconds or RFC 3339.
    #[param(value_type = Option<Moment>, inline)]
    from: Option<String>,
    /// End, exclusive: POSIX milliseconds or RFC 3339; everything up to now unless given.
    #[param(value_type = Option<Moment>, inline)]
    to: Option<String>,
    /// Days before the end, in place of `from`; 30 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 36_500)]
    past_days: Option<String>,
    /// Of this instance alone: its UUID or short form.
    instance_id: Option<String>,
    /// Of this account alone.
    #[param(max_length = 256)]
    account_id: Option<String>,
    /// Of this feature alone.
    #[param(max_length = 256)]
    meter: Option<String>,
    /// Of this host alone.
    #[param(max_length = 256)]
    host_id: Option<String>,
    /// Denials of the page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, example = 100)]
    limit: Option<String>,
    /// What the page before gave; nothing for the newest.
    #[param(pattern = "^[0-9]{1,15}-[0-9]{1,9}$")]
    next: Option<String>,
}

/// Where a page begins: with what happened at that time or before, without the first few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    at_ms: i64,
    skipped: usize,
}

/// List requests for features that were denied, newest first.
///
/// They are kept as long as the instance tracks denied requests.
#[utoipa::path(
    get,
    path = "/usage/api/v1/denials",
    operation_id = "listDenials",
    tag = "usage",
    params(DenialParameters),
    responses((status = 200, description = "A page of denials", body = Denials), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::UsageRead>,
    Params(given): Params<DenialParameters>,
) -> Result<Json<Denials>, Problem> {
    let mut c = Complaints::default();
    let (from, to) = (given.from.as_deref(), given.to.as_deref());
    let period = Period::read(&mut c, from, to, given.past_days.as_deref());
    let wanted = Wanted::read(&mut c, given.instance_id.as_deref(), given.account_id);
    let (meter, host_id) = (c.filter("meter", given.meter), c.filter("hostId", given.host_id));
    let limit = c.number("limit", given.limit.as_deref(), 1..=LIMIT_MAX).unwrap_or(LIMIT);
    let cursor = Cursor::read(&mut c, given.next.as_deref());
    c.check()?;
    let as_of_ms = app.now_ms();
    app.engine.projected().await?;
    let skipped = cursor.map_or(0, |cursor| cursor.skipped);
    let latest_ms = as_of_ms.saturating_add(FUTURE_MS);
    let until_ms = period.until_ms.unwrap_or(latest_ms).min(latest_ms);
    let until_ms = cursor.map_or(until_ms, |cursor| until_ms.min(cursor.at_ms.saturating_add(1)));
    let from_ms = period.start_ms(as_of_ms);
    let mut rows = match wanted.within(&app, &caller).await? {
        None => Vec::new(),
        Some(reach) => {
            let search = Search { reach, meter, host_id, from_ms, limit: skipped + limit + 1 };
            search.newest_before(&*app.store, until_ms).await?
        }
    };
    rows.drain(..skipped.min(rows.len()));
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|last| {
        let at_ms = last.usage_time_ms;
        let at_that_time = rows.iter().filter(|row| row.usage_time_ms == at_ms).count();
        let before = cursor.filter(|cursor| cursor.at_ms == at_ms).map_or(0, |it| it.skipped);
        Cursor { at_ms, skipped: before + at_that_time }.to_string()
    });
    let data = rows.into_iter().map(wire).collect();
    Ok(Json(Denials { as_of: Millis(as_of_ms), data, next }))
}

impl Cursor {
    fn read(complaints: &mut Complaints, text: Option<&str>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty())?;
        let read = || {
            let (at_ms, skipped) = text.split_once('-')?;
            let at_ms = at_ms.parse().ok().filter(|at_ms| *at_ms >= 0)?;
            Some(Self { at_ms, skipped: skipped.parse::<u32>().ok()? as usize })
        };
        let cursor = read();
        if cursor.is_none() {
            complaints.add("next", "must be as the page before gave it");
        }
        cursor
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at_ms, self.skipped)
    }
}

/// What is looked for.
struct Search {
    reach: Reach,
    meter: Option<String>,
    host_id: Option<String>,
    from_ms: i64,
    limit: usize,
}

impl Search {
    /// Denials from the newest on. Counts of denials say on which days and instances there are any.
    async fn newest_before(
        &self,
        store: &dyn Store,
        until_ms: i64,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let mut rows = Vec::new();
        let mut until_ms = until_ms;
        while until_ms > self.from_ms && rows.len() < self.limit {
            let days_from_ms = until_ms.saturating_sub(DAYS * Span::Day.length_ms());
            let from_ms = Span::Day.start_of(days_from_ms.max(self.from_ms));
            for (day_ms, instances) in self.days(store, from_ms, until_ms).await? {
                if rows.len() >= self.limit {
                    break;
                }
                self.add_day(store, day_ms, until_ms, &instances, &mut rows).await?;
            }
            until_ms = from_ms;
        }
        Ok(rows)
    }

    /// Days with denials, newest first, and the instances that denied.
    async fn days(
        &self,
        store: &dyn Store,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<(i64, BTreeSet<Uuid>)>, StoreError> {
        let Reach { instance_id, account_ids } = self.reach.clone();
        let of = RollupFilter { span: Span::Day, from_ms, until_ms, instance_id, account_ids };
        let meters = match &self.meter {
            Some(meter) => Meters::Named(vec![meter.clone()]),
            None => Meters::All,
        };
        let mut days: Vec<(i64, BTreeSet<Uuid>)> = Vec::new();
        for row in store.meter_denials(MeterFilter { of, meters }).await? {
            match days.last_mut().filter(|(day_ms, _)| *day_ms == row.starts_at_ms) {
                Some((_, instances)) => _ = instances.insert(row.instance_id),
                None => days.push((row.starts_at_ms, BTreeSet::from([row.instance_id]))),
            }
        }
        days.reverse();
        Ok(days)
    }

    /// Adds the denials of a day, those of all instances in the order of time.
    async fn add_day(
        &self,
        store: &dyn Store,
        day_ms: i64,
        until_ms: i64,
        instances: &BTreeSet<Uuid>,
        rows: &mut Vec<UsageRow>,
    ) -> Result<(), StoreError> {
        let limit = self.limit - rows.len();
        let mut from_ms = day_ms.max(self.from_ms);
        let mut of_day: Vec<UsageRow> = Vec::new();
        for instance_id in instances {
            let filter = UsageFilter {
                from_ms,
                until_ms: until_ms.min(day_ms.saturating_add(Span::Day.length_ms())),
                instance_id: Some(*instance_id),
                item: self.meter.clone(),
                consumer_id: self.host_id.clone(),
                kinds: vec![UsageKind::DeniedFeature],
                newest_first: true,
                limit,
                ..UsageFilter::default()
            };
            of_day.append(&mut store.usage(filter).await?);
            of_day.sort_by_key(|row| std::cmp::Reverse((row.usage_time_ms, row.row_id)));
            of_day.truncate(limit);
            // Nothing older than the last of a full page is wanted of the others.
            if let Some(last) = of_day.last().filter(|_| of_day.len() == limit) {
                from_ms = last.usage_time_ms;
            }
        }
        rows.append(&mut of_day);
        Ok(())
    }
}

fn wire(row: UsageRow) -> Denial {
    Denial {
        time: Millis(row.usage_time_ms),
        correlation_id: row.correlation_id,
        instance_id: row.instance_id,
        account_id: row.account_id,
        host_type: row.consumer_type,
        host_id: row.consumer_id,
        user: Some(row.user).filter(|user| !user.is_empty()),
        feature: row.item,
        version: row.item_version,
        wanted: (row.item_quantity / MICROS).unsigned_abs(),
        reason: row.request_response,
    }
}
