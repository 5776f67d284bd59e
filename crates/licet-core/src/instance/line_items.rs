//! Commands on line items, and their resets.

use std::sync::Arc;

use super::turn::Turn;
use crate::{
    command::Reply,
    fixed::Tokens,
    line_item::{LineItem, LineItemState, LineItemTerms},
    record::Record,
    refusal::Refusal,
};

/// Most line items of an instance.
const LINE_ITEMS_MAX: usize = 100_000;

impl Turn<'_> {
    pub(super) fn line_item(&self, activation_id: &str) -> Result<&LineItem, Refusal> {
        let slot = self.instance.slot_of(activation_id);
        let slot = slot.ok_or_else(|| Refusal::LineItemNotFound(activation_id.into()))?;
        Ok(self.instance.line(slot))
    }

    pub(super) fn put_line_item(
        &mut self,
        terms: LineItemTerms,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        if terms.ends_at_ms < terms.starts_at_ms {
            return Err(Refusal::EndsBeforeStart);
        }
        let activation_id = terms.activation_id.clone();
        let standing = self.line_item(&activation_id).ok().cloned();
        match &standing {
            None => self.check_new_line_item(&terms)?,
            Some(line) => check_change(line, &terms)?,
        }
        let is_new = standing.is_none();
        if standing.as_ref().is_none_or(|line| line.terms != terms) {
            self.record_line_item(standing, terms, by);
        }
        let line_item = Box::new(self.line_item(&activation_id)?.clone());
        Ok(Reply::LineItemPut { line_item, is_new })
    }

    fn check_new_line_item(&self, terms: &LineItemTerms) -> Result<(), Refusal> {
        if self.instance.by_activation.len() >= LINE_ITEMS_MAX {
            return Err(Refusal::TooMany { what: "line items", max: LINE_ITEMS_MAX });
        }
        match terms.state {
            LineItemState::Deployed => Ok(()),
            LineItemState::Inactive | LineItemState::Obsolete => {
                Err(Refusal::NewLineItemNotDeployed)
            }
        }
    }

    fn record_line_item(&mut self, standing: Option<LineItem>, terms: LineItemTerms, by: Arc<str>) {
        let at_ms = self.now_ms();
        let next_reset = terms.reset_frequency.map(|frequency| frequency.next_boundary_ms(at_ms));
        let (epoch, resets_at_ms) = match &standing {
            None => (self.instance.epochs + 1, next_reset),
            Some(line) if line.terms.reset_frequency == terms.reset_frequency => {
                (line.epoch, line.resets_at_ms)
            }
            Some(line) => (line.epoch, next_reset),
        };
        let used = standing.as_ref().map_or(Tokens::ZERO, |line| line.used);
        let before = standing.map(|line| Box::new(line.terms));
        let after = Box::new(terms);
        self.record(Record::LineItemPut { at_ms, by, before, after, used, epoch, resets_at_ms });
    }

    pub(super) fn delete_line_item(
        &mut self,
        activation_id: Arc<str>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        match self.line_item(&activation_id)?.terms.state {
            LineItemState::Deployed | LineItemState::Inactive => Err(Refusal::NotObsolete),
            LineItemState::Obsolete => {
                let at_ms = self.now_ms();
                self.record(Record::LineItemDeleted { at_ms, by, activation_id });
                Ok(Reply::Done)
            }
        }
    }

    /// Starts `used` at zero again where a boundary has passed until then.
    pub(super) fn reset_line_items(&mut self, until_ms: i64) {
        while let Some((boundary_ms, slot)) = self.instance.resets.first().copied() {
            if boundary_ms > until_ms {
                break;
            }
            let line = self.instance.line(slot);
            let frequency = line.terms.reset_frequency;
            let record = Record::LineItemReset {
                at_ms: boundary_ms.max(self.instance.last_ms),
                activation_id: line.terms.activation_id.clone(),
                used_before: line.used.micros(),
                epoch: self.instance.epochs + 1,
                // Boundaries that passed while nobody asked are one reset, not several.
                resets_at_ms: frequency.map(|frequency| frequency.next_boundary_ms(until_ms)),
            };
            self.record(record);
        }
    }
}

fn check_change(line: &LineItem, terms: &LineItemTerms) -> Result<(), Refusal> {
    let is_final = line.terms.state == LineItemState::Obsolete;
    if is_final && terms.state != LineItemState::Obsolete {
        return Err(Refusal::ObsoleteIsFinal);
    }
    Ok(())
}
