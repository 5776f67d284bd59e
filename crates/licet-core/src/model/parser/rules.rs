//! Rules.

use super::{Parsed, Parser};
use crate::model::{
    MAX_GIVEN, MAX_RULES,
    error::Mistake,
    lexer::Kind,
    pool::PoolRef,
    rule::{Action, Condition, Rule, Unasked},
};

const THE_END_OF_A_RULE: &str = "a `}`; a rule holds `use`, then `without requested features`, \
                                 then `accept`, `continue` or `deny`";
const UNASKED: &str = "`all from` and a pool, a feature such as \"render\" 2.0 1, or a `}`";

impl Parser<'_> {
    pub(super) fn rule(&mut self) -> Parsed<()> {
        if self.token.is_word("partitions") {
            return Err(self.wrong(self.token, Mistake::LatePartitions));
        }
        self.expect_word("on", "`on` and a condition, or a `}`")?;
        if self.rules.len() == MAX_RULES {
            return Err(self.too_many("rules in a model", MAX_RULES));
        }
        let condition = self.condition()?;
        self.block("AND, OR or a `{`", |parser| parser.consequence(condition))
    }

    /// What stands between the braces of a rule.
    fn consequence(&mut self, condition: Condition) -> Parsed<()> {
        let pools = if self.take_word("use") { self.pool_list()? } else { Vec::new() };
        let unasked = if self.take_word("without") { self.unasked()? } else { Vec::new() };
        if pools.len() + unasked.len() > MAX_GIVEN {
            return Err(self.too_many("pools and features in a rule", MAX_GIVEN));
        }
        let gives_nothing = pools.is_empty() && unasked.is_empty();
        let place = self.token;
        let action = self.action();
        if action == Some(Action::Deny) && !gives_nothing {
            self.report(place, Mistake::DenyGives);
        }
        if !self.is_at('}') {
            return Err(self.unexpected(THE_END_OF_A_RULE));
        }
        if action.is_none() && gives_nothing {
            self.report(place, Mistake::EmptyRule);
        }
        let action = action.unwrap_or(Action::Accept);
        self.rules.push(Rule { condition, pools, unasked, action });
        Ok(())
    }

    fn pool_list(&mut self) -> Parsed<Vec<PoolRef>> {
        let mut pools = vec![self.pool()?];
        while self.take(',') {
            pools.push(self.pool()?);
        }
        Ok(pools)
    }

    /// What comes after `without`.
    fn unasked(&mut self) -> Parsed<Vec<Unasked>> {
        self.expect_word("requested", "`requested`, as in `without requested features`")?;
        self.expect_word("features", "`features`, as in `without requested features`")?;
        let mut unasked = Vec::new();
        self.block("a `{`", |parser| {
            while !parser.is_at('}') {
                parser.add_unasked(&mut unasked)?;
            }
            Ok(())
        })?;
        Ok(unasked)
    }

    fn add_unasked(&mut self, unasked: &mut Vec<Unasked>) -> Parsed<()> {
        if self.take_word("all") {
            self.expect_word("from", "`from` and the name of a pool")?;
            unasked.extend(self.pool_list()?.into_iter().map(Unasked::AllFrom));
            return Ok(());
        }
        let name = self.feature_name(UNASKED)?;
        let (version, count) = (self.version()?, self.count()?);
        unasked.push(Unasked::Feature { name, version, count });
        Ok(())
    }

    fn action(&mut self) -> Option<Action> {
        let actions =
            [("accept", Action::Accept), ("continue", Action::Continue), ("deny", Action::Deny)];
        let (word, action) = actions.into_iter().find(|(word, _)| self.token.is_word(word))?;
        self.take_word(word).then_some(action)
    }

    /// To the next rule, or to the end of the model.
    pub(super) fn skip_rule(&mut self) {
        const INSIDE_THE_MODEL: usize = 1;
        while self.token.kind != Kind::End {
            let is_outside = self.braces == INSIDE_THE_MODEL;
            if is_outside && (self.token.is_word("on") || self.is_at('}')) {
                return;
            }
            let is_closing = self.is_at('}') && self.braces == INSIDE_THE_MODEL + 1;
            self.advance();
            if is_closing {
                return;
            }
        }
    }
}
