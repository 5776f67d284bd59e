//! Walks over the line items that may pay for an item, in the order of consumption.

use std::collections::btree_map::Range;

use crate::{
    access_request::RequestedItem,
    instance::{ConsumptionKey, Instance, Merged, Queue, Wanted},
    rate_table::Price,
    site::Context,
};

/// With more series than this on either side all line items are walked, of which many are then
/// likely to price the item.
pub(super) const SERIES_MAX: usize = 64;

/// A line item that may pay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) slot: usize,
    /// The price of the item by the line item's series, if it was looked up already.
    pub(super) price: Option<&'a Price>,
}

type Line<'a> = Range<'a, ConsumptionKey, usize>;

/// Line items that have not ended, of series that price the item at a price that is wanted. There
/// may be others among them.
pub(super) enum Walk<'a> {
    None,
    One(Line<'a>, &'a Price),
    Many(Merged<'a>, Vec<&'a Price>),
    /// All that are deployed, whatever they price.
    All(Line<'a>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        instance: &'a Instance,
        context: Context<'a>,
        wanted: Wanted,
        item: &RequestedItem,
        is_wanted: impl Fn(&Price) -> bool,
    ) -> Self {
        let Context { now_ms, site, .. } = context;
        let earliest_end_ms = now_ms.saturating_sub(site.tolerance_ms());
        let pricing = site.rate_tables.pricing_of(&item.item);
        let line = |queue: &'a Queue| queue.from(wanted, earliest_end_ms);
        if pricing.len() <= SERIES_MAX {
            Self::over(pricing.filter_map(|pricing| {
                let price =
                    pricing.price(now_ms, &item.version).filter(|price| is_wanted(price))?;
                Some((line(instance.queue_of(pricing.series())?), price))
            }))
        } else if instance.queues().len() <= SERIES_MAX {
            Self::over(instance.queues().filter_map(|(series, queue)| {
                let price = site.rate_tables.price(series, now_ms, &item.item, &item.version);
                Some((line(queue), price.filter(|price| is_wanted(price))?))
            }))
        } else {
            Self::All(line(instance.queue()))
        }
    }

    fn over(lines: impl Iterator<Item = (Line<'a>, &'a Price)>) -> Self {
        let mut lines = lines;
        match (lines.next(), lines.next()) {
            (None, _) => Self::None,
            (Some((line, price)), None) => Self::One(line, price),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(lines);
                let (lines, prices): (Vec<_>, Vec<_>) = all.unzip();
                Self::Many(Merged::of(lines.into_iter()), prices)
            }
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Candidate<'a>;

    fn next(&mut self) -> Option<Candidate<'a>> {
        match self {
            Self::None => None,
            Self::One(line, price) => {
                line.next().map(|(_, slot)| Candidate { slot: *slot, price: Some(price) })
            }
            Self::Many(merged, prices) => {
                let (slot, index) = merged.next()?;
                Some(Candidate { slot, price: prices.get(index).copied() })
            }
            Self::All(line) => line.next().map(|(_, slot)| Candidate { slot: *slot, price: None }),
        }
    }
}
