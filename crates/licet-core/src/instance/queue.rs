//! Line items in order of consumption.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, btree_map::Range},
    sync::Arc,
};

use crate::line_item::LineItem;

/// Order of consumption: the line item that ends first, then the one that starts first.
pub(crate) type ConsumptionKey = (i64, i64, Arc<str>);

pub(super) fn key_of(line: &LineItem) -> ConsumptionKey {
    (line.terms.ends_at_ms, line.terms.starts_at_ms, line.terms.activation_id.clone())
}

/// Places of line items that are deployed, in order of consumption.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    consumable: BTreeMap<ConsumptionKey, usize>,
    /// Those of them with tokens left, so that a request does not walk over empty ones.
    open: BTreeMap<ConsumptionKey, usize>,
}

/// Which line items of a queue are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Consumable,
    /// Those with tokens left.
    Open,
}

impl Queue {
    pub(super) fn put(&mut self, line: &LineItem, slot: usize) {
        let key = key_of(line);
        if line.has_room() {
            self.open.insert(key.clone(), slot);
        } else {
            self.open.remove(&key);
        }
        self.consumable.insert(key, slot);
    }

    pub(super) fn remove(&mut self, line: &LineItem) {
        let key = key_of(line);
        self.consumable.remove(&key);
        self.open.remove(&key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.consumable.is_empty()
    }

    /// Those that do not end before `earliest_end_ms`.
    pub(crate) fn from(
        &self,
        wanted: Wanted,
        earliest_end_ms: i64,
    ) -> Range<'_, ConsumptionKey, usize> {
        let from: ConsumptionKey = (earliest_end_ms, i64::MIN, Arc::default());
        match wanted {
            Wanted::Consumable => self.consumable.range(from..),
            Wanted::Open => self.open.range(from..),
        }
    }
}

/// Places of several queues as if they were one.
pub(crate) struct Merged<'a> {
    queues: Vec<Range<'a, ConsumptionKey, usize>>,
    /// The first of each queue, with the queue's index.
    heads: BinaryHeap<Reverse<(&'a ConsumptionKey, usize, usize)>>,
}

impl<'a> Merged<'a> {
    pub(crate) fn of(queues: impl Iterator<Item = Range<'a, ConsumptionKey, usize>>) -> Self {
        let mut merged = Self { queues: queues.collect(), heads: BinaryHeap::new() };
        (0..merged.queues.len()).for_each(|index| merged.advance(index));
        merged
    }

    fn advance(&mut self, index: usize) {
        if let Some((key, slot)) = self.queues[index].next() {
            self.heads.push(Reverse((key, *slot, index)));
        }
    }
}

impl Iterator for Merged<'_> {
    /// A place, and which of the queues it is from.
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let Reverse((_, slot, index)) = self.heads.pop()?;
        self.advance(index);
        Some((slot, index))
    }
}
