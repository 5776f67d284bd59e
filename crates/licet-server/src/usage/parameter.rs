//! Reading query parameters, and saying everything that is wrong with them at once.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use licet_protocol::limits::TEXT_CHARS;
use licet_store::Meters;
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapDeserializer},
};

use crate::Problem;

/// Meters that are named at most.
const METERS_MAX: usize = 100;

/// Parameters of which `meter` may come several times; the others are texts, empty if not given.
#[derive(Debug)]
pub(super) struct WithMeters<T> {
    names: Vec<String>,
    pub(super) rest: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WithMeters<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<(String, String)>::deserialize(deserializer)?;
        let (meters, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(name, _)| name == "meter");
        let names = meters.into_iter().map(|(_, meter)| meter).collect();
        let rest = MapDeserializer::<_, de::value::Error>::new(rest.into_iter());
        // With the name of the parameter that is wrong.
        let rest = serde_path_to_error::deserialize(rest).map_err(de::Error::custom)?;
        Ok(Self { names, rest })
    }
}

impl<T> WithMeters<T> {
    /// The meters that are named; none names all.
    pub(super) fn meters(&self, complaints: &mut Complaints) -> Meters {
        let named = self.names.iter().cloned();
        let named: Vec<_> = named.filter_map(|it| complaints.filter("meter", Some(it))).collect();
        if named.len() > METERS_MAX {
            complaints.add("meter", format_args!("must be given at most {METERS_MAX} times"));
        }
        if named.is_empty() { Meters::All } else { Meters::Named(named) }
    }
}

/// What is wrong with the parameters so far.
#[derive(Debug, Default)]
pub(super) struct Complaints(Vec<String>);

impl Complaints {
    pub(super) fn add(&mut self, name: &str, what: impl Display) {
        self.0.push(format!("{name}: {what}"));
    }

    /// # Errors
    /// 400 `validation_failed` if there is anything wrong.
    pub(super) fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::validation(self.0)) }
    }

    /// A number in a range, if there is one.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        text: Option<&str>,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let text = text?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.add(name, format_args!("must be a number from {least} to {most}"));
        }
        number
    }

    /// One of a few words; nothing stands for the first.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        text: Option<&str>,
        words: &[(&str, T)],
    ) -> T {
        let found = words.iter().find(|(word, _)| text.is_none_or(|text| text == *word));
        if let Some((_, value)) = found {
            return *value;
        }
        let names: Vec<&str> =
            words.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
        self.add(name, format_args!("must be {}", names.join(" or ")));
        words[0].1
    }

    /// A text to filter by; an empty one asks for nothing, as a form sends it.
    pub(super) fn filter(&mut self, name: &str, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if text.chars().count() > TEXT_CHARS {
            self.add(name, format_args!("must be at most {TEXT_CHARS} characters long"));
            return None;
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_complaint_is_kept() {
        let mut complaints = Complaints::default();
        assert_eq!(complaints.number("a", None, 1..=5), None);
        assert_eq!(complaints.number("a", Some("5"), 1..=5), Some(5));
        assert_eq!(complaints.word("b", None, &[("x", 1), ("y", 2)]), 1);
        assert_eq!(complaints.word("b", Some("y"), &[("x", 1), ("y", 2)]), 2);
        assert_eq!(complaints.filter("c", Some(String::new())), None);
        assert_eq!(complaints.number("d", Some("6"), 1..=5), None);
        complaints.word("e", Some("z"), &[("x", 1), ("y", 2)]);
        complaints.filter("f", Some("x".repeat(257)));
        let problem = complaints.check().unwrap_err();
        let expected = [
            "d: must be a number from 1 to 5",
            "e: must be x or y",
            "f: must be at most 256 characters long",
        ];
        assert_eq!(problem.errors(), expected);
    }
}
