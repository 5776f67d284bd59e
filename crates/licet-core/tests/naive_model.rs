//! One-off charging against a naive model: written from the fact sheet with exact fractions, plain
//! lists and no thought of speed, it must say the same of every item.
//!
//! The model: of the line items that are deployed, in their window, price the item and let the
//! requester in, the one that ends first pays first (then the one that starts first, then the
//! smaller name), what they are entitled to before any overdraft, each no more than its tokens and
//! the requester's allocation; the price of what is left is rounded half to even where it is paid.

mod support;

use std::{cmp::Ordering, collections::BTreeMap};

use licet_core::{Effect, ItemCode, LineItemState, LineItemTerms, Overdraft, RequestedItem};
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};
use proptest::{collection::vec, prelude::*};
use support::{
    DAY, HOUR, is_of, minute, new_action,
    random::{DEPARTMENTS, config, line_terms, priced, requester, requests},
};

/// Department (beyond the last: everybody) and allocation; `None` is without limit.
type NaiveRule = (usize, NaiveEffect);

#[derive(Debug, Clone, Copy)]
enum NaiveEffect {
    Allow(Option<i64>),
    Deny,
}

struct NaiveLine {
    terms: LineItemTerms,
    rules: Vec<NaiveRule>,
    used: BigRational,
    used_by_rule: Vec<BigRational>,
}

#[derive(Debug, PartialEq)]
struct NaiveOutcome {
    code: ItemCode,
    /// Activation ID and millionths, in the order in which line items were first asked.
    charges: Vec<(String, i64)>,
}

fn whole(micros: i64) -> BigRational {
    BigRational::new(micros.into(), 1_000_000.into())
}

fn micros(amount: &BigRational) -> i64 {
    (amount * BigRational::from_integer(1_000_000.into())).to_integer().to_i64().expect("fits")
}

/// To the millionth, a tie to the even one.
fn rounded(amount: &BigRational) -> BigRational {
    let million = BigRational::from_integer(1_000_000.into());
    let scaled = amount * &million;
    let floor = scaled.floor();
    let half = BigRational::new(1.into(), 2.into());
    let is_odd = (floor.to_integer() % 2_i64) != 0_i64.into();
    let up = match (&scaled - &floor).cmp(&half) {
        Ordering::Less => false,
        Ordering::Equal => is_odd,
        Ordering::Greater => true,
    };
    (if up { floor + BigRational::from_integer(1.into()) } else { floor }) / million
}

/// The prices of `random::priced`, told again.
fn rate(series: &str, item: &RequestedItem, at_minute: i64) -> Option<BigRational> {
    let fraction = |top: i64, bottom: i64| BigRational::new(top.into(), bottom.into());
    match (series, &*item.item, &*item.version) {
        ("", "Render", "2.0") => Some(fraction(7, 1)),
        ("", "Denoise", "") => Some(fraction(1, 4)),
        ("", "Free", "") => Some(fraction(0, 1)),
        ("", "Simulate", "") if !item.variables.is_empty() => Some(fraction(3, 1)),
        ("Three", "Render", "2.0") if at_minute < 3 * HOUR => Some(fraction(3, 1)),
        ("Three", "Render", "2.0") => Some(fraction(11, 1)),
        ("Three", "Denoise", "") if at_minute < 3 * HOUR => Some(fraction(1, 10)),
        ("Third", "Render", "2.0") if at_minute < DAY => Some(fraction(333_333, 1_000_000)),
        ("Third", "Render", "2.0") => Some(fraction(0, 1)),
        _ => None,
    }
}

impl NaiveLine {
    fn is_usable(&self, at_minute: i64, tolerance: i64) -> bool {
        self.terms.state == LineItemState::Deployed
            && minute(at_minute) >= self.terms.starts_at_ms - tolerance
            && minute(at_minute) <= self.terms.ends_at_ms + tolerance
    }

