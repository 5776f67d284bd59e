//! Rate tables: what one unit of an item costs in tokens.

use std::collections::HashMap;

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

/// All rate tables of the site, found by item first: most items are priced in few series.
#[derive(Debug, Clone, Default)]
pub struct RateTables {
    series: Vec<Series>,
    series_by_name: HashMap<Box<str>, usize>,
    /// For each name of an item, the series that price it at some time, in some version.
    items: HashMap<Box<str>, Vec<ItemPrices>>,
}

/// The tables of a series, by the moment from which each can be chosen.
#[derive(Debug, Clone)]
struct Series {
    name: Box<str>,
    effective_from_ms: Vec<i64>,
}

/// The prices of one item in the tables of one series, in their order.
#[derive(Debug, Clone)]
struct ItemPrices {
    series: usize,
    tables: Vec<TablePrices>,
}

/// Versions of an item are few, so a short list beats a map.
#[derive(Debug, Clone)]
struct TablePrices {
    table: usize,
    versions: Vec<(Box<str>, Price)>,
}

impl RateTables {
    /// Of two tables of a series that take effect at the same moment, the one created later
    /// stands; a tie there goes to the one given later.
    #[must_use]
    pub fn new(tables: impl IntoIterator<Item = RateTable>) -> Self {
        let mut tables: Vec<_> = tables.into_iter().collect();
        tables.sort_by_key(|table| (table.effective_from_ms, table.created_ms));
        let mut all = Self::default();
        tables.into_iter().for_each(|table| all.add(table));
        let series = &all.series;
        for prices in all.items.values_mut() {
            prices.sort_by(|a, b| series[a.series].name.cmp(&series[b.series].name));
        }
        all
    }

    fn add(&mut self, table: RateTable) {
        let name = table.series.into_boxed_str();
        let index = *self.series_by_name.entry(name.clone()).or_insert_with(|| {
            self.series.push(Series { name, effective_from_ms: Vec::new() });
            self.series.len() - 1
        });
        let series = &mut self.series[index];
        series.effective_from_ms.push(table.effective_from_ms);
        let place = series.effective_from_ms.len() - 1;
        for item in table.items {
            let prices = self.items.entry(item.name.into_boxed_str()).or_default();
            let version = (item.version.into_boxed_str(), item.price);
            versions_of(prices, index, place).push(version);
        }
    }

    /// The series that may price an item of this name, in the order of their names: no other does,
    /// at any time.
    pub(crate) fn pricing_of(
        &self,
        item: &str,
    ) -> impl ExactSizeIterator<Item = Pricing<'_>> + Clone + use<'_> {
        let prices = self.items.get(item).map_or(&[][..], Vec::as_slice);
        prices.iter().map(|prices| Pricing { series: &self.series[prices.series], prices })
    }

    /// The price of an item in the table of `series` that took effect last.
    ///
    /// Name and version must match exactly; there are no wildcards.
    #[must_use]
    pub fn price(&self, series: &str, now_ms: i64, item: &str, version: &str) -> Option<&Price> {
        let index = *self.series_by_name.get(series)?;
        let prices = self.items.get(item)?.iter().find(|prices| prices.series == index)?;
        Pricing { series: &self.series[index], prices }.price(now_ms, version)
    }

    /// Whether any series prices the item now.
    #[must_use]
    pub fn is_priced_anywhere(&self, now_ms: i64, item: &str, version: &str) -> bool {
        self.pricing_of(item).any(|pricing| pricing.price(now_ms, version).is_some())
    }
}

/// How a series prices an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pricing<'a> {
    series: &'a Series,
    prices: &'a ItemPrices,
}

impl<'a> Pricing<'a> {
    pub(crate) fn series(self) -> &'a str {
        &self.series.name
    }

    /// The price of a version in the table that took effect last.
    pub(crate) fn price(self, now_ms: i64, version: &str) -> Option<&'a Price> {
        let begun = self.series.effective_from_ms.partition_point(|from_ms| *from_ms <= now_ms);
        let effective = begun.checked_sub(1)?;
        let tables = &self.prices.tables;
        let at = tables.binary_search_by_key(&effective, |prices| prices.table).ok()?;
        let versions = &tables[at].versions;
        versions.iter().find(|(candidate, _)| &**candidate == version).map(|(_, price)| price)
    }
}

/// Where the versions of an item in a table go; tables come in their order.
fn versions_of(
    prices: &mut Vec<ItemPrices>,
    series: usize,
    table: usize,
) -> &mut Vec<(Box<str>, Price)> {
    let at = prices.iter().position(|prices| prices.series == series).unwrap_or_else(|| {
        prices.push(ItemPrices { series, tables: Vec::new() });
        prices.len() - 1
    });
    let tables = &mut prices[at].tables;
    if tables.last().is_none_or(|last| last.table != table) {
        tables.push(TablePrices { table, versions: Vec::new() });
    }
    let last = tables.len() - 1;
    &mut tables[last].versions
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
        let series: Vec<_> = tables.pricing_of("Render").map(Pricing::series).collect();
        assert_eq!(series, ["", "Studio"]);
        assert!(tables.is_priced_anywhere(60, "Render", "2.0"));
        assert!(!tables.is_priced_anywhere(49, "Render", "2.0"));
    }
}
