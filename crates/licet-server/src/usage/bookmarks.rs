//! Where pages of reports begin, as far as they were read before.
//!
//! The field asks for page after page by number alone. Rows have no numbers of their own within a
//! report, so page n would have to be counted from page 1 each time. A bookmark says after which
//! row a page begins; without one the way there is gone again from the nearest. Rows are only ever
//! added at the end of a report, so a bookmark stays right. All of this may be forgotten any time.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;

use super::{
    period::Period,
    reach::{Reach, Wanted},
    report_query::RowFilter,
};
use crate::security::Principal;

/// Reports that are remembered.
const REPORTS_MAX: usize = 256;
/// Pages of one report that are remembered.
const PAGES_MAX: usize = 1_024;
/// Readers whose period is held still.
const READERS_MAX: usize = 1_024;
/// How long a period is held still after a page was read, in milliseconds.
const READING_MS: i64 = 15 * 60_000;

/// A report of a period that stands still. Who may see it is all in its reach.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Report {
    pub(super) reach: Reach,
    pub(super) rows: RowFilter,
    pub(super) from_ms: i64,
    pub(super) until_ms: Option<i64>,
    pub(super) page_size: usize,
}

/// Somebody who reads one report page by page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reader {
    name: String,
    is_user: bool,
    period: Period,
    wanted: Wanted,
    rows: RowFilter,
}

impl Reader {
    pub(super) fn new(caller: &Principal, period: Period, wanted: Wanted, rows: RowFilter) -> Self {
        let (name, is_user) = (caller.name.clone(), caller.is_user());
        Self { name, is_user, period, wanted, rows }
    }
}

#[derive(Debug, Default)]
pub(super) struct Bookmarks {
    reports: Mutex<Reports>,
    readers: Mutex<HashMap<Reader, Reading>>,
}

#[derive(Debug, Default)]
struct Reports {
    by_report: HashMap<Report, Pages>,
    /// Counts up with each use, to find what was used least recently.
    uses: u64,
}

#[derive(Debug, Default)]
struct Pages {
    /// The row after which each page begins.
    starts: BTreeMap<u64, i64>,
    last_use: u64,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    from_ms: i64,
    last_ms: i64,
}

impl Bookmarks {
    /// The first millisecond of the reader's period. A period that slides with the clock is held
    /// still from page 1 on, or rows that drop out at its start would shift all pages.
    pub(super) fn start_ms(&self, reader: Reader, page: u64, now_ms: i64) -> i64 {
        let from_ms = reader.period.start_ms(now_ms);
        if !reader.period.is_sliding() {
            return from_ms;
        }
        let mut readers = self.readers.lock();
        if readers.len() >= READERS_MAX && !readers.contains_key(&reader) {
            readers.retain(|_, reading| reading.last_ms.saturating_add(READING_MS) > now_ms);
            if readers.len() >= READERS_MAX {
                readers.clear();
            }
        }
        let reading = readers.entry(reader).or_insert(Reading { from_ms, last_ms: now_ms });
        if page == 1 || reading.last_ms.saturating_add(READING_MS) <= now_ms {
            reading.from_ms = from_ms;
        }
        reading.last_ms = now_ms;
        reading.from_ms
    }

    /// The nearest page not after `page` of which it is known after which row it begins.
    pub(super) fn nearest(&self, report: &Report, page: u64) -> (u64, i64) {
        let mut reports = self.reports.lock();
        reports.uses += 1;
        let uses = reports.uses;
        let found = reports.by_report.get_mut(report).and_then(|pages| {
            pages.last_use = uses;
            pages.starts.range(..=page).next_back().map(|(page, after)| (*page, *after))
        });
        found.unwrap_or((1, 0))
    }

