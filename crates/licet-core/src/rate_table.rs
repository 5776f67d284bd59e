//! Rate tables: what one unit of an item costs in tokens.

use std::collections::{BTreeSet, HashMap};

use crate::{Formula, fixed::Tokens};

/// What one unit of an item costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    Rate(Tokens),
    /// Gives the rate from variables that come with the request.
    Formula(Formula),
}

#[derive(Debug, Clone, PartialEq)]
pub struct RateItem {
    pub name: String,
    /// Empty for an item without a version.
    pub version: String,
    pub price: Price,
}

/// An immutable price list. (series, version) is its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct RateTable {
    /// Empty for the tables without a series, which form a sequence of their own.
    pub series: String,
    pub version: String,
    /// POSIX milliseconds from which on it can be chosen.
    pub effective_from_ms: i64,
    pub created_ms: i64,
    pub items: Vec<RateItem>,
}

/// All rate tables of the site, ready for look-ups.
#[derive(Debug, Clone, Default)]
pub struct RateTables {
    by_series: HashMap<Box<str>, Vec<PriceList>>,
    /// The series that price an item of this name at some time, in some version.
    series_of: HashMap<Box<str>, Vec<Box<str>>>,
}

#[derive(Debug, Clone)]
struct PriceList {
    effective_from_ms: i64,
    /// Versions of an item are few, so a short list beats a second map.
    items: HashMap<Box<str>, Vec<(Box<str>, Price)>>,
}

impl RateTables {
    /// Of two tables of a series that take effect at the same moment, the one created later
    /// stands; a tie there goes to the one given later.
    #[must_use]
    pub fn new(tables: impl IntoIterator<Item = RateTable>) -> Self {
        let mut tables: Vec<_> = tables.into_iter().collect();
        tables.sort_by_key(|table| (table.effective_from_ms, table.created_ms));
        let mut by_series: HashMap<Box<str>, Vec<PriceList>> = HashMap::new();
        let mut series_of: HashMap<Box<str>, BTreeSet<Box<str>>> = HashMap::new();
        for table in tables {
            for item in &table.items {
                let series = series_of.entry(item.name.clone().into_boxed_str()).or_default();
                series.insert(table.series.clone().into_boxed_str());
            }
            let series = table.series.clone().into_boxed_str();
            by_series.entry(series).or_default().push(PriceList::new(table));
        }
        let series_of =
            series_of.into_iter().map(|(item, series)| (item, series.into_iter().collect()));
        Self { by_series, series_of: series_of.collect() }
    }

    /// The series that may price an item of this name: no other does, at any time.
    pub(crate) fn series_of(&self, item: &str) -> &[Box<str>] {
        self.series_of.get(item).map_or(&[], Vec::as_slice)
    }

    /// The price of an item in the table of `series` that took effect last.
    ///
    /// Name and version must match exactly; there are no wildcards.
    #[must_use]
    pub fn price(&self, series: &str, now_ms: i64, item: &str, version: &str) -> Option<&Price> {
        effective(self.by_series.get(series)?, now_ms)?.price(item, version)
    }

    /// Whether any series prices the item now.
    #[must_use]
    pub fn is_priced_anywhere(&self, now_ms: i64, item: &str, version: &str) -> bool {
        let mut series = self.series_of(item).iter();
        series.any(|series| self.price(series, now_ms, item, version).is_some())
    }
}

fn effective(lists: &[PriceList], now_ms: i64) -> Option<&PriceList> {
    let count = lists.partition_point(|list| list.effective_from_ms <= now_ms);
    count.checked_sub(1).map(|last| &lists[last])
}

impl PriceList {
    fn new(table: RateTable) -> Self {
        let mut items: HashMap<Box<str>, Vec<(Box<str>, Price)>> = HashMap::new();
        for item in table.items {
            let versions = items.entry(item.name.into_boxed_str()).or_default();
            versions.push((item.version.into_boxed_str(), item.price));
        }
        Self { effective_from_ms: table.effective_from_ms, items }
    }

    fn price(&self, item: &str, version: &str) -> Option<&Price> {
        let versions = self.items.get(item)?;
        versions.iter().find(|(candidate, _)| &**candidate == version).map(|(_, price)| price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(series: &str, version: &str, effective_from_ms: i64, rate: i64) -> RateTable {
        RateTable {
            series: series.to_owned(),
            version: version.to_owned(),
            effective_from_ms,
            created_ms: 0,
            items: vec![RateItem {
                name: "Render".to_owned(),
                version: "2.0".to_owned(),
                price: Price::Rate(Tokens::from_micros(rate)),
            }],
        }
    }

    #[test]
    fn the_latest_effective_table_of_the_series_prices_whatever_its_version_says() {
        let tables = RateTables::new([
            table("Studio", "9", 100, 1),
            table("Studio", "1", 200, 2),
            table("", "1", 50, 3),
        ]);
        let rate = |series, now_ms| tables.price(series, now_ms, "Render", "2.0");
        assert_eq!(rate("Studio", 99), None);
        assert_eq!(rate("Studio", 199), Some(&Price::Rate(Tokens::from_micros(1))));
        assert_eq!(rate("Studio", 200), Some(&Price::Rate(Tokens::from_micros(2))));
        assert_eq!(rate("", 200), Some(&Price::Rate(Tokens::from_micros(3))));
        assert_eq!(tables.price("Studio", 300, "Render", ""), None);
        assert!(tables.is_priced_anywhere(60, "Render", "2.0"));
        assert!(!tables.is_priced_anywhere(49, "Render", "2.0"));
    }
}
