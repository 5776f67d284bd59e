//! Drafts: which line items pay for an item, and what goes back to them, before it is recorded.

mod walk;

use walk::{Candidate, Walk};

use crate::{
    access_request::{ItemCode, ItemOutcome, RequestedItem},
    bill::{Bill, Offer},
    charge::{ChargedLine, LineCharge, RefundedLine},
    fixed::Tokens,
    ids::ActionId,
    instance::{Instance, Wanted},
    line_item::{LineItem, Source},
    rate_table::Price,
    rule::{Dictionary, Effect, Verdict, judge},
    site::Context,
};

/// Charges and refunds that are being decided, on top of an instance that does not change.
pub(crate) struct Draft<'a> {
    instance: &'a Instance,
    context: Context<'a>,
    moved: Vec<Moved>,
    /// How many line items were looked at.
    #[cfg(test)]
    looked_at: std::cell::Cell<usize>,
}

/// Tokens taken from (or, negative, given back to) a line item in a draft.
#[derive(Clone, Copy)]
struct Moved {
    slot: usize,
    action: Option<ActionId>,
    micros: i64,
}

/// Why a line item gives nothing.
enum NoOffer {
    NotUsable,
    NotPriced,
    Unpriceable(Box<str>),
    Denied,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(instance: &'a Instance, context: Context<'a>) -> Self {
        Self {
            instance,
            context,
            moved: Vec::new(),
            #[cfg(test)]
            looked_at: std::cell::Cell::default(),
        }
    }

    /// How far the draft has come, for [`Draft::back_to`].
    pub(crate) fn mark(&self) -> usize {
        self.moved.len()
    }

    /// Forgets what was drafted since the mark.
    pub(crate) fn back_to(&mut self, mark: usize) {
        self.moved.truncate(mark);
    }

    /// Charges one item, whole or not at all.
    pub(crate) fn charge(&mut self, item: &RequestedItem, dictionary: &Dictionary) -> ItemOutcome {
        let mark = self.mark();
        if let Some(charges) = self.pay(item, dictionary) {
            return ItemOutcome::charged(item, charges);
        }
        // What line items gave to no avail must not count in what follows.
        self.back_to(mark);
        if let Some(charge) = self.free_of_charge(item, dictionary) {
            return ItemOutcome::charged(item, vec![charge]);
        }
        let (code, detail) = self.why_refused(item, dictionary);
        ItemOutcome::refused(item, code, detail)
    }

    /// Takes the whole price from line items with room. On `None` the draft holds what they gave.
    fn pay(&mut self, item: &RequestedItem, dictionary: &Dictionary) -> Option<Vec<LineCharge>> {
        if self.moved.iter().any(|moved| moved.micros < 0) {
            self.pay_from(self.open_or_reopened(item).into_iter(), item, dictionary)
        } else {
            self.pay_from(self.open(item), item, dictionary)
        }
    }

    fn pay_from(
        &mut self,
        candidates: impl Iterator<Item = Candidate<'a>>,
        item: &RequestedItem,
        dictionary: &Dictionary,
    ) -> Option<Vec<LineCharge>> {
        let mut bill = Bill::new(item.count);
        let mut offers = Vec::new();
        for candidate in candidates {
            let Candidate { slot, .. } = candidate;
            // An item before this one may have taken the last of it.
            if !self.instance.line(slot).terms.has_room(self.used(slot)) {
                continue;
            }
            let Ok(offer) = self.offer(candidate, item, dictionary) else { continue };
            self.take(&mut bill, &offer, Source::Entitled);
            if bill.is_paid() {
                return Some(bill.charges);
            }
            offers.push(offer);
        }
        for offer in &offers {
            self.take(&mut bill, offer, Source::Overdraft);
            if bill.is_paid() {
                return Some(bill.charges);
            }
        }
        None
    }

