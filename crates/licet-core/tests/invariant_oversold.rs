//! Nothing is oversold: a ledger that is kept beside, from the journal alone, finds no charge that
//! takes a line item above its quantity and overdraft or an action above its allocation, and no
//! refund that takes anything below zero.

mod support;

use std::{collections::HashMap, sync::Arc};

use licet_core::{
    Action, ActionId, Effect, LineItemState, LineItemTerms, Outcome, Overdraft, Record, Refund,
};
use proptest::prelude::*;
use support::random::{Play, config, steps};

struct Account {
    terms: LineItemTerms,
    epoch: u64,
    used: i128,
    actions: Vec<(Action, i128)>,
}

#[derive(Default)]
struct Ledger {
    accounts: HashMap<Arc<str>, Account>,
    tolerance_ms: i64,
}

impl Account {
    fn ceiling(&self) -> i128 {
        let quantity = i128::from(self.terms.quantity.micros());
        match self.terms.overdraft {
            Overdraft::None => quantity,
            Overdraft::Limit(limit) => quantity + i128::from(limit.micros()),
            Overdraft::Unlimited => i128::from(i64::MAX),
        }
    }

    fn action(&mut self, id: Option<ActionId>) -> Option<&mut (Action, i128)> {
        self.actions.iter_mut().find(|(action, _)| Some(action.id) == id)
    }
}

impl Ledger {
    fn enter(&mut self, record: &Record) {
        match record {
            Record::LineItemPut { after, epoch, .. } => self.put(after, *epoch),
            Record::LineItemDeleted { activation_id, .. } => {
                let account = self.accounts.remove(activation_id).expect("it stood");
                assert_eq!(account.terms.state, LineItemState::Obsolete);
            }
            Record::LineItemReset { activation_id, used_before, epoch, .. } => {
                let account = self.accounts.get_mut(activation_id).expect("it stands");
                assert_eq!(account.used, i128::from(*used_before));
                (account.used, account.epoch) = (0, *epoch);
                account.actions.iter_mut().for_each(|(_, used)| *used = 0);
            }
            Record::ActionsPut { activation_id, actions, .. } => {
                let account = self.accounts.get_mut(activation_id).expect("it stands");
                let before = std::mem::take(&mut account.actions);
                let used = |action: &Action| {
                    let kept = before.iter().find(|(held, _)| held.id == action.id);
                    kept.map_or(0, |(_, used)| *used)
                };
                account.actions =
                    actions.iter().map(|action| (action.clone(), used(action))).collect();
            }
            Record::Access { outcomes, .. } => {
                outcomes.iter().for_each(|outcome| self.charge(outcome));
            }
            Record::SessionAccess { access, .. } => {
                self.refund(access.refund.as_ref());
                self.charge(&access.outcome);
            }
            Record::SessionEnded { refund, .. } => self.refund(refund.as_ref()),
            Record::FeatureLineItemPut { .. }
            | Record::FeatureLineItemDeleted { .. }
            | Record::CountsDivided { .. }
            | Record::Served { .. }
            | Record::LeasesEnded(_)
            | Record::ReservationGroupPosted { .. }
            | Record::ReservationGroupDeleted { .. }
            | Record::ModelPut { .. }
            | Record::ModelDeleted { .. } => panic!("no features are put in these stories"),
            Record::ConditionsPut { .. }
            | Record::ConditionsDeleted { .. }
            | Record::SessionOpened { .. }
            | Record::HeartbeatSeen { .. } => {}
        }
    }

    fn put(&mut self, terms: &LineItemTerms, epoch: u64) {
        let new = || Account { terms: terms.clone(), epoch, used: 0, actions: Vec::new() };
        let account = self.accounts.entry(terms.activation_id.clone()).or_insert_with(new);
        assert_eq!(account.epoch, epoch);
        account.terms = terms.clone();
    }

    fn charge(&mut self, outcome: &Outcome) {
        let at_ms = outcome.at_ms;
        for item in &outcome.items {
            assert!(item.granted == item.requested || item.charges.is_empty());
            for charge in &item.charges {
                let account = self.accounts.get_mut(&charge.activation_id).expect("it stands");
                let tokens = i128::from(charge.tokens.micros());
                assert!(tokens >= 0);
                assert!(account.terms.elastic && account.terms.state == LineItemState::Deployed);
                assert!(account.terms.starts_at_ms - self.tolerance_ms <= at_ms);
                assert!(account.terms.ends_at_ms + self.tolerance_ms >= at_ms);
                assert_eq!(charge.epoch, account.epoch);
                assert_eq!(charge.quantity, account.terms.quantity);
                account.used += tokens;
                assert_eq!(account.used, i128::from(charge.used_after.micros()));
                assert!(tokens == 0 || account.used <= account.ceiling(), "oversold: {charge:?}");
                assert_eq!(charge.action.is_none(), account.actions.is_empty());
                if let Some((action, used)) = account.action(charge.action) {
                    *used += tokens;
                    match action.effect {
                        Effect::Deny => panic!("charged under a denial: {charge:?}"),
                        Effect::Allow { allocation: Some(allocation) } if tokens > 0 => {
                            assert!(*used <= i128::from(allocation.micros()), "{charge:?}");
                        }
                        Effect::Allow { .. } => {}
                    }
                }
            }
        }
    }

    fn refund(&mut self, refund: Option<&Refund>) {
        for line in refund.iter().flat_map(|refund| &refund.lines) {
            let tokens = i128::from(line.tokens.micros());
            assert!(tokens > 0);
            // What was deleted or reset since is not credited.
            let Some(account) = self.accounts.get_mut(&line.activation_id) else { continue };
            if account.epoch == line.epoch {
                account.used -= tokens;
                assert!(account.used >= 0, "more refunded than used: {line:?}");
                if let Some((_, used)) = account.action(line.action) {
                    *used -= tokens;
                    assert!(*used >= 0, "more refunded than used: {line:?}");
                }
            }
            assert_eq!(account.used, i128::from(line.used_after.micros()));
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn no_grant_goes_beyond_what_is_there(steps in steps(70), is_tolerant: bool) {
        let mut play = Play::new();
        play.world.site.timezone_tolerant = is_tolerant;
        play.run(&steps);
        let tolerance_ms = if is_tolerant { 12 * 3_600_000 } else { 0 };
        let mut ledger = Ledger { tolerance_ms, ..Ledger::default() };
        play.world.journal.iter().for_each(|record| ledger.enter(record));
        let lines = play.world.instance.line_items();
        prop_assert_eq!(lines.len(), ledger.accounts.len());
        for line in lines {
            let account = &ledger.accounts[&line.terms.activation_id];
            prop_assert_eq!(i128::from(line.used.micros()), account.used);
            for (action, (_, used)) in line.actions.iter().zip(&account.actions) {
                prop_assert_eq!(i128::from(action.used.micros()), *used);
            }
        }
    }
}
