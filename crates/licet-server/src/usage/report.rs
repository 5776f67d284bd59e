//! The usage report, row by row, as the field's Data Access API has it.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use licet_protocol::UsageReport;

use super::{
    bookmarks::{Bookmarks, Report},
    csv,
    pieces::{PieceError, Pieces},
    reach::Reach,
    report_page,
    report_query::{Format, ReportParameters, ReportQuery},
    row,
};
use crate::{
    App, Problem,
    extract::Params,
    operations::ReadProblems,
    security::{Authorized, perm},
};

/// Rows of CSV that are read and sent at a time.
const CSV_ROWS: usize = 1_000;

/// Report usage row by row.
///
/// One row for each item of a request on each line item that paid for it, for each refund
/// (`meterQuantity` is negative), and for each item that was refused (no `activationId`). Rows
/// come in the order in which they were recorded, and never change.
///
/// Features have rows as well (`meterType` is `feature`, and no tokens): for each that was wanted on
/// each line item that counts came from, and for each line item that has counts back. There
/// `requestResponse` is `GRANTED` or `PARTIAL_GRANT` (with what was newly taken), why it was denied
/// (with what was wanted), `RETURNED`, `EXPIRED` or `DROPPED` (with what came home), or `UNDONE` (with
/// what was taken back, below zero).
///
/// JSON comes in pages. `pageNumber` counts from the start of the period; only the last page
/// grows, and past it `data` is empty. A period of `pastDays` stands still while its pages are
/// read one after the other. Following `next` is the quickest way, and ends where it is null.
///
/// CSV (`format=csv`) is one page with all rows of the period, whatever `pageSize` says, with a
/// header line and quotes as in RFC 4180. Texts that a spreadsheet would take for a formula
/// (beginning with `=`, `+`, `-` or `@`) get an apostrophe before them. An answer that breaks
/// off is not complete.
#[utoipa::path(
    get,
    path = "/data/api/v1/report/usage",
    operation_id = "getUsageReport",
    tag = "usage",
    params(ReportParameters),
    responses(
        (status = 200, description = "The rows", content(
            (UsageReport = "application/json"),
            (String = "text/csv"),
        )),
        ReadProblems,
    ),
    security(("basic" = []), ("bearer" = []))
)]
pub(super) async fn report(
    State(app): State<App>,
    Extension(bookmarks): Extension<Arc<Bookmarks>>,
    caller: Authorized<perm::UsageRead>,
    Params(parameters): Params<ReportParameters>,
) -> Result<Response, Problem> {
    let query = ReportQuery::read(parameters)?;
    app.engine.projected().await?;
    let reach = query.wanted.clone().within(&app, &caller).await?;
    match query.format {
        Format::Json => {
            let page = report_page::read(&app, &caller, &bookmarks, &query, reach).await?;
            Ok(Json(page).into_response())
        }
        Format::Csv => send_csv(app, query, reach).await,
    }
}

async fn send_csv(app: App, query: ReportQuery, reach: Option<Reach>) -> Result<Response, Problem> {
    let from_ms = query.period.start_ms(app.now_ms());
    let until_ms = query.period.until_ms;
    let rows = query.rows;
    // Everything is on page 1, so that reading until a page is empty ends here too.
    let reach = reach.filter(|_| query.page_number == 1);
    let report = reach.map(|reach| Report { reach, rows, from_ms, until_ms, page_size: CSV_ROWS });
    let lines = CsvLines { app, report, after: query.after.unwrap_or(0), is_begun: false };
    let mut response = lines.send("text/csv; charset=utf-8; header=present").await?;
    let disposition = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// The report as lines of CSV.
struct CsvLines {
    app: App,
    /// What is still to be read; `None` at the end.
    report: Option<Report>,
    after: i64,
    is_begun: bool,
}

impl Pieces for CsvLines {
    async fn next(&mut self) -> Result<Option<String>, PieceError> {
        let mut lines = String::new();
        if !self.is_begun {
            self.is_begun = true;
            csv::write_header(&mut lines);
        }
        if let Some(report) = &self.report {
            let filter = report_page::filter(report, self.after, report.page_size);
            let rows = self.app.store.usage(filter).await?;
            if rows.len() < report.page_size {
                self.report = None;
            }
            for row in rows {
                self.after = row.row_id;
                csv::write_row(&row::wire(row)?, &mut lines);
            }
        }
        Ok((!lines.is_empty()).then_some(lines))
    }
}
