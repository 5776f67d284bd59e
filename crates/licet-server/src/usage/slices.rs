//! Sums over a long time, read and sent a slice of time after the other.

use licet_protocol::Millis;
use licet_store::{Pending, RollupFilter, Span, Store};
use serde::Serialize;

use super::{
    period::Period,
    pieces::{PieceError, Pieces},
    reach::Reach,
};
use crate::App;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Rows of a slice below which the next one is longer.
const ROWS_FEW: usize = 1_000;
/// Rows of a slice above which the next one is shorter.
const ROWS_MANY: usize = 10_000;
/// Longest slice.
const SLICE_MS_MAX: i64 = 32 * DAY_MS;
/// How far beyond now there may be rows, because the clock was set back.
const FUTURE_MS: i64 = 366 * DAY_MS;

/// A table of sums.
pub(super) trait Sums: Send + 'static {
    type Row: Send;
    type Out: Serialize + Send;

    fn read(store: &dyn Store, filter: RollupFilter) -> Pending<'_, Vec<Self::Row>>;
    fn wire(row: Self::Row) -> Self::Out;
}

/// `{"asOf":…,"data":[…]}` with the rows of a table of sums.
pub(super) struct Slices<T> {
    app: App,
    /// What comes next; its start moves on.
    filter: RollupFilter,
    /// `None` if there is nothing that the caller may see.
    reach: Option<Reach>,
    until_ms: i64,
    length_ms: i64,
    as_of_ms: i64,
    progress: Progress,
    table: std::marker::PhantomData<fn() -> T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Beginning,
    /// Rows were written already.
    Rows,
    Ended,
}

impl<T: Sums> Slices<T> {
    /// From the span that the period begins in. Everything that was durable at `as_of_ms` must
    /// be in the tables by now.
    pub(super) fn new(
        app: App,
        span: Span,
        period: &Period,
        reach: Option<Reach>,
        as_of_ms: i64,
    ) -> Self {
        let latest_ms = as_of_ms.saturating_add(FUTURE_MS);
        let (instance_id, account_ids) = match &reach {
            Some(reach) => (reach.instance_id, reach.account_ids.clone()),
            None => (None, Vec::new()),
        };
        let from_ms = span.start_of(period.start_ms(as_of_ms));
        Self {
            app,
            filter: RollupFilter { span, from_ms, until_ms: from_ms, instance_id, account_ids },
            reach,
            until_ms: period.until_ms.map_or(latest_ms, |until_ms| until_ms.min(latest_ms)),
            length_ms: span.length_ms(),
            as_of_ms,
            progress: Progress::Beginning,
            table: std::marker::PhantomData,
        }
    }

    /// The next slice that has rows; none at the end.
    async fn rows(&mut self) -> Result<Vec<T::Row>, PieceError> {
        while self.reach.is_some() && self.filter.from_ms < self.until_ms {
            let end_ms = self.filter.from_ms.saturating_add(self.length_ms).min(self.until_ms);
            let filter = RollupFilter { until_ms: end_ms, ..self.filter.clone() };
            let rows = T::read(&*self.app.store, filter).await?;
            self.filter.from_ms = end_ms;
            self.adapt(rows.len());
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    fn adapt(&mut self, rows: usize) {
        if rows < ROWS_FEW {
            self.length_ms = (self.length_ms * 2).min(SLICE_MS_MAX);
        } else if rows > ROWS_MANY {
            self.length_ms = (self.length_ms / 2).max(HOUR_MS);
        }
    }
}

impl<T: Sums> Pieces for Slices<T> {
    async fn next(&mut self) -> Result<Option<String>, PieceError> {
        if self.progress == Progress::Ended {
            return Ok(None);
        }
        let mut piece = String::new();
        if self.progress == Progress::Beginning {
            let as_of = serde_json::to_string(&Millis(self.as_of_ms))?;
            piece = format!("{{\"asOf\":{as_of},\"data\":[");
        }
        let rows = self.rows().await?;
        if rows.is_empty() {
            self.progress = Progress::Ended;
            piece.push_str("]}");
            return Ok(Some(piece));
        }
        for row in rows {
            if self.progress == Progress::Rows {
                piece.push(',');
            }
            piece.push_str(&serde_json::to_string(&T::wire(row))?);
            self.progress = Progress::Rows;
        }
        Ok(Some(piece))
    }
}
