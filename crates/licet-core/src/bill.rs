//! Bills: what is still to pay for an item while line items pay parts of it.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{ToPrimitive, Zero};

use crate::{
    charge::LineCharge,
    fixed::{Count, MICROS, Tokens},
    ids::ActionId,
    line_item::LineItem,
};

/// What a line item would give for an item.
pub(crate) struct Offer {
    pub(crate) slot: usize,
    pub(crate) rate: Tokens,
    pub(crate) action: Option<ActionId>,
    /// Most tokens that the rules let this request take from it.
    pub(crate) allowance: Tokens,
}

impl LineCharge {
    pub(crate) fn new(line: &LineItem, offer: &Offer, tokens: Tokens, used_after: Tokens) -> Self {
        Self {
            activation_id: line.terms.activation_id.clone(),
            epoch: line.epoch,
            action: offer.action,
            rate: offer.rate,
            tokens,
            used_after,
            quantity: line.terms.quantity,
        }
    }
}

/// What is still to pay for an item, counted in units and never rounded before the last part.
pub(crate) struct Bill {
    count: Count,
    rest: Rest,
    /// All that was taken; an item never costs more than the largest amount.
    total: Tokens,
    pub(crate) charges: Vec<LineCharge>,
}

enum Rest {
    /// Nothing was paid yet, so the price is a plain product.
    Whole,
    /// Millionths of a unit that are still to pay, after line items gave what they had.
    Part(BigRational),
    Paid,
}

impl Bill {
    pub(crate) fn new(count: Count) -> Self {
        Self { count, rest: Rest::Whole, total: Tokens::ZERO, charges: Vec::new() }
    }

    pub(crate) fn is_paid(&self) -> bool {
        matches!(self.rest, Rest::Paid)
    }

    /// The tokens to take at this rate out of those available; `None` if none.
    pub(crate) fn take(&mut self, rate: Tokens, available: Tokens) -> Option<Tokens> {
        let available = available.min(Tokens::MAX.minus_or_zero(self.total));
        let taken = match self.price(rate) {
            Some(price) if price <= available => {
                self.rest = Rest::Paid;
                // A price that rounds to nothing is still a charge if it is the only one.
                (price.is_positive() || self.charges.is_empty()).then_some(price)?
            }
            _ if available.is_positive() => {
                self.reduce(rate, available);
                available
            }
            _ => return None,
        };
        self.total = Tokens::from_micros(self.total.micros() + taken.micros());
        Some(taken)
    }

    /// Price of the rest at this rate; `None` if it is beyond all amounts.
    fn price(&self, rate: Tokens) -> Option<Tokens> {
        match &self.rest {
            Rest::Paid => Some(Tokens::ZERO),
            Rest::Whole => rate.price_of(self.count),
            Rest::Part(units) => {
                let exact = units * BigRational::new(rate.micros().into(), MICROS.into());
                half_even(&exact).to_i64().map(Tokens::from_micros)
            }
        }
    }

    /// Counts tokens that do not pay the rest in units at this rate.
    fn reduce(&mut self, rate: Tokens, tokens: Tokens) {
        let rest = match std::mem::replace(&mut self.rest, Rest::Paid) {
            Rest::Whole => BigRational::from_integer(self.count.micros().into()),
            Rest::Part(units) => units,
            Rest::Paid => BigRational::zero(),
        };
        let numerator = BigInt::from(tokens.micros()) * BigInt::from(MICROS);
        self.rest = Rest::Part(rest - BigRational::new(numerator, rate.micros().into()));
    }

    pub(crate) fn taken_from(&self, line: &LineItem) -> Tokens {
        let taken = self
            .charges
            .iter()
            .find(|charge| charge.activation_id == line.terms.activation_id)
            .map_or(0, |charge| charge.tokens.micros());
        Tokens::from_micros(taken)
    }

    /// Writes a part down; entitled tokens and overdraft of a line item are one charge.
    pub(crate) fn enter(
        &mut self,
        line: &LineItem,
        offer: &Offer,
        tokens: Tokens,
        used_after: Tokens,
    ) {
        let same = |charge: &&mut LineCharge| charge.activation_id == line.terms.activation_id;
        match self.charges.iter_mut().find(same) {
            Some(charge) => {
                charge.tokens = Tokens::from_micros(charge.tokens.micros() + tokens.micros());
                charge.used_after = used_after;
            }
            None => self.charges.push(LineCharge::new(line, offer, tokens, used_after)),
        }
    }
}

fn half_even(value: &BigRational) -> BigInt {
    let floor = value.floor().to_integer();
    let half = BigRational::new(1.into(), 2.into());
    let fraction = value - BigRational::from_integer(floor.clone());
    let is_odd = &floor % BigInt::from(2) == BigInt::from(1);
    if fraction > half || (fraction == half && is_odd) { floor + 1 } else { floor }
}
