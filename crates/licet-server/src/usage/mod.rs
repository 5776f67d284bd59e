//! The usage door: the report that the field reads, roll-ups, consumers, balances, summaries of
//! meters by calendar, and denials.
//!
//! All of it is read from the tables that the projector keeps. Every answer first waits until
//! they hold what was durable when the question came, so no report is behind what a caller was
//! told. Who is confined to accounts sees these alone; a filter on anything else finds nothing.

mod balances;
mod bookmarks;
mod calendar;
mod consumers;
mod csv;
mod denials;
mod meter_sums;
mod overview;
mod parameter;
mod period;
mod pieces;
mod reach;
mod report;
mod report_page;
mod report_query;
mod rollups;
mod row;
mod slices;
mod stretches;
mod summaries;
mod summary_csv;

use std::sync::Arc;

use axum::Extension;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::bookmarks::Bookmarks;
use crate::App;

/// The compatible report, and `/usage/api/v1`.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report::report))
        .layer(Extension(Arc::new(Bookmarks::default())))
        .routes(routes!(rollups::list))
        .routes(routes!(consumers::list))
        .routes(routes!(balances::list))
        .routes(routes!(summaries::list))
        .routes(routes!(overview::show))
        .routes(routes!(denials::list))
}
