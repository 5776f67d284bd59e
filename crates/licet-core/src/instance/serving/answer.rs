//! What a client is told of what it has.

use std::sync::Arc;

use super::{
    Serving,
    requirement::{Sources, Taking, Wish},
    stock::Stock,
    trial::Trial,
};
use crate::{
    feature::{COUNT_MAX, FeatureLineItemTerms},
    feature_answer::{FeatureCount, GrantedFeature, LineItemInfo},
    feature_request::WantedFeature,
    lease::Hold,
    serving::MeteredUse,
};

/// What a client has of one feature of a line item.
struct Having<'a> {
    stock: &'a Stock,
    count: u64,
    expires_at_ms: Option<i64>,
    renew_after_s: u32,
}

impl Serving {
    /// All that a client has, features that are alike together.
    ///
    /// `trial` is how counts stand when the client has it. Of names of which more line items than
    /// `walked_max` have something free, the most that it could have is left open.
    pub(super) fn granted(
        &self,
        holds: &[Hold],
        used: &[MeteredUse],
        trial: &Trial<'_>,
        sources: &Sources<'_>,
        walked_max: usize,
    ) -> Vec<GrantedFeature> {
        let held = holds.iter().filter_map(|hold| {
            let stock = self.stock(hold.feature)?;
            let (expires_at_ms, renew_after_s) = (hold.expires_at_ms, hold.renew_after_s);
            Some(Having { stock, count: hold.count, expires_at_ms, renew_after_s })
        });
        let consumed = used.iter().filter_map(|used| {
            let stock = self.stock(used.feature)?;
            let expires_at_ms = stock.served_until_ms();
            Some(Having { stock, count: used.count, expires_at_ms, renew_after_s: 0 })
        });
        let mut all: Vec<GrantedFeature> = Vec::new();
        held.chain(consumed).for_each(|having| having.add_to(&mut all));
        for feature in &mut all {
            let is_short = self.open_count(&feature.name) <= walked_max;
            feature.max_count =
                is_short.then(|| counted(self.max_count(feature, holds, trial, sources)));
        }
        all
    }

    /// The most that the client could have of a feature: what it holds, and what is free for it.
    fn max_count(
        &self,
        feature: &GrantedFeature,
        holds: &[Hold],
        trial: &Trial<'_>,
        sources: &Sources<'_>,
    ) -> u64 {
        let is_named = |hold: &&Hold| self.name_of(hold.feature) == Some(&feature.name);
        let held: u64 = holds.iter().filter(is_named).map(|hold| hold.count).sum();
        let (name, version) = (feature.name.clone(), feature.version);
        let most = WantedFeature { name, version, count: COUNT_MAX };
        held.saturating_add(self.free_for(trial, sources, &most, |_, _| held))
    }

    /// What a client could get of each feature if it asked for nothing else.
    pub(super) fn most(
        &self,
        trial: &Trial<'_>,
        sources: &Sources<'_>,
        lease: &dyn Fn(&Stock) -> (Option<i64>, u32),
    ) -> Vec<GrantedFeature> {
        let mut all = Vec::new();
        for name in self.served_names(sources.now_ms) {
            let most = WantedFeature { name, version: Default::default(), count: COUNT_MAX };
            let wish = Wish::anywhere(most);
            let (takings, _) = self.meet(&mut trial.clone(), sources, &wish, |_, _| 0);
            let mut of_name: Vec<GrantedFeature> = Vec::new();
            takings.iter().for_each(|taking| self.add_possible(taking, lease, &mut of_name));
            for feature in &mut of_name {
                feature.max_count = Some(feature.count);
            }
            all.append(&mut of_name);
        }
        all
    }

    fn add_possible(
        &self,
        taking: &Taking,
        lease: &dyn Fn(&Stock) -> (Option<i64>, u32),
        to: &mut Vec<GrantedFeature>,
    ) {
        let Some(stock) = self.stock(taking.feature) else { return };
        let (expires_at_ms, renew_after_s) = match stock.terms().is_held() {
            true => lease(stock),
            false => (stock.served_until_ms(), 0),
        };
        Having { stock, count: taking.count, expires_at_ms, renew_after_s }.add_to(to);
    }
}

fn counted(count: u64) -> FeatureCount {
    // More than anybody can own: there is no limit.
    if count >= COUNT_MAX { FeatureCount::Uncounted } else { FeatureCount::Counted(count) }
}

impl Having<'_> {
    fn add_to(&self, all: &mut Vec<GrantedFeature>) {
        let (line, count) = (self.stock.line(), self.count());
        let info = info(line);
        match all.iter_mut().find(|feature| self.is_like(feature)) {
            None => all.push(self.feature(count, info)),
            Some(feature) => {
                feature.count = sum(feature.count, count);
                if !feature.line_items.contains(&info) {
                    feature.line_items.push(info);
                }
            }
        }
    }

    fn count(&self) -> FeatureCount {
        if self.stock.is_uncounted() { FeatureCount::Uncounted } else { counted(self.count) }
    }

    fn is_like(&self, other: &GrantedFeature) -> bool {
        let terms = self.stock.terms();
        other.name == terms.name
            && other.version == terms.version
            && other.expires_at_ms == self.expires_at_ms
            && other.final_expiry_ms == self.stock.line().ends_at_ms
            && other.vendor_string == terms.vendor_string
            && other.serial_number == terms.serial_number
            && other.issuer == terms.issuer
            && other.notice == terms.notice
    }

    fn feature(&self, count: FeatureCount, info: LineItemInfo) -> GrantedFeature {
        let terms = self.stock.terms();
        GrantedFeature {
            name: terms.name.clone(),
            version: terms.version,
            count,
            expires_at_ms: self.expires_at_ms,
            final_expiry_ms: self.stock.line().ends_at_ms,
            vendor_string: terms.vendor_string.clone(),
            serial_number: terms.serial_number.clone(),
            issuer: terms.issuer.clone(),
            notice: terms.notice.clone(),
            max_count: None,
            renew_after_s: (self.renew_after_s > 0).then_some(self.renew_after_s.into()),
            line_items: vec![info],
        }
    }
}

fn sum(one: FeatureCount, other: FeatureCount) -> FeatureCount {
    match (one, other) {
        (FeatureCount::Counted(one), FeatureCount::Counted(other)) => {
            counted(one.saturating_add(other))
        }
        _ => FeatureCount::Uncounted,
    }
}

fn info(line: &Arc<FeatureLineItemTerms>) -> LineItemInfo {
    LineItemInfo {
        activation_id: line.activation_id.clone(),
        entitlement_id: line.entitlement_id.clone(),
        product_name: line.product_name.clone(),
        product_version: line.product_version.clone(),
    }
}
