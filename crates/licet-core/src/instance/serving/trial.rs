//! A trial: what giving back and taking would do, without doing it.

use std::sync::Arc;

use super::{
    Serving,
    stock::{Part, Stock, part_at, settle},
};
use crate::{
    feature::FeatureId,
    lease::{Hold, Move, Place},
    serving::MeteredUse,
};

/// The counts of features as they would be.
#[derive(Clone)]
pub(super) struct Trial<'a> {
    serving: &'a Serving,
    /// Pools that the client may use, in their order.
    reachable: &'a [Option<Arc<str>>],
    /// Parts of the stocks that differ.
    touched: Vec<(FeatureId, Vec<Part>)>,
    pub(super) moves: Vec<Move>,
}

/// Which counts of a place are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Owned,
    Overdraft,
}

impl<'a> Trial<'a> {
    pub(super) fn new(serving: &'a Serving, reachable: &'a [Option<Arc<str>>]) -> Self {
        Self { serving, reachable, touched: Vec::new(), moves: Vec::new() }
    }

    pub(super) fn parts<'s>(&'s self, stock: &'s Stock) -> &'s [Part] {
        let touched = self.touched.iter().find(|(id, _)| *id == stock.id);
        touched.map_or(&stock.parts, |(_, parts)| parts)
    }

    fn parts_mut(&mut self, stock: &Stock) -> &mut Vec<Part> {
        let place = self.touched.iter().position(|(id, _)| *id == stock.id);
        let place = place.unwrap_or_else(|| {
            self.touched.push((stock.id, stock.parts.clone()));
            self.touched.len() - 1
        });
        &mut self.touched[place].1
    }

    /// Counts come home.
    pub(super) fn give_back(&mut self, feature: FeatureId, place: &Place, count: u64) {
        let Some(stock) = self.serving.stock(feature) else { return };
        let reachable = self.reachable;
        let mut moves = std::mem::take(&mut self.moves);
        let parts = self.parts_mut(stock);
        if let Some(home) = part_at(parts, place) {
            parts[home].in_use = parts[home].in_use.saturating_sub(count);
            settle((stock, parts), home, count, reachable, &mut moves);
        }
        self.moves = moves;
    }

    /// How much could be taken of a place.
    pub(super) fn free(&self, stock: &Stock, place: &Place, source: Source) -> u64 {
        let Some(part) = self.parts(stock).iter().find(|part| part.place == *place) else {
            return 0;
        };
        match source {
            Source::Owned if stock.is_uncounted() => u64::MAX,
            Source::Owned => part.free(),
            Source::Overdraft if part.place.is_default() => self.overdraft_left(stock, part),
            Source::Overdraft => 0,
        }
    }

    /// What is owned no more, and still in use, uses up the overdraft as well.
    fn overdraft_left(&self, stock: &Stock, part: &Part) -> u64 {
        let standing: u64 = self.parts(stock).iter().map(|part| part.count).sum();
        let surplus = standing.saturating_sub(stock.owned());
        stock.overdraft().saturating_sub(part.overdrawn()).saturating_sub(surplus)
    }

    /// Takes what was found free.
    pub(super) fn take(&mut self, stock: &Stock, place: &Place, count: u64) {
        let parts = self.parts_mut(stock);
        if let Some(at) = part_at(parts, place) {
            parts[at].in_use = parts[at].in_use.saturating_add(count);
        }
    }

    pub(super) fn give_back_hold(&mut self, hold: &Hold) {
        self.give_back(hold.feature, &hold.place, hold.count);
    }

    pub(super) fn undo(&mut self, used: &MeteredUse) {
        self.give_back(used.feature, &used.place, used.count);
    }
}