    /// Notes that a page begins after this row.
    pub(super) fn note(&self, report: &Report, page: u64, after: i64) {
        let mut reports = self.reports.lock();
        let is_known = reports.by_report.contains_key(report);
        if !is_known && reports.by_report.len() >= REPORTS_MAX {
            reports.forget_one();
        }
        reports.uses += 1;
        let uses = reports.uses;
        let pages = reports.by_report.entry(report.clone()).or_default();
        pages.last_use = uses;
        pages.starts.insert(page, after);
        if pages.starts.len() > PAGES_MAX {
            pages.starts.pop_first();
        }
    }
}

impl Reports {
    fn forget_one(&mut self) {
        let oldest = self.by_report.iter().min_by_key(|(_, pages)| pages.last_use);
        if let Some(report) = oldest.map(|(report, _)| report.clone()) {
            self.by_report.remove(&report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        security::{Caller, Role, Scope},
        usage::{parameter::Complaints, period::Start},
    };

    fn report(from_ms: i64) -> Report {
        Report {
            reach: Reach { instance_id: None, account_ids: Vec::new() },
            rows: RowFilter::default(),
            from_ms,
            until_ms: None,
            page_size: 7,
        }
    }

    fn reader(name: &str, period: Period) -> Reader {
        let role = Role::Viewer;
        let caller = Principal {
            name: name.to_owned(),
            caller: Caller::User(role),
            permissions: role.permissions(),
            scope: Scope::Site,
        };
        Reader::new(&caller, period, Wanted::default(), RowFilter::default())
    }

    #[test]
    fn the_nearest_page_before_is_found() {
        let bookmarks = Bookmarks::default();
        assert_eq!(bookmarks.nearest(&report(0), 5), (1, 0));
        bookmarks.note(&report(0), 2, 70);
        bookmarks.note(&report(0), 4, 210);
        assert_eq!(bookmarks.nearest(&report(0), 1), (1, 0));
        assert_eq!(bookmarks.nearest(&report(0), 3), (2, 70));
        assert_eq!(bookmarks.nearest(&report(0), 4), (4, 210));
        assert_eq!(bookmarks.nearest(&report(0), 900), (4, 210));
        assert_eq!(bookmarks.nearest(&report(1), 4), (1, 0));
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_use_stays() {
        let bookmarks = Bookmarks::default();
        for from_ms in 0..2 * 256 {
            bookmarks.note(&report(-1), 2, 7);
            bookmarks.note(&report(from_ms), 2, 7);
        }
        assert_eq!(bookmarks.reports.lock().by_report.len(), REPORTS_MAX);
        assert_eq!(bookmarks.nearest(&report(-1), 2), (2, 7));
        for page in 2..5_000 {
            bookmarks.note(&report(-1), page, 7);
        }
        assert_eq!(bookmarks.reports.lock().by_report[&report(-1)].starts.len(), PAGES_MAX);
    }

    #[test]
    fn a_sliding_period_stands_still_while_it_is_read() {
        let mut complaints = Complaints::default();
        let sliding = Period::read(&mut complaints, None, None, Some("1"));
        let bookmarks = Bookmarks::default();
        let day = 86_400_000;
        let from_ms = |name, page, now_ms| bookmarks.start_ms(reader(name, sliding), page, now_ms);
        assert_eq!(from_ms("ada", 1, day), 0);
        assert_eq!(from_ms("ada", 2, day + 5), 0);
        assert_eq!(from_ms("ada", 3, day + READING_MS), 0);
        assert_eq!(from_ms("grace", 3, day + 5), 5);
        assert_eq!(from_ms("ada", 1, day + READING_MS), READING_MS);
        assert_eq!(from_ms("ada", 2, day + 3 * READING_MS), 3 * READING_MS);
        let fixed = Period { start: Start::At(9), until_ms: None };
        assert_eq!(bookmarks.start_ms(reader("ada", fixed), 2, day), 9);
        for number in 0..3 * READERS_MAX {
            bookmarks.start_ms(reader(&number.to_string(), sliding), 1, day);
        }
        assert!(bookmarks.readers.lock().len() <= READERS_MAX);
    }
}
