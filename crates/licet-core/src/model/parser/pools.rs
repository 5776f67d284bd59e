//! The part `partitions { … }`.

use super::{Parsed, Parser};
use crate::model::{
    DEFAULT_POOL, MAX_FEATURES, MAX_POOLS,
    error::Mistake,
    lexer::{Kind, Token},
    matching::Matcher,
    pool::{Amount, Pool, PoolFeature, PoolRef},
};

const A_FEATURE: &str = "a feature such as \"render\" 2.0 10, or a `}`";
const AN_AMOUNT: &str = "an amount after the version, such as 10, 60% or remainder";

/// A feature that was read: where it is in the pools, and where its text begins, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pool: usize,
    index: usize,
    start: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn partitions(&mut self) -> Parsed<()> {
        self.advance();
        self.block("a `{`", |parser| {
            while !parser.is_at('}') {
                if let Err(failed) = parser.partition() {
                    parser.has_unread_pools = true;
                    return Err(failed);
                }
            }
            Ok(())
        })
    }

    fn partition(&mut self) -> Parsed<()> {
        self.expect_word("partition", "`partition` and the name of a pool, or a `}`")?;
        if self.pools.len() == MAX_POOLS {
            return Err(self.too_many("pools in a model", MAX_POOLS));
        }
        let place = self.token;
        let name = self.name("the name of a pool in quotes")?;
        self.check_pool_name(place, &name);
        self.pools.push(Pool { name, features: Vec::new() });
        self.pool_places.push(place.start);
        self.block("a `{`", |parser| {
            while !parser.is_at('}') {
                let start = parser.token.start;
                if parser.placed_feature().is_err() {
                    parser.skip_feature(start)?;
                }
            }
            Ok(())
        })
    }

    fn check_pool_name(&mut self, place: Token<'a>, name: &str) {
        if name.eq_ignore_ascii_case(DEFAULT_POOL) {
            self.report(place, Mistake::DefaultPoolDefined);
        }
        if let Some(index) = self.pools.iter().position(|pool| *pool.name == *name) {
            let (line, _) = self.line_and_column(self.pool_places[index]);
            self.report(place, Mistake::PoolTwice { name: name.into(), line });
        }
    }

    /// A pool that a rule names.
    pub(super) fn pool(&mut self) -> Parsed<PoolRef> {
        let place = self.token;
        let name = self.name("the name of a pool in quotes")?;
        if *name == *DEFAULT_POOL {
            return Ok(PoolRef::Default);
        }
        if let Some(index) = self.pools.iter().position(|pool| pool.name == name) {
            return Ok(PoolRef::Named(index));
        }
        if !self.has_unread_pools {
            let nearest = self.nearest_pool(&name);
            self.report(place, Mistake::UnknownPool { name, nearest });
        }
        // The model is not made, so it does not matter which pool this is.
        Ok(PoolRef::Default)
    }

    /// The pool that has this name in other upper and lower case.
    fn nearest_pool(&self, name: &str) -> Option<Box<str>> {
        let (wanted, default) = (name.to_lowercase(), Box::from(DEFAULT_POOL));
        let mut names = self.pools.iter().map(|pool| &pool.name).chain([&default]);
        names.find(|candidate| candidate.to_lowercase() == wanted).cloned()
    }

    fn placed_feature(&mut self) -> Parsed<()> {
        if self.features.len() == MAX_FEATURES {
            return Err(self.too_many("features in the pools of a model", MAX_FEATURES));
        }
        let place = self.token;
        let feature = self.feature()?;
        let pool = self.pools.len() - 1;
        self.check_feature(place, &feature);
        let index = self.pools[pool].features.len();
        self.pools[pool].features.push(feature);
        self.features.push(Placed { pool, index, start: place.start });
        Ok(())
    }

    fn feature(&mut self) -> Parsed<PoolFeature> {
        let is_keyword = ["partition", "partitions", "on"].iter().any(|it| self.token.is_word(it));
        if is_keyword {
            return Err(self.unexpected(A_FEATURE));
        }
        let mut feature = PoolFeature {
            name: self.feature_name(A_FEATURE)?,
            version: self.version()?,
            amount: self.amount()?,
            max: None,
            vendor_string: None,
            product_name: None,
            activation_id: None,
        };
        while self.clause(&mut feature)? {}
        Ok(feature)
    }

    fn amount(&mut self) -> Parsed<Amount> {
        if self.take_word("remainder") {
            return Ok(Amount::Remainder);
        }
        if self.token.kind != Kind::Number {
            return Err(self.unexpected(AN_AMOUNT));
        }
        let token = self.advance();
        if !self.take('%') {
            return self.count_of(token).map(Amount::Count);
        }
        let percent = token.text.parse().ok().filter(|percent| *percent <= 100);
        Ok(Amount::Percent(percent.unwrap_or_else(|| {
            self.report(token, Mistake::Percentage);
            100
        })))
    }

    /// Reads what may stand after an amount; false if nothing does.
    fn clause(&mut self, feature: &mut PoolFeature) -> Parsed<bool> {
        let place = self.token;
        if self.take_word("max") {
            let max = self.max()?;
            self.set(place, "max", &mut feature.max, max);
        } else if self.take_word("vendor") {
            let matcher = self.matches("string", "`string`, as in `vendor string matches`")?;
            self.set(place, "vendor string matches", &mut feature.vendor_string, matcher);
        } else if self.take_word("product") {
            let matcher = self.matches("name", "`name`, as in `product name matches`")?;
            self.set(place, "product name matches", &mut feature.product_name, matcher);
        } else if self.take_word("activation") {
            let matcher = self.matches("ID", "`ID`, as in `activation ID matches`")?;
            self.set(place, "activation ID matches", &mut feature.activation_id, matcher);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn max(&mut self) -> Parsed<u64> {
        let place = self.token;
        let max = self.count()?;
        if max == 0 {
            self.report(place, Mistake::MaxZero);
        }
        Ok(max)
    }

    fn matches(&mut self, second: &str, expected: &'static str) -> Parsed<Matcher<Box<str>>> {
        self.expect_word(second, expected)?;
        self.expect_word("matches", "`matches`")?;
        self.matcher()
    }

    fn set<T>(&mut self, place: Token<'a>, clause: &'static str, to: &mut Option<T>, value: T) {
        if to.replace(value).is_some() {
            self.report(place, Mistake::ClauseTwice(clause));
        }
    }

    fn check_feature(&mut self, place: Token<'a>, feature: &PoolFeature) {
        let pool = self.pools.len() - 1;
        let read = |placed: &&Placed| &self.pools[placed.pool].features[placed.index];
        let twin =
            self.features.iter().find(|it| it.pool == pool && read(it).repeats(feature)).copied();
        let greedy = self
            .features
            .iter()
            .find(|it| read(it).amount == Amount::Remainder && read(it).covers(feature));
        let name = feature.name.clone();
        if let Some(twin) = twin {
            let (line, _) = self.line_and_column(twin.start);
            self.report(place, Mistake::FeatureTwice { name, line });
        } else if let Some(greedy) = greedy.copied() {
            let (line, _) = self.line_and_column(greedy.start);
            self.report(place, Mistake::AfterRemainder { name, line });
        }
    }

    /// From a mistake in the feature that begins at `start` to the first one of a later line, or
    /// to the end of the block. A brace in between means that the block itself is amiss.
    fn skip_feature(&mut self, start: usize) -> Parsed<()> {
        let mistake = self.errors.last().map_or(start, |(place, _)| start.max(*place));
        let line_end =
            self.source[mistake..].find('\n').map_or(self.source.len(), |it| mistake + it);
        loop {
            let begins = matches!(self.token.kind, Kind::Text | Kind::Word);
            if self.is_at('}') || (begins && self.token.start > line_end) {
                return Ok(());
            }
            if self.is_at('{') || self.token.kind == Kind::End {
                return Err(super::Failed);
            }
            self.advance();
        }
    }
}
