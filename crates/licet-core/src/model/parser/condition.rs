//! Conditions: NOT binds tightest, then AND, then OR.

use super::{Parsed, Parser};
use crate::model::{
    MAX_DEPTH,
    error::Mistake,
    lexer::Kind,
    matching::Matcher,
    requester::HostId,
    rule::{Condition, DictionaryEntry},
};

const A_CONDITION: &str =
    "a condition: hostid(…), hostname(…), hosttype(…), dictionary(…), any(), NOT or `(`";
const A_LIST: &str = "a `(`";
const THE_END_OF_A_LIST: &str = "a `,` or a `)`";

impl Parser<'_> {
    pub(super) fn condition(&mut self) -> Parsed<Condition> {
        let mut terms = vec![self.all()?];
        while self.token.kind == Kind::Or || self.token.is_word("OR") {
            self.advance();
            terms.push(self.all()?);
        }
        Ok(joined(terms, Condition::OneOf))
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut factors = vec![self.negatable()?];
        while self.token.kind == Kind::And || self.token.is_word("AND") {
            self.advance();
            factors.push(self.negatable()?);
        }
        Ok(joined(factors, Condition::All))
    }

    fn negatable(&mut self) -> Parsed<Condition> {
        if self.take_word("NOT") || self.take('!') {
            let negated = self.nested(Self::negatable)?;
            return Ok(Condition::Not(Box::new(negated)));
        }
        if self.take('(') {
            let inner = self.nested(Self::condition)?;
            self.expect(')', "AND, OR or a `)`")?;
            return Ok(inner);
        }
        self.test()
    }

    fn test(&mut self) -> Parsed<Condition> {
        if self.take_word("hostid") {
            self.list(Self::host_id).map(Condition::HostId)
        } else if self.take_word("hostname") {
            self.list(Self::matcher).map(Condition::HostName)
        } else if self.take_word("hosttype") {
            self.list(Self::matcher).map(Condition::HostType)
        } else if self.take_word("dictionary") {
            self.list(Self::entry).map(Condition::Dictionary)
        } else if self.take_word("any") {
            self.any()
        } else {
            Err(self.unexpected(A_CONDITION))
        }
    }

    fn any(&mut self) -> Parsed<Condition> {
        self.count_value()?;
        self.expect('(', "`()` after `any`")?;
        self.expect(')', "a `)`, as `any()` takes no values")?;
        Ok(Condition::Any)
    }

    /// One or more values in parentheses. A comma may follow the last one, which is handy in long
    /// lists.
    fn list<T>(&mut self, value: fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect('(', A_LIST)?;
        let mut values = Vec::new();
        loop {
            self.count_value()?;
            values.push(value(self)?);
            let has_comma = self.take(',');
            if self.take(')') {
                return Ok(values);
            }
            if !has_comma {
                return Err(self.unexpected(THE_END_OF_A_LIST));
            }
        }
    }

    fn host_id(&mut self) -> Parsed<Matcher<HostId>> {
        Ok(match self.matcher()? {
            Matcher::Exactly(text) => Matcher::Exactly(HostId::from_written(&text)),
            Matcher::Pattern(pattern) => Matcher::Pattern(pattern),
        })
    }

    fn entry(&mut self) -> Parsed<DictionaryEntry> {
        let key = self.name("a key of the dictionary in quotes")?;
        self.expect(':', "a `:` and a value, or `*` for any value")?;
        if self.take('*') {
            return Ok(DictionaryEntry { key, value: None });
        }
        if self.token.kind == Kind::Number {
            let count = self.count()?;
            let value = Some(Matcher::Exactly(count.to_string().into()));
            return Ok(DictionaryEntry { key, value });
        }
        let value = Some(self.matcher()?).filter(|value| *value != Matcher::Exactly("*".into()));
        Ok(DictionaryEntry { key, value })
    }

    /// Reads a part one level deeper.
    fn nested(&mut self, part: fn(&mut Self) -> Parsed<Condition>) -> Parsed<Condition> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong(self.token, Mistake::TooDeep));
        }
        self.depth += 1;
        let condition = part(self);
        self.depth -= 1;
        condition
    }
}

fn joined(mut conditions: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            join(conditions)
        }
    }
}
