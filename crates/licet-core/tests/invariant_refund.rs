//! A refund returns to the line items and actions that were charged, never more than was charged,
//! and just the part that was not used: kept in a second set of books from the journal alone.

mod support;

use std::{collections::HashMap, sync::Arc};

use licet_core::{
    ActionId, EndReason, Outcome, Record, Refund, SessionAccess, SessionId, SessionResult,
};
use num_rational::BigRational;
use num_traits::ToPrimitive;
use proptest::prelude::*;
use support::random::{Play, config, steps};

/// Where tokens of a charge came from, and how many.
type Taken = (Arc<str>, u64, Option<ActionId>, i64);

#[derive(Default)]
struct Books {
    sessions: HashMap<SessionId, Account>,
    refunds: usize,
}

#[derive(Default)]
struct Account {
    from_ms: i64,
    until_ms: i64,
    /// The charge of the running period.
    paid: Vec<Taken>,
    /// All automatic charges since the client was last heard of, that of the running period
    /// included.
    unproven: Vec<Taken>,
}

impl Account {
    /// The part of the running period that is not used, rounded half to even for each charge.
    fn unused(&self, now_ms: i64) -> Vec<Taken> {
        let period_ms = self.until_ms - self.from_ms;
        let unused_ms = (self.until_ms - now_ms).clamp(0, period_ms);
        let part = |(line, epoch, action, micros): &Taken| {
            let share = BigRational::new((*micros * 2).into(), 2.into())
                * BigRational::new(unused_ms.into(), period_ms.max(1).into());
            let floor = share.floor();
            let twice = (&share - &floor) * BigRational::from_integer(2.into());
            let floor = floor.to_integer().to_i64().expect("an amount");
            let up = match twice.cmp(&BigRational::from_integer(1.into())) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => floor % 2,
                std::cmp::Ordering::Greater => 1,
            };
            (line.clone(), *epoch, *action, floor + up)
        };
        self.paid.iter().map(part).filter(|(.., micros)| *micros > 0).collect()
    }
}

impl Books {
    fn enter(&mut self, record: &Record) {
        match record {
            Record::SessionOpened { session_id, .. } => {
                self.sessions.insert(*session_id, Account::default());
            }
            Record::SessionAccess { access, automatic, .. } => self.access(access, *automatic),
            Record::SessionEnded { at_ms, session_id, reason, refund, .. } => {
                let account = self.sessions.remove(session_id).expect("ends once");
                let expected = match reason {
                    EndReason::HeartbeatMissed => {
                        account.unproven.into_iter().filter(|(.., micros)| *micros > 0).collect()
                    }
                    EndReason::Closed => account.unused(*at_ms),
                    EndReason::Idle => Vec::new(),
                    EndReason::Denied | EndReason::TokensExhausted => {
                        panic!("{reason:?} ends with its access request")
                    }
                };
                self.compare(refund.as_ref(), &expected);
            }
            Record::HeartbeatSeen { session_id, .. } => {
                self.sessions.get_mut(session_id).expect("alive").unproven.clear();
            }
            _ => {}
        }
    }

    fn access(&mut self, access: &SessionAccess, is_automatic: bool) {
        let account = self.sessions.remove(&access.session_id).expect("alive");
        let charged = taken(&access.outcome);
        let expected = match (&access.result, is_automatic) {
            (SessionResult::Ended(_), true) => {
                account.unproven.iter().filter(|(.., micros)| *micros > 0).cloned().collect()
            }
            (SessionResult::Kept, _) | (_, true) => Vec::new(),
            _ => account.unused(access.outcome.at_ms),
        };
        self.compare(access.refund.as_ref(), &expected);
        let after = match &access.result {
            SessionResult::Kept => account,
            SessionResult::Ended(_) => return,
            SessionResult::Idle => Account::default(),
            SessionResult::Charged { from_ms, until_ms, .. } => {
                let mut unproven = Vec::new();
                if is_automatic {
                    unproven = account.unproven;
                    unproven.extend(charged.iter().cloned());
                }
                Account { from_ms: *from_ms, until_ms: *until_ms, paid: charged, unproven }
            }
        };
        self.sessions.insert(access.session_id, after);
    }

    fn compare(&mut self, refund: Option<&Refund>, expected: &[Taken]) {
        let lines = refund.iter().flat_map(|refund| &refund.lines);
        let given = lines
            .map(|line| (line.activation_id.clone(), line.epoch, line.action, line.tokens.micros()))
            .collect::<Vec<_>>();
        assert_eq!(given, expected);
        assert_eq!(refund.is_none(), expected.is_empty());
        self.refunds += usize::from(refund.is_some());
    }
}

fn taken(outcome: &Outcome) -> Vec<Taken> {
    let charges = outcome.items.iter().flat_map(|item| &item.charges);
    charges
        .map(|charge| {
            (charge.activation_id.clone(), charge.epoch, charge.action, charge.tokens.micros())
        })
        .collect()
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn refunds_are_the_unused_part_of_what_was_charged(steps in steps(70)) {
        let mut play = Play::new();
        play.run(&steps);
        let mut books = Books::default();
        play.world.journal.iter().for_each(|record| books.enter(record));
        let live = play.world.instance.live_sessions();
        prop_assert_eq!(books.sessions.len(), live);
    }
}
