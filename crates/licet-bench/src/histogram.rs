//! Latencies, counted in buckets of fixed number.

/// Each power of two has this many buckets (as a power of two), so a value is known to 1/64.
const SUB_BITS: u32 = 6;
const SUBS: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUBS;

/// How often each latency was seen, in nanoseconds, exact to 1.6 % over the whole range of `u64`.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    longest_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), total: 0, longest_ns: 0 }
    }
}

fn bucket(value_ns: u64) -> usize {
    if value_ns < SUBS as u64 {
        return value_ns as usize;
    }
    let shift = value_ns.ilog2() - SUB_BITS;
    (shift as usize + 1) * SUBS + (value_ns >> shift) as usize % SUBS
}

/// The largest value that falls into a bucket.
fn last_of(bucket: usize) -> u64 {
    let (power, sub) = (bucket / SUBS, (bucket % SUBS) as u64);
    match power.checked_sub(1) {
        None => sub,
        Some(shift) => ((SUBS as u64 + sub) << shift) + ((1 << shift) - 1),
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, value_ns: u64) {
        self.counts[bucket(value_ns)] += 1;
        self.total += 1;
        self.longest_ns = self.longest_ns.max(value_ns);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }

    /// The value that the part `share` (0 to 1) of all does not pass; 0 if there are none.
    pub(crate) fn quantile_ns(&self, share: f64) -> u64 {
        let rank = (share * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return last_of(place).min(self.longest_ns);
            }
        }
        self.longest_ns
    }

    pub(crate) fn longest_ns(&self) -> u64 {
        self.longest_ns
    }

    #[cfg(test)]
    fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_a_bucket_that_ends_close_above_it() {
        let powers = (0..64).flat_map(|power| {
            let value = 1_u64 << power;
            [value - 1, value, value + 1, value + value / 3]
        });
        for value in powers.chain([u64::MAX]) {
            let end = last_of(bucket(value));
            assert!(end >= value, "{value} is above {end}");
            assert!(end - value <= value / SUBS as u64, "{end} is far above {value}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for place in 1..BUCKETS {
            assert_eq!(bucket(last_of(place - 1) + 1), place);
        }
    }

    #[test]
    fn quantiles_of_a_known_distribution() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|value| histogram.add(value * 1_000));
        let near = |found: u64, wanted: u64| found >= wanted && found - wanted <= wanted / 60;
        assert!(near(histogram.quantile_ns(0.5), 500_000), "{}", histogram.quantile_ns(0.5));
        assert!(near(histogram.quantile_ns(0.99), 990_000), "{}", histogram.quantile_ns(0.99));
        assert_eq!(histogram.quantile_ns(1.0), 1_000_000);
        assert_eq!(histogram.longest_ns(), 1_000_000);
    }

    #[test]
    fn two_histograms_together_are_as_one() {
        let (mut left, mut right, mut all) = <(Histogram, Histogram, Histogram)>::default();
        for value in 0..10_000_u64 {
            let half = if value % 3 == 0 { &mut left } else { &mut right };
            half.add(value * value);
            all.add(value * value);
        }
        left.merge(&right);
        assert_eq!(left.total(), 10_000);
        for share in [0.0, 0.1, 0.5, 0.9, 0.999, 1.0] {
            assert_eq!(left.quantile_ns(share), all.quantile_ns(share));
        }
    }

    #[test]
    fn nothing_seen_is_zero() {
        assert_eq!(Histogram::default().quantile_ns(0.99), 0);
    }
}