    /// The rule that decides on a department; `Err` if it may not use this line item.
    fn rule(&self, department: usize) -> Result<Option<usize>, ()> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let matches = |(of, _): &NaiveRule| *of >= DEPARTMENTS.len() || *of == department;
        match self.rules.iter().position(matches) {
            Some(index) if matches!(self.rules[index].1, NaiveEffect::Allow(_)) => Ok(Some(index)),
            _ => Err(()),
        }
    }

    /// Tokens left of the entitled ones, or of the overdraft.
    fn room(&self, is_overdraft: bool) -> BigRational {
        let quantity = whole(self.terms.quantity.micros());
        let beyond =
            |limit: BigRational| &quantity + limit - self.used.clone().max(quantity.clone());
        let room = match (is_overdraft, self.terms.overdraft) {
            (false, _) => &quantity - &self.used,
            (true, Overdraft::None) => BigRational::zero(),
            (true, Overdraft::Limit(limit)) => beyond(whole(limit.micros())),
            (true, Overdraft::Unlimited) => beyond(whole(1_000_000_000_000_000)),
        };
        if room.is_negative() { BigRational::zero() } else { room }
    }

    fn allowance(&self, rule: Option<usize>) -> Option<BigRational> {
        let rule = rule?;
        let NaiveEffect::Allow(Some(allocation)) = self.rules[rule].1 else { return None };
        let left = whole(allocation) - &self.used_by_rule[rule];
        Some(if left.is_negative() { BigRational::zero() } else { left })
    }
}

struct Naive {
    lines: Vec<NaiveLine>,
    at_minute: i64,
    tolerance_ms: i64,
}

impl Naive {
    fn charge(&mut self, item: &RequestedItem, department: usize) -> NaiveOutcome {
        let priced = |line: &NaiveLine| rate(&line.terms.rate_table_series, item, self.at_minute);
        let usable: Vec<usize> = (0..self.lines.len())
            .filter(|index| self.lines[*index].is_usable(self.at_minute, self.tolerance_ms))
            .collect();
        let pricing: Vec<usize> =
            usable.iter().copied().filter(|index| priced(&self.lines[*index]).is_some()).collect();
        let letting_in: Vec<usize> = pricing
            .iter()
            .copied()
            .filter(|index| self.lines[*index].rule(department).is_ok())
            .collect();
        if let Some(charges) = self.pay(item, department, &letting_in, true) {
            return NaiveOutcome { code: ItemCode::Charged, charges };
        }
        let is_priced_anywhere =
            ["", "Three", "Third"].iter().any(|series| rate_listed(series, item, self.at_minute));
        let code = if usable.is_empty() && is_priced_anywhere {
            ItemCode::NoLineItem
        } else if pricing.is_empty() {
            ItemCode::NotPriced
        } else if letting_in.is_empty() || self.pay(item, department, &pricing, false).is_some() {
            ItemCode::DeniedByRules
        } else {
            ItemCode::Insufficient
        };
        NaiveOutcome { code, charges: Vec::new() }
    }

    /// Charges the item to these line items if they can pay it together. Without rules nothing is
    /// taken: it only tells whether they could.
    fn pay(
        &mut self,
        item: &RequestedItem,
        department: usize,
        candidates: &[usize],
        with_rules: bool,
    ) -> Option<Vec<(String, i64)>> {
        let mut order = candidates.to_vec();
        order.sort_by_key(|index| {
            let terms = &self.lines[*index].terms;
            (terms.ends_at_ms, terms.starts_at_ms, terms.activation_id.clone())
        });
        let wanted = whole(item.count.micros());
        let mut units = wanted.clone();
        let mut taken: BTreeMap<usize, BigRational> = BTreeMap::new();
        let mut asked = Vec::new();
        let mut is_paid = false;
        for is_overdraft in [false, true] {
            for index in &order {
                let line = &self.lines[*index];
                let rule = line.rule(department).unwrap_or(None);
                let rate = rate(&line.terms.rate_table_series, item, self.at_minute)?;
                // Without a token it gives nothing, unless it asks for none (below).
                if is_paid || (line.room(false).is_zero() && line.room(true).is_zero()) {
                    continue;
                }
                let before = taken.get(index).cloned().unwrap_or_else(BigRational::zero);
                let entitled = line.room(false);
                // The tokens of this phase that this item has not taken yet.
                let mut room = if is_overdraft {
                    line.room(true) - (&before - entitled.min(before.clone()))
                } else {
                    entitled
                };
                if let Some(allowance) = line.allowance(rule).filter(|_| with_rules) {
                    room = room.min(allowance - &before);
                }
                let price = rounded(&(&units * &rate));
                let part = if price <= room {
                    is_paid = true;
                    price
                } else {
                    units -= &room / &rate;
                    room
                };
                if part.is_positive() || (is_paid && taken.is_empty()) {
                    if !taken.contains_key(index) {
                        asked.push(*index);
                    }
                    *taken.entry(*index).or_insert_with(BigRational::zero) += part;
                }
            }
        }
        if !is_paid {
            // Somebody may give it for nothing.
            let free = |index: &&usize| {
                let rate = rate(&self.lines[**index].terms.rate_table_series, item, self.at_minute);
                rate.is_some_and(|rate| rounded(&(&wanted * rate)).is_zero())
            };
            let index = *order.iter().find(free)?;
            (asked, taken) = (vec![index], [(index, BigRational::zero())].into());
        }
        for (index, tokens) in taken.iter().filter(|_| with_rules) {
            let line = &mut self.lines[*index];
            line.used += tokens;
            if let Ok(Some(rule)) = line.rule(department) {
                line.used_by_rule[rule] += tokens;
            }
        }
        let name = |index: &usize| self.lines[*index].terms.activation_id.to_string();
        Some(asked.iter().map(|index| (name(index), micros(&taken[index]))).collect())
    }
}

