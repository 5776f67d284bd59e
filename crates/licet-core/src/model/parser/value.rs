//! Names, values and numbers.

use super::{Failed, Parsed, Parser};
use crate::model::{
    MAX_COUNT, MAX_NAME, MAX_PATTERNS, MAX_VALUES, RESERVED_MODEL_NAMES,
    error::Mistake,
    lexer::{Kind, Token},
    matching::{Matcher, Pattern},
    version::Version,
};

const A_VALUE: &str = "a text in quotes, or a regular expression such as ~/eng-.*/";
const A_VERSION: &str = "a version such as 2.0, without quotes (0 is any version)";
const A_COUNT: &str = "a whole number";

impl<'a> Parser<'a> {
    pub(super) fn model_name(&mut self) -> Parsed<Box<str>> {
        let place = self.token;
        let name = self.name("the name of the model in quotes")?;
        if RESERVED_MODEL_NAMES.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            self.report(place, Mistake::ReservedModelName { name: name.clone() });
        }
        Ok(name)
    }

    /// A text in quotes that is not empty.
    pub(super) fn name(&mut self, expected: &'static str) -> Parsed<Box<str>> {
        if self.token.kind != Kind::Text {
            return Err(self.unexpected(expected));
        }
        let token = self.advance();
        let name = self.text_of(token);
        if name.is_empty() {
            self.report(token, Mistake::EmptyName);
        }
        Ok(name)
    }

    /// The name of a feature, which may go without quotes.
    pub(super) fn feature_name(&mut self, expected: &'static str) -> Parsed<Box<str>> {
        if self.token.kind != Kind::Word {
            return self.name(expected);
        }
        let token = self.advance();
        self.check_length(token, token.text);
        Ok(token.text.into())
    }

    /// What a value must be.
    pub(super) fn matcher(&mut self) -> Parsed<Matcher<Box<str>>> {
        match self.token.kind {
            Kind::Text => {
                let token = self.advance();
                Ok(Matcher::Exactly(self.text_of(token)))
            }
            Kind::Pattern => {
                let token = self.advance();
                self.pattern_of(token).map(Matcher::Pattern)
            }
            _ => Err(self.unexpected(A_VALUE)),
        }
    }

    pub(super) fn count_value(&mut self) -> Parsed<()> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.too_many("tests and values in a model", MAX_VALUES));
        }
        Ok(())
    }

    pub(super) fn version(&mut self) -> Parsed<Version> {
        if self.token.kind != Kind::Number {
            return Err(self.unexpected(A_VERSION));
        }
        let token = self.advance();
        token.text.parse().map_err(|error| self.wrong(token, Mistake::Version(error)))
    }

    pub(super) fn count(&mut self) -> Parsed<u64> {
        if self.token.kind != Kind::Number {
            return Err(self.unexpected(A_COUNT));
        }
        let token = self.advance();
        self.count_of(token)
    }

    pub(super) fn count_of(&mut self, token: Token<'a>) -> Parsed<u64> {
        let count = token.text.parse().ok().filter(|count| *count <= MAX_COUNT);
        count.ok_or_else(|| self.wrong(token, Mistake::Count))
    }

    /// What a text in quotes says. A mistake in it is reported and passed over.
    fn text_of(&mut self, token: Token<'a>) -> Box<str> {
        let inner = &token.text[1..token.text.len() - 1];
        let (mut text, mut characters) = (String::with_capacity(inner.len()), inner.chars());
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some(hidden @ ('"' | '\\')) => text.push(hidden),
                    hidden => {
                        let escape = ['\\'].into_iter().chain(hidden).collect::<String>();
                        self.report(token, Mistake::Escape(escape.into()));
                    }
                },
                character => text.push(character),
            }
        }
        if text.contains(char::is_control) {
            self.report(token, Mistake::ControlCharacter);
        }
        self.check_length(token, &text);
        text.into()
    }

    fn check_length(&mut self, token: Token<'a>, text: &str) {
        if text.len() > MAX_NAME && text.chars().count() > MAX_NAME {
            self.report(token, Mistake::NameTooLong);
        }
    }

    /// The regular expression between `~/` and `/`.
    fn pattern_of(&mut self, token: Token<'a>) -> Parsed<Pattern> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(self.too_many("regular expressions in a model", MAX_PATTERNS));
        }
        let source = without_hidden_slashes(&token.text[2..token.text.len() - 1]);
        Pattern::new(&source)
            .map_err(|error| -> Failed { self.wrong(token, Mistake::Pattern(error)) })
    }
}

/// `\/` is a slash; other backslashes are the regular expression's own.
fn without_hidden_slashes(source: &str) -> String {
    let (mut text, mut characters) = (String::with_capacity(source.len()), source.chars());
    while let Some(character) = characters.next() {
        match (character, characters.clone().next()) {
            ('\\', Some('/')) => {}
            ('\\', Some(hidden)) => {
                text.extend([character, hidden]);
                characters.next();
            }
            _ => text.push(character),
        }
    }
    text
}
