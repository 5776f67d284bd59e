//! How periods are cut out of what the tables keep: whole days UTC as far as they reach, and quarters
//! of an hour at their ends.

use licet_store::Span;

use super::calendar::NamedPeriod;

/// A time of which the tables are read by one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) span: Span,
    pub(super) from_ms: i64,
    /// Exclusive.
    pub(super) until_ms: i64,
}

/// The stretches that make up periods, which follow one another. No day is read whole that belongs
/// to several.
pub(super) fn stretches(periods: &[NamedPeriod]) -> Vec<Stretch> {
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Vec::new() };
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut from_ms = first.from_ms;
    while from_ms < last.until_ms {
        let day_ms = Span::Day.start_of(from_ms);
        let next_day_ms = day_ms.saturating_add(Span::Day.length_ms());
        let is_cut = |period: &NamedPeriod| {
            (day_ms + 1..next_day_ms).contains(&period.from_ms)
                || (day_ms + 1..next_day_ms).contains(&period.until_ms)
        };
        // Only periods that end after the day began, and began before its end, can cut it.
        let at = periods.partition_point(|period| period.until_ms <= day_ms);
        let near = periods[at..].iter().take_while(|period| period.from_ms < next_day_ms);
        let span = if near.into_iter().any(is_cut) { Span::Quarter } else { Span::Day };
        let until_ms = next_day_ms.min(last.until_ms);
        match stretches.last_mut() {
            Some(before) if before.span == span => before.until_ms = until_ms,
            _ => stretches.push(Stretch { span, from_ms, until_ms }),
        }
        from_ms = until_ms;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn periods(bounds: &[i64]) -> Vec<NamedPeriod> {
        let period =
            |two: &[i64]| NamedPeriod { name: String::new(), from_ms: two[0], until_ms: two[1] };
        bounds.windows(2).map(period).collect()
    }

    fn cut(bounds: &[i64]) -> Vec<(Span, i64, i64)> {
        let stretches = stretches(&periods(bounds)).into_iter();
        stretches.map(|it| (it.span, it.from_ms, it.until_ms)).collect()
    }

    #[test]
    fn days_are_read_whole_where_they_are() {
        assert_eq!(cut(&[0, 31 * DAY, 59 * DAY]), [(Span::Day, 0, 59 * DAY)]);
        assert_eq!(cut(&[]), []);
    }

    #[test]
    fn days_that_are_cut_are_read_by_quarters() {
        let (a, b, c) = (10 * DAY - HOUR, 20 * DAY - 2 * HOUR, 20 * DAY + 9 * HOUR);
        assert_eq!(
            cut(&[a, b, c]),
            [
                (Span::Quarter, a, 10 * DAY),
                (Span::Day, 10 * DAY, 19 * DAY),
                (Span::Quarter, 19 * DAY, c),
            ]
        );
        let (a, b) = (5 * DAY + HOUR, 5 * DAY + 2 * HOUR);
        assert_eq!(cut(&[a, b]), [(Span::Quarter, a, b)]);
        let (a, b) = (5 * DAY, 6 * DAY + 2 * HOUR);
        assert_eq!(cut(&[a, b]), [(Span::Day, a, 6 * DAY), (Span::Quarter, 6 * DAY, b)]);
    }
}
