//! The counts of one feature, place by place.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{lease::Place, serving::Share};

/// How many parts are looked through; more are found by their place.
const LOOKED_THROUGH_MAX: usize = 8;

/// The counts of a feature in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) place: Place,
    /// What belongs here.
    pub(super) target: u64,
    pub(super) level: Level,
}

/// How many there are in a place, and how many of them are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Level {
    /// In use or free. In the default pool less than what is in use if overdraft is.
    pub(super) count: u64,
    pub(super) in_use: u64,
}

/// All parts in the order in which places are served, the default pool last. It keeps sums, so that
/// a decision costs the same however many reservations there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    list: Vec<Part>,
    /// Where the part of a place is, if there are too many to look through.
    index: HashMap<Place, usize>,
    sums: Sums,
    /// Parts that have less than belongs to them.
    needy: usize,
}

/// Sums of all parts; what is uncounted is used without bound.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: u128,
    in_use: u128,
    /// What can be taken, without overdraft.
    free: u128,
}

impl Level {
    /// What can be taken, without overdraft.
    pub(super) fn free(self) -> u64 {
        self.count.saturating_sub(self.in_use)
    }

    /// What is used beyond what is there: overdraft.
    pub(super) fn overdrawn(self) -> u64 {
        self.in_use.saturating_sub(self.count)
    }
}

impl Part {
    /// What must be here because of what is in use.
    pub(super) fn floor(&self, level: Level, overdraft: u64) -> u64 {
        let lent = if self.place.is_default() { overdraft } else { 0 };
        level.in_use.saturating_sub(lent)
    }

    pub(super) fn is_needy(&self, level: Level) -> bool {
        level.count < self.target
    }

    fn is_drained(&self) -> bool {
        !self.place.is_default() && self.target == 0 && self.level == Level::default()
    }
}

impl Parts {
    pub(super) fn new(list: Vec<Part>) -> Self {
        let mut parts = Self { list, ..Self::default() };
        parts.find_places();
        for at in 0..parts.list.len() {
            parts.add_up(at);
        }
        parts
    }

    pub(super) fn list(&self) -> &[Part] {
        &self.list
    }

    pub(super) fn get(&self, at: usize) -> &Part {
        &self.list[at]
    }

    pub(super) fn at(&self, place: &Place) -> Option<usize> {
        match self.index.is_empty() {
            true => self.list.iter().position(|part| part.place == *place),
            false => self.index.get(place).copied(),
        }
    }

    pub(super) fn count(&self) -> u64 {
        clamped(self.sums.count)
    }

    pub(super) fn in_use(&self) -> u64 {
        clamped(self.sums.in_use)
    }

    pub(super) fn has_free(&self) -> bool {
        self.sums.free > 0
    }

    pub(super) fn has_needy(&self) -> bool {
        self.needy > 0
    }

    /// The counts that are free for all, where nothing else is said.
    pub(super) fn default_level(&self) -> Level {
        self.list.last().map_or_else(Level::default, |part| part.level)
    }

    /// Changes how many of a place are in use. Tells by how much more or less that is.
    pub(super) fn change_use(&mut self, place: &Place, change: impl FnOnce(u64) -> u64) -> i128 {
        let Some(at) = self.at(place) else { return 0 };
        let before = self.list[at].level.in_use;
        self.change(at, |level| level.in_use = change(level.in_use));
        i128::from(self.list[at].level.in_use) - i128::from(before)
    }

    /// Moves counts to another place, or to nothing.
    pub(super) fn move_counts(&mut self, from: &Place, to: Option<&Place>, count: u64) {
        if let Some(at) = to.and_then(|to| self.at(to)) {
            self.change(at, |level| level.count = level.count.saturating_add(count));
        }
        let Some(at) = self.at(from) else { return };
        self.change(at, |level| level.count = level.count.saturating_sub(count));
        // A place that holds nothing and to which nothing belongs was only left to drain.
        if self.list[at].is_drained() {
            self.list.remove(at);
            self.find_places();
        }
    }

    /// Takes over how counts are divided from now on.
    pub(super) fn divide(&mut self, shares: &[Share]) {
        let part = |Share { place, target, count }: &Share| {
            let standing = self.at(place).map(|at| self.list[at].level.in_use);
            let level = Level { count: *count, in_use: standing.unwrap_or(0) };
            Part { place: place.clone(), target: *target, level }
        };
        *self = Self::new(shares.iter().map(part).collect());
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut Level)) {
        self.take_off(at);
        change(&mut self.list[at].level);
        self.add_up(at);
    }

    fn take_off(&mut self, at: usize) {
        let part = &self.list[at];
        self.sums.count -= u128::from(part.level.count);
        self.sums.in_use -= u128::from(part.level.in_use);
        self.sums.free -= u128::from(part.level.free());
        self.needy -= usize::from(part.is_needy(part.level));
    }

    fn add_up(&mut self, at: usize) {
        let part = &self.list[at];
        self.sums.count += u128::from(part.level.count);
        self.sums.in_use += u128::from(part.level.in_use);
        self.sums.free += u128::from(part.level.free());
        self.needy += usize::from(part.is_needy(part.level));
    }

    fn find_places(&mut self) {
        self.index.clear();
        if self.list.len() > LOOKED_THROUGH_MAX {
            let places = self.list.iter().enumerate().map(|(at, part)| (part.place.clone(), at));
            self.index.extend(places);
        }
    }
}

fn clamped(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}
