//! A trial: what giving back and taking would do, without doing it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Serving,
    parts::{Level, Part},
    stock::Stock,
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
    /// Parts that differ: by their feature and where they are in its list.
    changed: BTreeMap<(FeatureId, usize), Level>,
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
        Self { serving, reachable, changed: BTreeMap::new(), moves: Vec::new() }
    }

    fn level(&self, stock: &Stock, at: usize) -> Level {
        let changed = self.changed.get(&(stock.id, at));
        changed.copied().unwrap_or_else(|| stock.parts.get(at).level)
    }

    fn level_mut(&mut self, stock: &Stock, at: usize) -> &mut Level {
        self.changed.entry((stock.id, at)).or_insert_with(|| stock.parts.get(at).level)
    }

    /// Levels of a feature as they are and as they would be, where these differ.
    fn changes<'s>(&'s self, stock: &'s Stock) -> impl Iterator<Item = (Level, Level)> + 's {
        let changed = self.changed.range((stock.id, 0)..=(stock.id, usize::MAX));
        changed.map(|((_, at), level)| (stock.parts.get(*at).level, *level))
    }

    /// All counts of a feature, wherever they would be.
    fn count(&self, stock: &Stock) -> u64 {
        let count = |count, (before, after): (Level, Level)| count + after.count - before.count;
        self.changes(stock).fold(stock.parts.count(), count)
    }

    /// Features of a name that are not open, unless something that would come back makes them so;
    /// in the order in which they are served.
    pub(super) fn reopened(&self, name: &str) -> Vec<&'a Stock> {
        let mut stocks: Vec<&'a Stock> =
            self.changed.keys().filter_map(|(id, _)| self.serving.stock(*id)).collect();
        stocks.retain(|stock| !stock.is_listed_open && *stock.terms().name == *name);
        stocks.sort_by_key(|stock| stock.serving_key());
        stocks.dedup_by_key(|stock| stock.id);
        stocks
    }

    /// Counts come home.
    pub(super) fn give_back(&mut self, feature: FeatureId, place: &Place, count: u64) {
        let Some(stock) = self.serving.stock(feature) else { return };
        let Some(home) = stock.parts.at(place) else { return };
        let level = self.level_mut(stock, home);
        level.in_use = level.in_use.saturating_sub(count);
        self.settle(stock, home, count);
    }

    /// Lets counts that came home go where they belong: out, if the instance owns them no more;
    /// then to places that have too few, those that the client reaches first.
    fn settle(&mut self, stock: &Stock, home: usize, returned: u64) {
        let (part, level) = (stock.parts.get(home), self.level(stock, home));
        let floor = part.floor(level, stock.overdraft());
        let spare = level.count.saturating_sub(floor);
        let surplus = self.count(stock).saturating_sub(stock.owned());
        let lost = surplus.min(returned).min(spare);
        self.send(stock, home, None, lost);
        let left = level.count - lost;
        let mut left = left.saturating_sub(part.target.max(floor)).min(returned - lost);
        if left == 0 {
            return;
        }
        for to in self.in_need(stock, home) {
            let wanted = stock.parts.get(to).target.saturating_sub(self.level(stock, to).count);
            let moved = wanted.min(left);
            left -= moved;
            self.send(stock, home, Some(to), moved);
        }
    }

    fn send(&mut self, stock: &Stock, from: usize, to: Option<usize>, count: u64) {
        if count == 0 {
            return;
        }
        self.level_mut(stock, from).count -= count;
        if let Some(to) = to {
            self.level_mut(stock, to).count += count;
        }
        let place = |at: usize| stock.parts.get(at).place.clone();
        let (from, to) = (place(from), to.map(place));
        self.moves.push(Move { feature: stock.id, from, to, count });
    }

    /// The places with too few counts: of pools that the client reaches, then of the others.
    fn in_need(&self, stock: &Stock, home: usize) -> Vec<usize> {
        let is_moved = self.changes(stock).any(|(before, after)| before.count != after.count);
        if !stock.parts.has_needy() && !is_moved {
            return Vec::new();
        }
        let parts = stock.parts.list();
        let is_needy = |at: &usize| *at != home && parts[*at].is_needy(self.level(stock, *at));
        let is_reached = |part: &Part| self.reachable.contains(&part.place.pool);
        let mut needy: Vec<usize> = (0..parts.len()).filter(is_needy).collect();
        // The default pool comes last in both, since its part is the last.
        needy.sort_by_key(|at| (parts[*at].place.is_default(), !is_reached(&parts[*at])));
        needy
    }

    /// How much could be taken of a place.
    pub(super) fn free(&self, stock: &Stock, place: &Place, source: Source) -> u64 {
        let Some(at) = stock.parts.at(place) else { return 0 };
        let level = self.level(stock, at);
        match source {
            Source::Owned if stock.is_uncounted() => u64::MAX,
            Source::Owned => level.free(),
            Source::Overdraft if place.is_default() => {
                stock.overdraft_left(self.count(stock), level)
            }
            Source::Overdraft => 0,
        }
    }

    /// Takes what was found free.
    pub(super) fn take(&mut self, stock: &Stock, place: &Place, count: u64) {
        if let Some(at) = stock.parts.at(place) {
            let level = self.level_mut(stock, at);
            level.in_use = level.in_use.saturating_add(count);
        }
    }

    pub(super) fn give_back_hold(&mut self, hold: &Hold) {
        self.give_back(hold.feature, &hold.place, hold.count);
    }

    pub(super) fn undo(&mut self, used: &MeteredUse) {
        self.give_back(used.feature, &used.place, used.count);
    }
}
