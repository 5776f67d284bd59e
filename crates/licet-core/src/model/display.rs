//! The canonical form of a model.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    Model,
    matching::{Matcher, Pattern},
    pool::{Amount, Pool, PoolFeature},
    rule::{Action, Condition, DictionaryEntry, Rule, Unasked},
};

impl Display for Model {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "model {} {{", Quoted(&self.name))?;
        if !self.pools.is_empty() {
            writeln!(f, "    partitions {{")?;
            self.pools.iter().try_for_each(|pool| write!(f, "{pool}"))?;
            writeln!(f, "    }}")?;
        }
        self.rules.iter().try_for_each(|rule| self.write_rule(f, rule))?;
        writeln!(f, "}}")
    }
}

impl Model {
    fn write_rule(&self, f: &mut Formatter<'_>, rule: &Rule) -> fmt::Result {
        writeln!(f, "    on {} {{", rule.condition)?;
        if !rule.pools.is_empty() {
            let names = rule.pools.iter().map(|pool| Quoted(self.pool_name(*pool)));
            write!(f, "        use ")?;
            separated(f, names, ", ")?;
            writeln!(f)?;
        }
        if !rule.unasked.is_empty() {
            writeln!(f, "        without requested features {{")?;
            rule.unasked.iter().try_for_each(|unasked| self.write_unasked(f, unasked))?;
            writeln!(f, "        }}")?;
        }
        writeln!(f, "        {}\n    }}", rule.action)
    }

    fn write_unasked(&self, f: &mut Formatter<'_>, unasked: &Unasked) -> fmt::Result {
        match unasked {
            Unasked::AllFrom(pool) => {
                writeln!(f, "            all from {}", Quoted(self.pool_name(*pool)))
            }
            Unasked::Feature { name, version, count } => {
                writeln!(f, "            {} {version} {count}", Quoted(name))
            }
        }
    }
}

impl Display for Pool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "        partition {} {{", Quoted(&self.name))?;
        self.features.iter().try_for_each(|feature| writeln!(f, "            {feature}"))?;
        writeln!(f, "        }}")
    }
}

impl Display for PoolFeature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", Quoted(&self.name), self.version, self.amount)?;
        if let Some(max) = self.max {
            write!(f, " max {max}")?;
        }
        let clauses = ["vendor string", "product name", "activation ID"];
        for (clause, matcher) in clauses.iter().zip(self.matchers()) {
            if let Some(matcher) = matcher {
                write!(f, " {clause} matches {matcher}")?;
            }
        }
        Ok(())
    }
}

impl Display for Amount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Remainder => f.write_str("remainder"),
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Continue => "continue",
            Self::Deny => "deny",
        })
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any()"),
            Self::HostId(values) => list(f, "hostid", values),
            Self::HostName(values) => list(f, "hostname", values),
            Self::HostType(values) => list(f, "hosttype", values),
            Self::Dictionary(entries) => list(f, "dictionary", entries),
            Self::Not(condition) => write!(f, "NOT {}", Inner(condition, true)),
            Self::All(conditions) => {
                separated(f, conditions.iter().map(|it| Inner(it, true)), " AND ")
            }
            Self::OneOf(conditions) => {
                separated(f, conditions.iter().map(|it| Inner(it, false)), " OR ")
            }
        }
    }
}

/// A condition inside another: in parentheses if it is an OR, or an AND where AND binds as tightly.
struct Inner<'a>(&'a Condition, bool);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Condition::OneOf(_) => write!(f, "({})", self.0),
            Condition::All(_) if self.1 => write!(f, "({})", self.0),
            condition => write!(f, "{condition}"),
        }
    }
}

impl Display for DictionaryEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Quoted(&self.key))?;
        match &self.value {
            None => f.write_char('*'),
            Some(value) => write!(f, "{value}"),
        }
    }
}

impl<T: Display> Display for Matcher<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "{}", Quoted(value)),
            Self::Pattern(pattern) => write!(f, "{pattern}"),
        }
    }
}

/// Between its slashes.
impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut is_hidden = false;
        f.write_str("~/")?;
        for character in self.source().chars() {
            if character == '/' && !is_hidden {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
            is_hidden = character == '\\' && !is_hidden;
        }
        f.write_char('/')
    }
}

/// A text in quotes.
struct Quoted<T>(T);

impl<T: Display> Display for Quoted<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Escaping(f), "{}", self.0)?;
        f.write_char('"')
    }
}

struct Escaping<'a, 'f>(&'a mut Formatter<'f>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                self.0.write_char('\\')?;
            }
            self.0.write_char(character)?;
        }
        Ok(())
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, test: &str, values: &[T]) -> fmt::Result {
    write!(f, "{test}(")?;
    separated(f, values.iter(), ", ")?;
    f.write_char(')')
}

fn separated<T: Display>(
    f: &mut Formatter<'_>,
    values: impl Iterator<Item = T>,
    separator: &str,
) -> fmt::Result {
    for (index, value) in values.enumerate() {
        f.write_str(if index == 0 { "" } else { separator })?;
        write!(f, "{value}")?;
    }
    Ok(())
}
