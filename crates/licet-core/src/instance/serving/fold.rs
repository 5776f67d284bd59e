//! Folding: how records change features, clients, pools and reservations. Nothing is decided here.

use std::sync::Arc;

use super::{ActiveModel, Serving, clients::Report, parts::Parts, stock::Stock};
use crate::{
    feature::{FeatureId, FeatureLineItem, FeatureLineItemTerms, LicenseModel, Metered},
    lease::{Hold, Move, Place},
    model::Model,
    reservation::{ReservationGroup, ReservationGroupId},
    serving::{Division, LeasesEnded, MeteredUse, Served},
};

impl Serving {
    pub(in crate::instance) fn fold_line_item(
        &mut self,
        at_ms: i64,
        terms: &FeatureLineItemTerms,
        ids: &[FeatureId],
    ) {
        let terms = Arc::new(terms.clone());
        let standing = self.lines.get(&terms.activation_id);
        let created_ms = standing.map_or(at_ms, |line| line.created_ms);
        let before = standing.map_or_else(Vec::new, |line| line.ids.clone());
        before.iter().filter(|id| !ids.contains(id)).for_each(|id| self.take_away(*id));
        for (index, id) in ids.iter().enumerate() {
            self.counters.feature = self.counters.feature.max(id.0);
            self.put_stock(*id, &terms, index);
        }
        let line = FeatureLineItem {
            terms: terms.clone(),
            ids: ids.to_vec(),
            created_ms,
            modified_ms: at_ms,
        };
        self.lines.insert(terms.activation_id.clone(), line);
    }

    pub(in crate::instance) fn fold_line_item_deleted(&mut self, activation_id: &str) {
        if let Some(line) = self.lines.remove(activation_id) {
            line.ids.iter().for_each(|id| self.take_away(*id));
        }
    }

    fn put_stock(&mut self, id: FeatureId, line: &Arc<FeatureLineItemTerms>, index: usize) {
        if let Some(place) = self.by_id.get(&id).copied() {
            self.unlist(place);
            if let Some(stock) = &mut self.stocks[place] {
                stock.put(line.clone(), index);
            }
            return self.list(place);
        }
        let place = self.stocks.len();
        self.by_id.insert(id, place);
        self.stocks.push(Some(Stock::new(id, line.clone(), index)));
        self.list(place);
    }

    /// A feature that is no more; it stays until all of it has come home.
    fn take_away(&mut self, id: FeatureId) {
        if let Some(stock) = self.stock_mut(id) {
            stock.take_away();
        }
        self.let_go(id);
    }

    fn let_go(&mut self, id: FeatureId) {
        let is_over =
            |stock: &Stock| stock.is_gone() && (stock.in_use() == 0 || !stock.terms().is_held());
        if self.stock(id).is_some_and(is_over)
            && let Some(place) = self.by_id.remove(&id)
        {
            self.unlist(place);
            let stock = self.stocks[place].take();
            if let Some(stock) = stock
                && let Some(named) = self.by_name.get_mut(&stock.terms().name)
            {
                named.in_use -= stock.in_use();
            }
        }
    }

    pub(super) fn list(&mut self, place: usize) {
        self.list_served(place);
        self.list_open(place);
    }

    fn list_served(&mut self, place: usize) {
        let Some(stock) = &self.stocks[place] else { return };
        let name = stock.terms().name.clone();
        let key = stock.serving_key();
        let named = self.by_name.entry(name).or_default();
        let keys = |place: &usize| self.stocks[*place].as_ref().map(Stock::serving_key);
        let at = named.stocks.partition_point(|other| keys(other) < Some(key));
        named.stocks.insert(at, place);
    }

    fn unlist(&mut self, place: usize) {
        let Some(stock) = &mut self.stocks[place] else { return };
        stock.is_listed_open = false;
        if let Some(named) = self.by_name.get_mut(&stock.terms().name) {
            named.stocks.retain(|other| *other != place);
            named.open.remove(&stock.serving_key());
        }
    }

    /// Lists a feature among those that are open if it is.
    fn list_open(&mut self, place: usize) {
        let Some(stock) = &mut self.stocks[place] else { return };
        let is_open = stock.is_open();
        if std::mem::replace(&mut stock.is_listed_open, is_open) == is_open {
            return;
        }
        let Some(named) = self.by_name.get_mut(&stock.terms().name) else { return };
        match is_open {
            true => named.open.insert(stock.serving_key()),
            false => named.open.remove(&stock.serving_key()),
        };
    }

    /// Changes the counts of a feature, if it is there.
    fn change_parts(&mut self, id: FeatureId, change: impl FnOnce(&mut Parts)) {
        let Some(place) = self.by_id.get(&id).copied() else { return };
        if let Some(stock) = &mut self.stocks[place] {
            change(&mut stock.parts);
        }
        self.list_open(place);
    }

    pub(in crate::instance) fn fold_divisions(&mut self, divisions: &[Division]) {
        for division in divisions {
            self.change_parts(division.feature, |parts| parts.divide(&division.shares));
        }
    }

