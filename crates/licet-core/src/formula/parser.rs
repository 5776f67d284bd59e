//! Reads a formula by recursive descent.

use rust_decimal::Decimal;

use super::arithmetic::{BinaryOperator, UnaryOperator};
use super::{FormulaError, MAX_DEPTH, MAX_NODES, Node};

/// How much of a long name an error repeats.
const MAX_FOUND: usize = 40;

const A_VALUE: &str = "a number, a variable, a function or `(`";
const A_FUNCTION: &str = "one of the functions FLOOR.MATH, CEILING.MATH, POWER, PRODUCT, SUM, \
                          ABS, MIN, MAX and ROUND";

/// The root of a formula and the names of its variables.
pub(super) fn parse(source: &str) -> Result<(Node, Vec<Box<str>>), FormulaError> {
    let (token, after) = read_token(source, 0)?;
    let mut parser = Parser { source, token, after, variables: Vec::new(), nodes: 0, depth: 0 };
    let root = parser.expression()?;
    match parser.token.kind {
        Kind::End => Ok((root, parser.variables)),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'a> {
    source: &'a str,
    /// The first token that is not used up.
    token: Token<'a>,
    /// Where the token after it begins, in bytes.
    after: usize,
    variables: Vec<Box<str>>,
    nodes: usize,
    depth: usize,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// Where it begins, in bytes.
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Name,
    Symbol(char),
    End,
}

/// What a function makes of its arguments.
#[derive(Clone, Copy)]
enum Function {
    Unary(UnaryOperator),
    Binary(BinaryOperator),
    /// Joins two or more values from left to right.
    Fold(BinaryOperator),
}

impl Function {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "ABS" => Self::Unary(UnaryOperator::Absolute),
            "FLOOR.MATH" => Self::Unary(UnaryOperator::Floor),
            "CEILING.MATH" => Self::Unary(UnaryOperator::Ceiling),
            "POWER" => Self::Binary(BinaryOperator::Power),
            "ROUND" => Self::Binary(BinaryOperator::Round),
            "PRODUCT" => Self::Fold(BinaryOperator::Multiply),
            "SUM" => Self::Fold(BinaryOperator::Add),
            "MIN" => Self::Fold(BinaryOperator::Smaller),
            "MAX" => Self::Fold(BinaryOperator::Larger),
            _ => return None,
        })
    }

    fn expected_at_end(self) -> &'static str {
        match self {
            Self::Unary(_) | Self::Binary(_) => "an operator or `)`",
            Self::Fold(_) => "an operator, `,` or `)`",
        }
    }
}

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Result<Node, FormulaError> {
        let mut left = self.term()?;
        loop {
            let operator = match self.token.kind {
                Kind::Symbol('+') => BinaryOperator::Add,
                Kind::Symbol('-') => BinaryOperator::Subtract,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.term()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn term(&mut self) -> Result<Node, FormulaError> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.token.kind {
                Kind::Symbol('*') => BinaryOperator::Multiply,
                Kind::Symbol('/') => BinaryOperator::Divide,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.unary()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<Node, FormulaError> {
        if self.token.kind != Kind::Symbol('-') {
            return self.power();
        }
        self.advance()?;
        let operand = self.nested(Self::unary)?;
        self.node(Node::Unary(UnaryOperator::Negate, Box::new(operand)))
    }

    fn power(&mut self) -> Result<Node, FormulaError> {
        let base = self.primary()?;
        if self.token.kind != Kind::Symbol('^') {
            return Ok(base);
        }
        self.advance()?;
        let exponent = self.nested(Self::unary)?;
        self.binary(BinaryOperator::Power, base, exponent)
    }

    fn primary(&mut self) -> Result<Node, FormulaError> {
        let token = self.token;
        match token.kind {
            Kind::Number => self.number(),
            Kind::Name => {
                self.advance()?;
                let is_function = self.token.kind == Kind::Symbol('(');
                if is_function { self.function(token) } else { self.variable(token.text) }
            }
            Kind::Symbol('(') => {
                self.advance()?;
                let inner = self.nested(Self::expression)?;
                self.expect(')', "an operator or `)`")?;
                Ok(inner)
            }
            _ => Err(self.unexpected(A_VALUE)),
        }
    }

    fn number(&mut self) -> Result<Node, FormulaError> {
        let value = Decimal::from_str_exact(self.token.text)
            .map_err(|_| self.unexpected("a number of at most 28 digits"))?;
        self.advance()?;
        self.node(Node::Number(value))
    }

    fn variable(&mut self, name: &str) -> Result<Node, FormulaError> {
        let known = self.variables.iter().position(|known| known.eq_ignore_ascii_case(name));
        if known.is_none() {
            self.variables.push(name.to_ascii_lowercase().into());
        }
        self.node(Node::Variable(known.unwrap_or(self.variables.len() - 1)))
    }

    fn function(&mut self, name: Token<'a>) -> Result<Node, FormulaError> {
        let function =
            Function::named(name.text).ok_or_else(|| unexpected(self.source, name, A_FUNCTION))?;
        self.advance()?;
        let node = self.nested(|parser| parser.arguments(function))?;
        self.expect(')', function.expected_at_end())?;
        Ok(node)
    }

    fn arguments(&mut self, function: Function) -> Result<Node, FormulaError> {
        let first = self.expression()?;
        match function {
            Function::Unary(operator) => self.node(Node::Unary(operator, Box::new(first))),
            Function::Binary(operator) => self.joined(operator, first),
            Function::Fold(operator) => {
                let mut node = self.joined(operator, first)?;
                while self.token.kind == Kind::Symbol(',') {
                    node = self.joined(operator, node)?;
                }
                Ok(node)
            }
        }
    }

    /// Joins `left` and the argument after the comma that must come now.
    fn joined(&mut self, operator: BinaryOperator, left: Node) -> Result<Node, FormulaError> {
        self.expect(',', "an operator or `,`")?;
        let right = self.expression()?;
        self.binary(operator, left, right)
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: Node,
        right: Node,
    ) -> Result<Node, FormulaError> {
        self.node(Node::Binary(operator, Box::new(left), Box::new(right)))
    }

    fn node(&mut self, node: Node) -> Result<Node, FormulaError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(FormulaError::TooLarge { column: self.column() });
        }
        Ok(node)
    }

    /// Reads a part one level deeper.
    fn nested<F>(&mut self, part: F) -> Result<Node, FormulaError>
    where
        F: FnOnce(&mut Self) -> Result<Node, FormulaError>,
    {
        if self.depth == MAX_DEPTH {
            return Err(FormulaError::TooDeep { column: self.column() });
        }
        self.depth += 1;
        let node = part(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn expect(&mut self, symbol: char, expected: &'static str) -> Result<(), FormulaError> {
        if self.token.kind != Kind::Symbol(symbol) {
            return Err(self.unexpected(expected));
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<(), FormulaError> {
        (self.token, self.after) = read_token(self.source, self.after)?;
        Ok(())
    }

    fn column(&self) -> usize {
        column(self.source, self.token.start)
    }

    fn unexpected(&self, expected: &'static str) -> FormulaError {
        unexpected(self.source, self.token, expected)
    }
}

fn column(source: &str, position: usize) -> usize {
    source[..position].chars().count() + 1
}

fn unexpected(source: &str, token: Token<'_>, expected: &'static str) -> FormulaError {
    let mut found: String = token.text.chars().take(MAX_FOUND).collect();
    if found.len() < token.text.len() {
        found.push('…');
    }
    let found = match token.kind {
        Kind::End => "the end".into(),
        _ => format!("`{}`", found.escape_debug()).into(),
    };
    FormulaError::Unexpected { column: column(source, token.start), found, expected }
}

/// The token at or after the byte `from`, and the byte after it.
fn read_token(source: &str, from: usize) -> Result<(Token<'_>, usize), FormulaError> {
    let rest = source[from..].trim_ascii_start();
    let start = source.len() - rest.len();
    let (kind, length) = match rest.chars().next() {
        None => (Kind::End, 0),
        Some('0'..='9' | '.') => (Kind::Number, number_length(rest)),
        Some('A'..='Z' | 'a'..='z' | '_') => (Kind::Name, length_while(rest, is_in_name)),
        Some(symbol) => (Kind::Symbol(symbol), symbol.len_utf8()),
    };
    let token = Token { kind, text: &rest[..length], start };
    if kind == Kind::Number && token.text.ends_with('.') {
        return Err(unexpected(source, token, "a digit after the decimal point"));
    }
    Ok((token, start + length))
}

fn number_length(text: &str) -> usize {
    let whole = length_while(text, |byte| byte.is_ascii_digit());
    match text[whole..].strip_prefix('.') {
        None => whole,
        Some(fraction) => whole + 1 + length_while(fraction, |byte| byte.is_ascii_digit()),
    }
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

fn length_while(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}
