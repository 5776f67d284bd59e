//! One page of the report.

use licet_protocol::{UsageHeader, UsageLinks, UsageReport};
use licet_store::UsageFilter;

use super::{
    bookmarks::{Bookmarks, Reader, Report},
    reach::Reach,
    report_query::ReportQuery,
    row::{self, MeterType},
};
use crate::{
    App, Problem,
    security::{Principal, Scope},
};

/// Rows that are gone over at a time on the way to a page.
const STRIDE: u64 = 2_000;

/// What the store is asked for the rows of a report after a row.
pub(super) fn filter(report: &Report, after_row_id: i64, limit: usize) -> UsageFilter {
    UsageFilter {
        from_ms: report.from_ms,
        until_ms: report.until_ms.unwrap_or(i64::MAX),
        instance_id: report.reach.instance_id,
        account_ids: report.reach.account_ids.clone(),
        item: report.rows.item.clone(),
        consumer_id: report.rows.consumer_id.clone(),
        activation_id: report.rows.activation_id.clone(),
        kinds: report.rows.meter_type.map_or_else(Vec::new, MeterType::kinds),
        after_row_id,
        newest_first: false,
        limit,
    }
}

/// Page n has the rows from (n - 1) × size + 1 to n × size, in the order of the journal. Only the
/// last page grows.
///
/// # Errors
/// 503 `store_unavailable`
pub(super) async fn read(
    app: &App,
    caller: &Principal,
    bookmarks: &Bookmarks,
    query: &ReportQuery,
    reach: Option<Reach>,
) -> Result<UsageReport, Problem> {
    let (wanted, rows) = (query.wanted.clone(), query.rows.clone());
    let reader = Reader::new(caller, query.period, wanted, rows.clone());
    let from_ms = bookmarks.start_ms(reader, query.page_number, app.now_ms());
    let (until_ms, page_size) = (query.period.until_ms, query.page_size);
    let report = reach.map(|reach| Report { reach, rows, from_ms, until_ms, page_size });
    let previous =
        (query.page_number > 1).then(|| query.link(query.page_number - 1, from_ms, None));
    let (mut data, mut next) = (Vec::new(), None);
    if let Some(report) = report
        && let Some(after) = start(app, bookmarks, query, &report).await?
    {
        // One more tells whether there is another page.
        let mut rows = app.store.usage(filter(&report, after, page_size + 1)).await?;
        let has_more = rows.len() > page_size;
        rows.truncate(page_size);
        if let Some(last) = rows.last().filter(|_| has_more) {
            let page_number = query.page_number + 1;
            // Row ids count the rows of the whole site, which is not everybody's business; the
            // bookmark does for others.
            let after = (caller.scope == Scope::Site).then_some(last.row_id);
            next = Some(query.link(page_number, from_ms, after));
            // Whoever makes up an `after` shall not mislead others.
            if query.after.is_none() {
                bookmarks.note(&report, page_number, last.row_id);
            }
        }
        data = rows.into_iter().map(row::wire).collect::<Result<_, _>>()?;
    }
    Ok(UsageReport { header: UsageHeader { links: UsageLinks { previous, next } }, data })
}

/// The row after which the page begins; `None` if the report ends before.
async fn start(
    app: &App,
    bookmarks: &Bookmarks,
    query: &ReportQuery,
    report: &Report,
) -> Result<Option<i64>, Problem> {
    if query.after.is_some() {
        return Ok(query.after);
    }
    let (page, mut after) = bookmarks.nearest(report, query.page_number);
    let mut to_skip = (query.page_number - page) * report.page_size as u64;
    while to_skip > 0 {
        let stride = to_skip.min(STRIDE);
        let rows = app.store.usage(filter(report, after, stride as usize)).await?;
        match rows.last() {
            Some(last) if rows.len() as u64 == stride => after = last.row_id,
            _ => return Ok(None),
        }
        to_skip -= stride;
    }
    if query.page_number > page {
        bookmarks.note(report, query.page_number, after);
    }
    Ok(Some(after))
}
