//! Reads a model by recursive descent, and goes on after a mistake where it is safe.

mod condition;
mod place;
mod pools;
mod rules;
mod value;

use std::num::NonZeroUsize;

use super::{
    MAX_ERRORS, MAX_LENGTH, Model,
    error::{Mistake, ModelError, ModelErrors},
    lexer::{Kind, Token, read_token},
    pool::Pool,
    rule::Rule,
};

pub(super) fn parse(source: &str) -> Result<Model, ModelErrors> {
    let mut parser = Parser::new(source);
    let model = match source.len() > MAX_LENGTH {
        true => Err(parser.wrong(parser.token, Mistake::TooLong)),
        false => parser.model(),
    };
    match model {
        Ok(model) if parser.errors.is_empty() => Ok(model),
        _ => Err(parser.into_errors()),
    }
}

/// The mistake is in the list already, and what was being read cannot be made.
struct Failed;

type Parsed<T> = Result<T, Failed>;

struct Parser<'a> {
    source: &'a str,
    /// The first token that is not used up.
    token: Token<'a>,
    /// How many of the braces before it are open.
    braces: usize,
    /// Mistakes with the bytes where their places begin.
    errors: Vec<(usize, ModelError)>,
    /// Nothing more is read, and nothing more is wrong.
    is_over: bool,
    pools: Vec<Pool>,
    /// Where the pools are named, in bytes.
    pool_places: Vec<usize>,
    /// A mistake hides the names of some pools.
    has_unread_pools: bool,
    /// Features of all pools, how they are placed in `pools`, and where they are written.
    features: Vec<pools::Placed>,
    rules: Vec<Rule>,
    values: usize,
    patterns: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            token: Token { kind: Kind::End, text: "", start: 0 },
            braces: 0,
            errors: Vec::new(),
            is_over: false,
            pools: Vec::new(),
            pool_places: Vec::new(),
            has_unread_pools: false,
            features: Vec::new(),
            rules: Vec::new(),
            values: 0,
            patterns: 0,
            depth: 0,
        }
    }

    fn model(&mut self) -> Parsed<Model> {
        self.read_next();
        self.expect_word("model", "`model`")?;
        let name = self.model_name()?;
        self.block("a `{`", |parser| parser.body())?;
        if self.token.kind != Kind::End {
            return Err(self.wrong(self.token, Mistake::AfterTheModel));
        }
        let (pools, rules) = (std::mem::take(&mut self.pools), std::mem::take(&mut self.rules));
        Ok(Model { name, pools, rules })
    }

    fn body(&mut self) -> Parsed<()> {
        if self.token.is_word("partitions") {
            self.partitions()?;
        }
        while !self.is_at('}') && self.token.kind != Kind::End {
            if self.rule().is_err() {
                self.skip_rule();
            }
        }
        Ok(())
    }

    /// Reads `{ … }`. After a mistake in `content` the rest of the block is skipped.
    fn block<F>(&mut self, opening: &'static str, content: F) -> Parsed<()>
    where
        F: FnOnce(&mut Self) -> Parsed<()>,
    {
        self.expect('{', opening)?;
        let inside = self.braces;
        if content(self).is_err() {
            self.skip_while(|parser| !(parser.is_at('}') && parser.braces == inside));
        }
        self.expect('}', "a `}`")
    }

    fn skip_while(&mut self, goes_on: impl Fn(&Self) -> bool) {
        while self.token.kind != Kind::End && goes_on(self) {
            self.advance();
        }
    }

    fn is_at(&self, symbol: char) -> bool {
        self.token.kind == Kind::Symbol(symbol)
    }

    /// Uses the token up if it is this keyword.
    fn take_word(&mut self, keyword: &str) -> bool {
        let is_word = self.token.is_word(keyword);
        if is_word {
            self.advance();
        }
        is_word
    }

    fn take(&mut self, symbol: char) -> bool {
        let is_symbol = self.is_at(symbol);
        if is_symbol {
            self.advance();
        }
        is_symbol
    }

    fn expect_word(&mut self, keyword: &str, expected: &'static str) -> Parsed<()> {
        if self.take_word(keyword) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn expect(&mut self, symbol: char, expected: &'static str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// Uses the token up and returns it.
    fn advance(&mut self) -> Token<'a> {
        let used = self.token;
        match used.kind {
            Kind::Symbol('{') => self.braces += 1,
            Kind::Symbol('}') => self.braces = self.braces.saturating_sub(1),
            _ => {}
        }
        self.read_next();
        used
    }

    fn read_next(&mut self) {
        let end = Token { kind: Kind::End, text: "", start: self.source.len() };
        self.token = match self.is_over {
            true => end,
            false => {
                read_token(self.source, self.token.end()).unwrap_or_else(|(place, mistake)| {
                    self.stop(place, mistake);
                    end
                })
            }
        };
    }

    /// Reports a mistake at which reading goes on.
    fn report(&mut self, place: Token<'a>, mistake: Mistake) {
        // What follows from a mistake would be reported at the same place once more.
        let is_known = self.errors.iter().any(|(start, _)| *start == place.start);
        if self.is_over || is_known {
            return;
        }
        let (line, column) = self.line_and_column(place.start);
        let length = place.text.chars().count();
        self.errors.push((place.start, ModelError { line, column, length, mistake }));
        self.is_over = self.errors.len() >= MAX_ERRORS;
    }

    /// Reports a mistake after which nothing can be read.
    fn stop(&mut self, place: Token<'a>, mistake: Mistake) {
        self.report(place, mistake);
        self.is_over = true;
    }

    /// Reports a mistake that keeps this part from being made.
    fn wrong(&mut self, place: Token<'a>, mistake: Mistake) -> Failed {
        self.report(place, mistake);
        Failed
    }

    /// Reports that the text has too many of something. What follows would only be more of it.
    fn too_many(&mut self, what: &'static str, max: usize) -> Failed {
        self.stop(self.token, Mistake::TooMany { what, max });
        Failed
    }

    fn unexpected(&mut self, expected: &'static str) -> Failed {
        let mistake = place::unexpected(self.token, expected);
        self.wrong(self.token, mistake)
    }

    fn line_and_column(&self, start: usize) -> (NonZeroUsize, NonZeroUsize) {
        place::line_and_column(self.source, start)
    }

    fn into_errors(mut self) -> ModelErrors {
        self.errors.sort_by_key(|(start, _)| *start);
        ModelErrors(self.errors.into_iter().map(|(_, error)| error).collect())
    }
}
