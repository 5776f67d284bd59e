//! Stock: the counts of one feature of one line item, and where they are.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    feature::{FeatureId, FeatureLineItemTerms, FeatureTerms},
    lease::{Move, Place},
    line_item::LineItemState,
    model,
    serving::Share,
};

/// The counts of a feature in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) place: Place,
    /// What belongs here.
    pub(super) target: u64,
    /// What is here, in use or free. In the default pool less than what is in use if overdraft is.
    pub(super) count: u64,
    pub(super) in_use: u64,
}

/// A feature of a line item with its counts.
#[derive(Debug, Clone)]
pub(super) struct Stock {
    pub(super) id: FeatureId,
    line: Arc<FeatureLineItemTerms>,
    /// Index of the feature in its line item.
    index: usize,
    /// Its line item, or it alone, was taken away, and what is in use comes home to nothing.
    is_gone: bool,
    /// In the order in which places are served, the default pool last.
    pub(super) parts: Vec<Part>,
}

/// Whether a feature can be served now, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    Current,
    NotStarted,
    Expired,
    /// Not deployed, or taken away.
    Absent,
}

impl Stock {
    pub(super) fn new(id: FeatureId, line: Arc<FeatureLineItemTerms>, index: usize) -> Self {
        Self { id, line, index, is_gone: false, parts: Vec::new() }
    }

    /// What its line item says from now on.
    pub(super) fn put(&mut self, line: Arc<FeatureLineItemTerms>, index: usize) {
        (self.line, self.index, self.is_gone) = (line, index, false);
    }

    pub(super) fn take_away(&mut self) {
        self.is_gone = true;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(super) fn line(&self) -> &Arc<FeatureLineItemTerms> {
        &self.line
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn terms(&self) -> &FeatureTerms {
        &self.line.features[self.index]
    }

    /// The last millisecond at which it is served.
    pub(super) fn served_until_ms(&self) -> Option<i64> {
        self.line.served_until_ms(self.terms())
    }

    pub(super) fn term(&self, now_ms: i64) -> Term {
        if !self.is_deployed() {
            Term::Absent
        } else if now_ms < self.line.starts_at_ms {
            Term::NotStarted
        } else if self.served_until_ms().is_some_and(|until_ms| now_ms > until_ms) {
            Term::Expired
        } else {
            Term::Current
        }
    }

    pub(super) fn is_uncounted(&self) -> bool {
        self.terms().owned(1).is_none()
    }

    /// Without overdraft; zero for uncounted features, and for what is not deployed or was taken
    /// away.
    pub(super) fn owned(&self) -> u64 {
        match self.is_deployed() {
            true => self.terms().owned(self.line.copies).unwrap_or(0),
            false => 0,
        }
    }

    pub(super) fn overdraft(&self) -> u64 {
        match self.is_deployed() {
            _ if self.is_uncounted() => u64::MAX,
            true => self.terms().overdraft.of(self.owned()),
            false => 0,
        }
    }

    /// What is in use beyond all that may be.
    pub(super) fn overage(&self) -> u64 {
        self.in_use().saturating_sub(self.owned().saturating_add(self.overdraft()))
    }

    fn is_deployed(&self) -> bool {
        !self.is_gone && self.line.state == LineItemState::Deployed
    }

    pub(super) fn in_use(&self) -> u64 {
        in_use(&self.parts)
    }

    /// What pools and reservations look at.
    pub(super) fn as_slice(&self) -> model::Slice<'_> {
        model::Slice {
            feature: &self.terms().name,
            version: self.terms().version,
            count: self.owned(),
            starts_at_ms: self.line.starts_at_ms,
            ends_at_ms: self.served_until_ms(),
            vendor_string: &self.terms().vendor_string,
            product_name: &self.line.product_name,
            activation_id: &self.line.activation_id,
        }
    }

    /// Order in which features of one name are served: lower versions first, of one version those
    /// that end first.
    pub(super) fn serving_key(&self) -> (model::Version, i64, FeatureId) {
        (self.terms().version, self.served_until_ms().unwrap_or(i64::MAX), self.id)
    }

    /// Takes over how its counts are divided from now on.
    pub(super) fn divide(&mut self, shares: &[Share]) {
        let before = by_place(&self.parts);
        self.parts = shares.iter().map(|share| Part::of(share, &before)).collect();
    }
}

impl Part {
    fn of(share: &Share, before: &HashMap<&Place, &Self>) -> Self {
        let Share { place, target, count } = share.clone();
        let in_use = before.get(&place).map_or(0, |part| part.in_use);
        Self { place, target, count, in_use }
    }