    pub(in crate::instance) fn fold_model(&mut self, at_ms: i64, text: Option<&Arc<str>>) {
        // It was read when it was put; a release that cannot read it serves without pools.
        let read = |text: &Arc<str>| {
            let model = Arc::new(Model::parse(text).ok()?);
            Some(ActiveModel { model, text: text.clone(), since_ms: at_ms })
        };
        self.model = text.and_then(read);
    }

    pub(in crate::instance) fn fold_group(&mut self, group: &ReservationGroup) {
        self.counters.group = self.counters.group.max(group.id.0);
        let ids = group.reservations.iter().map(|reservation| reservation.id.0);
        self.counters.reservation = ids.fold(self.counters.reservation, u64::max);
        self.groups.add(group.clone());
    }

    pub(in crate::instance) fn fold_group_deleted(&mut self, id: ReservationGroupId) {
        self.groups.remove(id);
    }

    pub(in crate::instance) fn fold_served(&mut self, served: &Served) {
        served.given_back.iter().for_each(|hold| self.unuse(hold.feature, &hold.place, hold.count));
        for (_, used) in &served.undone {
            self.unuse(used.feature, &used.place, used.count);
        }
        self.move_counts(&served.moves);
        served.taken.iter().for_each(|hold| self.add_use(hold.feature, &hold.place, hold.count));
        served.used.iter().for_each(|used| self.add_use(used.feature, &used.place, used.count));
        self.change_client(served);
        served.given_back.iter().for_each(|hold| self.let_go(hold.feature));
    }

    fn change_client(&mut self, served: &Served) {
        if !served.has_effects() {
            return;
        }
        let reports: Vec<Report> =
            served.used.iter().filter_map(|used| self.report(served, used)).collect();
        self.clients.change(served.client, &served.asker, served.at_ms, |client| {
            client.last_seen_ms = served.at_ms;
            give_back(&mut client.holds, &served.given_back);
            served.taken.iter().for_each(|hold| take(&mut client.holds, hold));
            client.reports.extend(reports);
            for (id, undone) in &served.undone {
                let is_meant = |report: &&mut Report| {
                    report.correlation_id == *id
                        && report.used.feature == undone.feature
                        && report.used.place == undone.place
                };
                if let Some(report) = client.reports.iter_mut().find(is_meant) {
                    report.used.count = report.used.count.saturating_sub(undone.count);
                }
            }
            client.reports.retain(|report| report.used.count > 0);
        });
    }

    /// What can be undone of a use, if anything can.
    fn report(&self, served: &Served, used: &MeteredUse) -> Option<Report> {
        let stock = self.stock(used.feature)?;
        let LicenseModel::Metered(Metered { undo_interval_ms, .. }) = stock.terms().model else {
            return None;
        };
        let undo_until_ms = served.at_ms.saturating_add(undo_interval_ms);
        let correlation_id = served.correlation_id;
        (undo_interval_ms > 0).then(|| Report { correlation_id, undo_until_ms, used: used.clone() })
    }

    pub(in crate::instance) fn fold_leases_ended(&mut self, ended: &LeasesEnded) {
        ended.holds.iter().for_each(|hold| self.unuse(hold.feature, &hold.place, hold.count));
        self.move_counts(&ended.moves);
        // Who was dropped is not seen by that.
        let seen_ms = self.clients.get(ended.client).map_or(ended.at_ms, |it| it.last_seen_ms);
        self.clients.change(ended.client, &ended.asker, seen_ms, |client| {
            give_back(&mut client.holds, &ended.holds);
        });
        ended.holds.iter().for_each(|hold| self.let_go(hold.feature));
    }

    fn add_use(&mut self, feature: FeatureId, place: &Place, count: u64) {
        self.change_use(feature, place, |in_use| in_use.saturating_add(count));
    }

    fn unuse(&mut self, feature: FeatureId, place: &Place, count: u64) {
        self.change_use(feature, place, |in_use| in_use.saturating_sub(count));
    }

    fn change_use(&mut self, feature: FeatureId, place: &Place, change: impl FnOnce(u64) -> u64) {
        let mut more = 0;
        self.change_parts(feature, |parts| more = parts.change_use(place, change));
        let Some(name) = self.name_of(feature).cloned() else { return };
        if let Some(named) = self.by_name.get_mut(&name) {
            named.in_use = super::whole(i128::from(named.in_use) + more);
        }
    }

    fn move_counts(&mut self, moves: &[Move]) {
        for Move { feature, from, to, count } in moves {
            self.change_parts(*feature, |parts| parts.move_counts(from, to.as_ref(), *count));
        }
    }
}

/// Takes holds out of those of a client.
fn give_back(holds: &mut Vec<Hold>, given_back: &[Hold]) {
    for gone in given_back {
        if let Some(at) = holds.iter().position(|hold| hold == gone) {
            holds.remove(at);
        }
    }
}

/// Adds a hold to those of a client, as one with what ends together with it.
fn take(holds: &mut Vec<Hold>, taken: &Hold) {
    let is_alike = |hold: &&mut Hold| {
        hold.feature == taken.feature
            && hold.place == taken.place
            && hold.expires_at_ms == taken.expires_at_ms
            && hold.renew_after_s == taken.renew_after_s
    };
    match holds.iter_mut().find(is_alike) {
        Some(hold) => hold.count += taken.count,
        None => holds.push(taken.clone()),
    }
}
