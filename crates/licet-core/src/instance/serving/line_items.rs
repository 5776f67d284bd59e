//! Commands on line items of features.

use std::sync::Arc;

use crate::{
    command::Reply,
    feature::{FeatureId, FeatureLineItem, FeatureLineItemTerms},
    instance::turn::Turn,
    line_item::LineItemState,
    record::Record,
    refusal::Refusal,
};

/// Most line items of features of an instance.
const LINE_ITEMS_MAX: usize = 100_000;

impl Turn<'_> {
    pub(in crate::instance) fn put_feature_line_item(
        &mut self,
        terms: FeatureLineItemTerms,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        if terms.ends_at_ms.is_some_and(|end| end < terms.starts_at_ms) {
            return Err(Refusal::EndsBeforeStart);
        }
        let activation_id = terms.activation_id.clone();
        let standing = self.instance.serving.lines.get(&activation_id).cloned();
        match &standing {
            None => self.check_new_feature_line_item(&terms)?,
            Some(line) => check_change(line, &terms)?,
        }
        let is_new = standing.is_none();
        if standing.as_ref().is_none_or(|line| *line.terms != terms) {
            self.record_feature_line_item(standing.as_ref(), terms, by);
        }
        let line = self.feature_line_item(&activation_id)?;
        Ok(Reply::FeatureLineItemPut { line_item: Box::new(line), is_new })
    }

    pub(in crate::instance) fn feature_line_item(
        &self,
        activation_id: &str,
    ) -> Result<FeatureLineItem, Refusal> {
        let line = self.instance.serving.lines.get(activation_id).cloned();
        line.ok_or_else(|| Refusal::LineItemNotFound(activation_id.into()))
    }

    fn check_new_feature_line_item(&self, terms: &FeatureLineItemTerms) -> Result<(), Refusal> {
        if self.instance.serving.lines.len() >= LINE_ITEMS_MAX {
            return Err(Refusal::TooMany { what: "line items", max: LINE_ITEMS_MAX });
        }
        match terms.state {
            LineItemState::Deployed => Ok(()),
            LineItemState::Inactive | LineItemState::Obsolete => {
                Err(Refusal::NewLineItemNotDeployed)
            }
        }
    }

    fn record_feature_line_item(
        &mut self,
        standing: Option<&FeatureLineItem>,
        terms: FeatureLineItemTerms,
        by: Arc<str>,
    ) {
        let at_ms = self.now_ms();
        let ids = self.ids_for(standing, &terms);
        let mut changed = ids.clone();
        changed.extend(standing.iter().flat_map(|line| line.ids.iter().copied()));
        let before = standing.map(|line| Box::new((*line.terms).clone()));
        let after = Box::new(terms);
        self.record(Record::FeatureLineItemPut { at_ms, by, before, after, ids });
        self.redivide(&changed);
    }

    /// A feature that stood in the line item keeps its id; one that is new gets the next.
    fn ids_for(
        &self,
        standing: Option<&FeatureLineItem>,
        terms: &FeatureLineItemTerms,
    ) -> Vec<FeatureId> {
        let mut old: Vec<(FeatureId, usize)> =
            standing.iter().flat_map(|line| line.ids.iter().copied().zip(0..)).collect();
        let mut last = self.instance.serving.counters.feature;
        let id_of = |feature: &crate::FeatureTerms| {
            let is_same = |(_, index): &(FeatureId, usize)| {
                standing.is_some_and(|line| line.terms.features[*index].is_same_as(feature))
            };
            match old.iter().position(is_same) {
                Some(at) => old.remove(at).0,
                None => {
                    last += 1;
                    FeatureId(last)
                }
            }
        };
        terms.features.iter().map(id_of).collect()
    }

    pub(in crate::instance) fn delete_feature_line_item(
        &mut self,
        activation_id: Arc<str>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let line = self.feature_line_item(&activation_id)?;
        if line.terms.state != LineItemState::Obsolete {
            return Err(Refusal::NotObsolete);
        }
        self.record(Record::FeatureLineItemDeleted { at_ms: self.now_ms(), by, activation_id });
        self.redivide(&line.ids);
        Ok(Reply::Done)
    }

    /// Divides counts anew after these features changed.
    fn redivide(&mut self, changed: &[FeatureId]) {
        match self.instance.serving.is_divided() {
            true => self.redivide_all(),
            false => self.record_divisions(self.instance.serving.undivided(changed)),
        }
    }
}

fn check_change(line: &FeatureLineItem, terms: &FeatureLineItemTerms) -> Result<(), Refusal> {
    let is_final = line.terms.state == LineItemState::Obsolete;
    if is_final && terms.state != LineItemState::Obsolete {
        return Err(Refusal::ObsoleteIsFinal);
    }
    Ok(())
}