    /// What can be taken here, without overdraft.
    pub(super) fn free(&self) -> u64 {
        self.count.saturating_sub(self.in_use)
    }

    /// What is used here beyond what is here: overdraft.
    pub(super) fn overdrawn(&self) -> u64 {
        self.in_use.saturating_sub(self.count)
    }

    /// What must be here because of what is in use.
    pub(super) fn floor(&self, overdraft: u64) -> u64 {
        let lent = if self.place.is_default() { overdraft } else { 0 };
        self.in_use.saturating_sub(lent)
    }
}

pub(super) fn in_use(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.in_use).sum()
}

fn by_place(parts: &[Part]) -> HashMap<&Place, &Part> {
    parts.iter().map(|part| (&part.place, part)).collect()
}

pub(super) fn part_at(parts: &[Part], place: &Place) -> Option<usize> {
    parts.iter().position(|part| part.place == *place)
}

/// How counts are divided if `targets` say what belongs where, in the order of places: what is in
/// use stays where it is, and what is free fills one place after the other.
pub(super) fn divided(stock: &Stock, targets: &[(Place, u64)]) -> Vec<Share> {
    let overdraft = stock.overdraft();
    let standing = by_place(&stock.parts);
    let floor_at = |place: &Place| standing.get(place).map_or(0, |part| part.floor(overdraft));
    let staying: HashSet<&Place> = targets.iter().map(|(place, _)| place).collect();
    let is_leaving = |part: &&Part| part.in_use > 0 && !staying.contains(&part.place);
    let leaving = stock.parts.iter().filter(is_leaving);
    let mut shares: Vec<Share> = leaving
        .map(|part| Share { place: part.place.clone(), target: 0, count: part.floor(overdraft) })
        .collect();
    let of_target = |(place, target): &(Place, u64)| Share {
        place: place.clone(),
        target: *target,
        count: floor_at(place),
    };
    shares.extend(targets.iter().map(of_target));
    let placed: u64 = shares.iter().map(|share| share.count).sum();
    let mut free = stock.owned().saturating_sub(placed);
    for share in &mut shares {
        let added = share.target.saturating_sub(share.count).min(free);
        share.count += added;
        free -= added;
    }
    // What belongs nowhere else is free for all.
    if let Some(last) = shares.iter_mut().find(|share| share.place.is_default()) {
        last.count += free;
    }
    shares
}

/// Lets counts that came home to a part go where they belong: out, if the instance owns them no
/// more; then to places that have too few, those the client reaches first.
///
/// `reachable` are the pools that the client may use, in their order.
pub(super) fn settle(
    (stock, parts): (&Stock, &mut [Part]),
    home: usize,
    returned: u64,
    reachable: &[Option<Arc<str>>],
    moves: &mut Vec<Move>,
) {
    let overdraft = stock.overdraft();
    let total: u64 = parts.iter().map(|part| part.count).sum();
    let spare = parts[home].count - parts[home].floor(overdraft).min(parts[home].count);
    let lost = total.saturating_sub(stock.owned()).min(returned).min(spare);
    let mut note = |from: &Place, to: Option<Place>, count| {
        moves.push(Move { feature: stock.id, from: from.clone(), to, count });
    };
    if lost > 0 {
        parts[home].count -= lost;
        note(&parts[home].place, None, lost);
    }
    let wanted_here = parts[home].target.max(parts[home].floor(overdraft));
    let mut left = parts[home].count.saturating_sub(wanted_here).min(returned - lost);
    for index in in_need(parts, home, reachable) {
        let moved = parts[index].target.saturating_sub(parts[index].count).min(left);
        if moved == 0 {
            continue;
        }
        left -= moved;
        parts[home].count -= moved;
        parts[index].count += moved;
        let to = parts[index].place.clone();
        note(&parts[home].place, Some(to), moved);
    }
}

/// The places with too few counts: of pools that the client reaches, then of the others.
fn in_need(parts: &[Part], home: usize, reachable: &[Option<Arc<str>>]) -> Vec<usize> {
    let is_reached = |part: &Part| reachable.contains(&part.place.pool);
    let mut needy: Vec<usize> = (0..parts.len())
        .filter(|index| *index != home && parts[*index].count < parts[*index].target)
        .collect();
    // The default pool comes last in both, since its part is the last.
    needy.sort_by_key(|index| (parts[*index].place.is_default(), !is_reached(&parts[*index])));
    needy
}