    /// Line items that may price the item and have room in the instance, in the order of
    /// consumption.
    fn open(&self, item: &RequestedItem) -> Walk<'a> {
        Walk::new(self.instance, self.context, Wanted::Open, item, |_| true)
    }

    /// The same with those among them that may have got some room by a refund of this draft.
    fn open_or_reopened(&self, item: &RequestedItem) -> Vec<Candidate<'a>> {
        let moved = self.moved.iter().filter(|moved| moved.micros < 0);
        let reopened = moved.map(|moved| Candidate { slot: moved.slot, price: None });
        let mut candidates: Vec<_> = self.open(item).chain(reopened).collect();
        candidates.sort_by_key(|candidate| self.instance.consumption_key(candidate.slot));
        candidates.dedup_by_key(|candidate| candidate.slot);
        candidates
    }

    fn consumable(&self, item: &RequestedItem, is_wanted: impl Fn(&Price) -> bool) -> Walk<'a> {
        Walk::new(self.instance, self.context, Wanted::Consumable, item, is_wanted)
    }

    fn offer(
        &self,
        Candidate { slot, price }: Candidate<'_>,
        item: &RequestedItem,
        dictionary: &Dictionary,
    ) -> Result<Offer, NoOffer> {
        #[cfg(test)]
        self.looked_at.set(self.looked_at.get() + 1);
        let line = self.instance.line(slot);
        if !self.is_usable(slot) {
            return Err(NoOffer::NotUsable);
        }
        let price = price.or_else(|| self.price(line, item)).ok_or(NoOffer::NotPriced)?;
        let rate = match price {
            Price::Rate(rate) => *rate,
            Price::Formula(formula) => formula
                .evaluate(&item.variables)
                .map_err(|error| NoOffer::Unpriceable(error.to_string().into()))?,
        };
        match judge(&line.actions, self.instance.conditions(), dictionary) {
            Verdict::Denied => Err(NoOffer::Denied),
            Verdict::Unrestricted => Ok(Offer { slot, rate, action: None, allowance: Tokens::MAX }),
            Verdict::Allowed(index) => Ok(self.offer_under(slot, rate, index)),
        }
    }

    /// The price of an item by the series of a line item.
    fn price(&self, line: &LineItem, item: &RequestedItem) -> Option<&'a Price> {
        let Context { now_ms, site, .. } = self.context;
        let series = &line.terms.rate_table_series;
        site.rate_tables.price(series, now_ms, &item.item, &item.version)
    }

    fn offer_under(&self, slot: usize, rate: Tokens, index: usize) -> Offer {
        let action = &self.instance.line(slot).actions[index];
        let moved: i64 = self
            .moved
            .iter()
            .filter(|moved| moved.slot == slot && moved.action == Some(action.id))
            .map(|moved| moved.micros)
            .sum();
        let used = Tokens::from_micros(action.used.micros() + moved);
        let allowance = match action.effect {
            Effect::Allow { allocation: Some(allocation) } => allocation.minus_or_zero(used),
            Effect::Allow { allocation: None } => Tokens::MAX,
            Effect::Deny => Tokens::ZERO,
        };
        Offer { slot, rate, action: Some(action.id), allowance }
    }

    fn used(&self, slot: usize) -> Tokens {
        let moved: i64 =
            self.moved.iter().filter(|moved| moved.slot == slot).map(|moved| moved.micros).sum();
        Tokens::from_micros(self.instance.line(slot).used.micros() + moved)
    }

    /// Takes as much from one source of the offer as the bill still wants.
    fn take(&mut self, bill: &mut Bill, offer: &Offer, source: Source) {
        let line = self.instance.line(offer.slot);
        let used = self.used(offer.slot);
        let taken_before = bill.taken_from(line);
        let left = line.terms.left(source, used);
        let available = left.min(offer.allowance.minus_or_zero(taken_before));
        let Some(tokens) = bill.take(offer.rate, available) else { return };
        let micros = tokens.micros();
        self.moved.push(Moved { slot: offer.slot, action: offer.action, micros });
        bill.enter(line, offer, tokens, Tokens::from_micros(used.micros() + micros));
    }

    /// An item that costs nothing needs a line item that prices and allows it, but no tokens. Line
    /// items with tokens were asked before, so here one without any may give it.
    fn free_of_charge(&self, item: &RequestedItem, dictionary: &Dictionary) -> Option<LineCharge> {
        let is_free = |rate: Tokens| rate.price_of(item.count) == Some(Tokens::ZERO);
        let may_be_free = |price: &Price| match price {
            Price::Rate(rate) => is_free(*rate),
            Price::Formula(_) => true,
        };
        self.consumable(item, may_be_free).find_map(|candidate| {
            let offer = self.offer(candidate, item, dictionary).ok()?;
            is_free(offer.rate).then(|| {
                let line = self.instance.line(offer.slot);
                LineCharge::new(line, &offer, Tokens::ZERO, self.used(offer.slot))
            })
        })
    }

    /// Names the refusal of an item that no line items could pay together. Rules denied it if
    /// no line item lets this requester in, or if without them there would be tokens enough.
    fn why_refused(
        &self,
        item: &RequestedItem,
        dictionary: &Dictionary,
    ) -> (ItemCode, Option<Box<str>>) {
        let (mut is_priced, mut is_allowed) = (false, false);
        let mut formula_error = None;
        let mut unruled = Bill::new(item.count);
        for candidate in self.consumable(item, |_| true) {
            match self.offer(candidate, item, dictionary) {
                Err(NoOffer::NotUsable | NoOffer::NotPriced) => {}
                Err(NoOffer::Unpriceable(error)) => formula_error = Some(error),
                offer @ (Err(NoOffer::Denied) | Ok(_)) => {
                    is_priced = true;
                    is_allowed |= offer.is_ok();
                    self.pay_without_rules(&mut unruled, candidate, item);
                }
            }
            if unruled.is_paid() {
                break;
            }
        }
        let priced_somewhere = || {
            let Context { now_ms, site, .. } = self.context;
            site.rate_tables.is_priced_anywhere(now_ms, &item.item, &item.version)
        };
        match is_priced {
            false if priced_somewhere() && !self.has_usable() => (ItemCode::NoLineItem, None),
            false => (ItemCode::NotPriced, formula_error),
            true if !is_allowed || unruled.is_paid() => (ItemCode::DeniedByRules, None),
            true => (ItemCode::Insufficient, None),
        }
    }

    /// Whether any line item is usable, whatever it prices.
    fn has_usable(&self) -> bool {
        let Context { now_ms, site, .. } = self.context;
        let earliest_end_ms = now_ms.saturating_sub(site.tolerance_ms());
        let mut lines = self.instance.queue().from(Wanted::Consumable, earliest_end_ms);
        lines.any(|(_, slot)| self.is_usable(*slot))
    }

    fn is_usable(&self, slot: usize) -> bool {
        let Context { now_ms, site, .. } = self.context;
        self.instance.line(slot).terms.is_usable(now_ms, site.tolerance_ms())
    }

    fn pay_without_rules(
        &self,
        bill: &mut Bill,
        Candidate { slot, price }: Candidate<'_>,
        item: &RequestedItem,
    ) {
        let line = self.instance.line(slot);
        let rate = match price.or_else(|| self.price(line, item)) {
            Some(Price::Rate(rate)) => *rate,
            Some(Price::Formula(formula)) => {
                formula.evaluate(&item.variables).unwrap_or(Tokens::MAX)
            }
            None => return,
        };
        let mut used = self.used(slot);
        for source in [Source::Entitled, Source::Overdraft] {
            if bill.is_paid() {
                return;
            }
            if let Some(tokens) = bill.take(rate, line.terms.left(source, used)) {
                used = Tokens::from_micros(used.micros() + tokens.micros());
            }
        }
    }

    /// Gives the part `share_ms / period_ms` of charges back to where they came from.
    pub(crate) fn refund(
        &mut self,
        charges: &[ChargedLine],
        items: &[RequestedItem],
        share_ms: i64,
        period_ms: i64,
    ) -> Vec<RefundedLine> {
        let mut lines = Vec::new();
        for charge in charges {
            let tokens = charge.tokens.share(share_ms, period_ms);
            if tokens.is_positive() {
                lines.push(self.refund_line(charge, items, tokens));
            }
        }
        lines
    }

    fn refund_line(
        &mut self,
        charge: &ChargedLine,
        items: &[RequestedItem],
        tokens: Tokens,
    ) -> RefundedLine {
        let item = &items[charge.item as usize];
        let standing = self.instance.slot_of(&charge.activation_id);
        if let Some(slot) = standing
            && self.instance.line(slot).epoch == charge.epoch
        {
            let micros = -tokens.micros();
            self.moved.push(Moved { slot, action: charge.action, micros });
        }
        let (used_after, quantity) = standing.map_or((Tokens::ZERO, Tokens::ZERO), |slot| {
            (self.used(slot), self.instance.line(slot).terms.quantity)
        });
        RefundedLine {
            item: item.item.clone(),
            version: item.version.clone(),
            count: item.count,
            activation_id: charge.activation_id.clone(),
            epoch: charge.epoch,
            action: charge.action,
            rate: charge.rate,
            tokens,
            used_after,
            quantity,
        }
    }
}

#[cfg(test)]
mod tests;
