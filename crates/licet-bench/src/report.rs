//! What was found, ready to be shown.

use serde::Serialize;

use crate::{histogram::Histogram, machine::Machine, plan::Part};

/// Everything that one run found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Release of licet.
    pub licet: &'static str,
    /// Where it was measured.
    pub machine: Machine,
    /// Releases of the rivals that were measured.
    pub rivals: Vec<String>,
    /// Rates, in the order in which they were measured.
    pub figures: Vec<Figure>,
    /// What is no rate.
    pub facts: Vec<Fact>,
    /// What had to be true.
    pub checks: Vec<Check>,
    /// Parts that were not measured.
    pub left_out: Vec<LeftOut>,
}

/// How fast something was.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// The part that it belongs to.
    pub part: &'static str,
    /// Unlike that of any other figure.
    pub name: String,
    /// What is counted, in the plural.
    pub unit: &'static str,
    /// Connections, each with one request in flight.
    pub connections: usize,
    /// How long it was measured, all rounds together.
    pub seconds: f64,
    /// Median of the rounds.
    pub per_second: f64,
    /// Each round.
    pub rounds_per_second: Vec<f64>,
    /// Each fifth of the time, all rounds together; empty if that was too short.
    pub fifths_per_second: Vec<f64>,
    /// Of a request, microseconds; half of them took no longer.
    pub p50_us: f64,
    /// Of a request, microseconds.
    pub p99_us: f64,
    /// Of a request, microseconds.
    pub longest_us: f64,
    /// Processor seconds of the measured process, and of the database server that works for it,
    /// for a million operations.
    pub processor_s_per_million: Option<f64>,
    /// Resident memory of the measured process afterwards.
    pub memory_bytes: Option<u64>,
    /// `fdatasync` of 4 KiB just before, microseconds, median.
    pub disk_p50_us: f64,
    /// How it stands to others.
    pub ratios: Vec<Ratio>,
    /// Most places of the journal that the projector was behind.
    pub projector_lag_max: Option<u64>,
    /// How long the projector took to catch up afterwards, milliseconds; the longest of the rounds.
    pub caught_up_ms: Option<f64>,
}

/// How a figure stands to another one of the same run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ratio {
    /// Name of the other figure.
    pub to: String,
    /// Operations per second, this by that.
    pub ratio: f64,
    /// What it shall be at least.
    pub target: Option<f64>,
}

/// A number that is no rate.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// The part that it belongs to.
    pub part: &'static str,
    /// What it says.
    pub what: String,
    /// The number.
    pub value: f64,
    /// What it counts.
    pub unit: &'static str,
}

/// Something that had to be true.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The part that it belongs to.
    pub part: &'static str,
    /// What had to be.
    pub what: String,
    /// Whether it was.
    pub is_met: bool,
    /// What was found.
    pub found: String,
}

/// A part that was not measured.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The part.
    pub part: &'static str,
    /// Why.
    pub reason: String,
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            licet: env!("CARGO_PKG_VERSION"),
            machine,
            rivals: Vec::new(),
            figures: Vec::new(),
            facts: Vec::new(),
            checks: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Whether everything that had to be true was true.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.is_met)
    }

    /// The rate of a figure.
    pub(crate) fn rate(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.name == name)?;
        Some(figure.per_second)
    }

    pub(crate) fn check(&mut self, part: Part, what: &str, is_met: bool, found: String) {
        let (part, what) = (part.name(), what.to_owned());
        self.checks.push(Check { part, what, is_met, found });
    }

    pub(crate) fn fact(&mut self, part: Part, what: String, value: f64, unit: &'static str) {
        self.facts.push(Fact { part: part.name(), what, value, unit });
    }

    pub(crate) fn leave_out(&mut self, part: Part, reason: String) {
        self.left_out.push(LeftOut { part: part.name(), reason });
    }
}

impl Figure {
    /// The ratio to a figure by its name.
    #[must_use]
    pub fn ratio_to(&self, name: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.to == name)
    }

    pub(crate) fn latencies(&mut self, histogram: &Histogram) {
        let quantile_us = |share| histogram.quantile_ns(share) as f64 / 1e3;
        self.p50_us = quantile_us(0.5);
        self.p99_us = quantile_us(0.99);
        self.longest_us = histogram.longest_ns() as f64 / 1e3;
    }
}

impl Ratio {
    /// Whether the target is reached, if there is one.
    #[must_use]
    pub fn is_reached(&self) -> Option<bool> {
        self.target.map(|target| self.ratio >= target)
    }
}

/// The middle of some numbers, or the mean of the two in the middle; 0 for none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Rates in five equal pieces of the time; none if there are fewer counts than that.
pub(crate) fn fifths(counts: &[u64], seconds_each: f64) -> Vec<f64> {
    let length = counts.len() / 5;
    if length == 0 {
        return Vec::new();
    }
    let rate = |piece: &[u64]| piece.iter().sum::<u64>() as f64 / (length as f64 * seconds_each);
    counts.chunks_exact(length).take(5).map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_round_does_not_move_the_median() {
        assert_eq!(median(&[100.0, 3.0, 101.0]), 100.0);
        assert_eq!(median(&[1.0, 3.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn fifths_show_when_a_rate_falls() {
        let counts = [9, 9, 9, 9, 9, 9, 5, 5, 1, 1];
        assert_eq!(fifths(&counts, 0.5), [18.0, 18.0, 18.0, 10.0, 2.0]);
        assert!(fifths(&counts[..4], 0.5).is_empty());
    }

    #[test]
    fn a_target_is_reached_or_not_or_not_there() {
        let ratio = |target| Ratio { to: "echo".to_owned(), ratio: 0.6, target };
        assert_eq!(ratio(Some(0.6)).is_reached(), Some(true));
        assert_eq!(ratio(Some(0.7)).is_reached(), Some(false));
        assert_eq!(ratio(None).is_reached(), None);
    }

    #[test]
    fn one_check_that_is_not_met_spoils_the_report() {
        let mut report = Report::new(Machine::of_data(std::path::Path::new("/")));
        report.check(Part::Hot, "tokens agree", true, String::new());
        assert!(report.is_sound());
        report.check(Part::Hot, "answers are right", false, String::new());
        assert!(!report.is_sound());
    }
}