/// Whether an effective table of the series lists the item, even if its formula lacks a variable.
fn rate_listed(series: &str, item: &RequestedItem, at_minute: i64) -> bool {
    (series.is_empty() && &*item.item == "Simulate") || rate(series, item, at_minute).is_some()
}

fn rules() -> impl Strategy<Value = Vec<NaiveRule>> {
    let effect = prop_oneof![
        3 => (1..60_000_000_i64).prop_map(|micros| NaiveEffect::Allow(Some(micros))),
        1 => Just(NaiveEffect::Deny),
    ];
    let last = prop::option::of(prop_oneof![
        Just((DEPARTMENTS.len(), NaiveEffect::Allow(None))),
        Just((DEPARTMENTS.len(), NaiveEffect::Deny)),
    ]);
    (vec((0..DEPARTMENTS.len(), effect), 0..3), last).prop_map(|(mut rules, last)| {
        rules.extend(last);
        rules
    })
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn the_core_charges_like_the_naive_model(
        lines in vec((line_terms(), prop::option::of(rules())), 1..5),
        asked in vec((prop::sample::select(vec![0, 5, 60, 170, DAY]), requests()), 1..12),
        is_tolerant: bool,
    ) {
        let mut world = priced();
        world.site.timezone_tolerant = is_tolerant;
        let conditions: Vec<_> =
            DEPARTMENTS.iter().map(|department| world.condition(is_of(department)).id).collect();
        let tolerance_ms = if is_tolerant { 12 * HOUR * 60_000 } else { 0 };
        let mut naive = Naive { lines: Vec::new(), at_minute: 0, tolerance_ms };
        for (terms, rules) in lines {
            let name = terms.activation_id.clone();
            if naive.lines.iter().any(|line| line.terms.activation_id == name) {
                continue;
            }
            let rules = rules.unwrap_or_default();
            let terms = LineItemTerms { reset_frequency: None, ..terms };
            let deployed = LineItemTerms { state: LineItemState::Deployed, ..terms.clone() };
            world.put_line(deployed).expect("put");
            world.put_line(terms.clone()).expect("put");
            let drafts = rules.iter().map(|(department, effect)| {
                let effect = match effect {
                    NaiveEffect::Allow(allocation) => Effect::Allow {
                        allocation: allocation.map(licet_core::Tokens::from_micros),
                    },
                    NaiveEffect::Deny => Effect::Deny,
                };
                new_action("rule", conditions.get(*department).copied(), effect)
            });
            world.put_actions(&name, drafts.collect()).expect("rules");
            let used_by_rule = rules.iter().map(|_| BigRational::zero()).collect();
            naive.lines.push(NaiveLine { terms, rules, used: BigRational::zero(), used_by_rule });
        }
        for (minutes, requests) in asked {
            naive.at_minute += minutes;
            world.at(naive.at_minute);
            for (department, items) in requests {
                let outcome = world.one_off(requester(department), &items);
                for (item, outcome) in items.iter().zip(&outcome.items) {
                    let expected = naive.charge(item, department);
                    let charges = outcome.charges.iter();
                    let charges = charges
                        .map(|charge| (charge.activation_id.to_string(), charge.tokens.micros()));
                    let found = NaiveOutcome { code: outcome.code, charges: charges.collect() };
                    prop_assert_eq!(found, expected, "{:?}", item);
                }
            }
            for line in &naive.lines {
                let found = world.line_item(&line.terms.activation_id);
                prop_assert_eq!(found.used.micros(), micros(&line.used));
            }
        }
    }
}
