//! Options that say who asks for what.

use std::str::FromStr;

use clap::Args;
use licet_protocol::{CountNumber, Dictionary, MetaData, RequestedItem, Requester, Variables};
use serde_json::value::RawValue;

use crate::{context::local_user, failure::Failure, input::parse_json};

/// Who asks for what.
#[derive(Debug, Args)]
pub(crate) struct RequestedArgs {
    /// Item to ask for, with its version after a colon; may be given several times
    #[arg(long = "item", value_name = "NAME[:VERSION]", required = true)]
    items: Vec<Item>,
    /// Units of each item, up to six decimals
    #[arg(long, default_value = "1", value_name = "N", value_parser = parse_count)]
    #[arg(allow_negative_numbers = true)]
    count: CountNumber,
    /// Who asks; user and your log-in name unless given
    #[arg(long, value_name = "TYPE:ID")]
    requester: Option<Who>,
    /// What rules of access compare, such as department=engineering; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    dictionary: Vec<Pair>,
    /// Variable of a formula, such as nodes=4; may be given several times
    #[arg(long, value_name = "NAME=NUMBER")]
    variable: Vec<Pair>,
    /// JSON object to be kept with the usage record
    #[arg(long, value_name = "JSON")]
    meta_data: Option<String>,
}

#[derive(Debug, Clone)]
struct Item {
    name: String,
    version: String,
}

impl FromStr for Item {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = text.rsplit_once(':').unwrap_or((text, ""));
        if name.is_empty() {
            return Err("give NAME or NAME:VERSION".to_owned());
        }
        Ok(Self { name: name.to_owned(), version: version.to_owned() })
    }
}

#[derive(Debug, Clone)]
struct Who {
    kind: String,
    id: String,
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, id) = text.split_once(':').ok_or("give TYPE:ID, such as user:ada")?;
        Ok(Self { kind: kind.to_owned(), id: id.to_owned() })
    }
}

#[derive(Debug, Clone)]
struct Pair {
    key: String,
    value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("give KEY=VALUE")?;
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

fn parse_count(text: &str) -> Result<CountNumber, String> {
    let count: CountNumber = text.parse().map_err(|error| format!("{error}"))?;
    if !count.0.is_positive() {
        return Err("must be greater than 0".to_owned());
    }
    Ok(count)
}

impl RequestedArgs {
    pub(crate) fn requester(&self) -> Result<Requester, Failure> {
        let who = match (&self.requester, local_user()) {
            (Some(who), _) => who.clone(),
            (None, Some(id)) => Who { kind: "user".to_owned(), id },
            (None, None) => {
                let hint = "give --requester, such as user:ada";
                return Err(Failure::usage(format!("nobody is logged in here; {hint}")));
            }
        };
        let mut dictionary = Dictionary::default();
        for pair in &self.dictionary {
            let values = dictionary.0.entry(pair.key.as_str().into()).or_default();
            values.push(pair.value.as_str().into());
        }
        let dictionary = (!dictionary.0.is_empty()).then_some(dictionary);
        Ok(Requester { kind: who.kind.into(), value: who.id.into(), dictionary })
    }

    pub(crate) fn items(&self) -> Result<Vec<RequestedItem>, Failure> {
        let variables = self.variables()?;
        let meta_data = self.meta_data()?;
        let item = |item: &Item| RequestedItem {
            item: item.name.as_str().into(),
            version: item.version.as_str().into(),
            count: self.count,
            meta_data: meta_data.clone(),
            variables: variables.clone(),
        };
        Ok(self.items.iter().map(item).collect())
    }

    fn variables(&self) -> Result<Option<Variables>, Failure> {
        let mut variables = Variables::default();
        for pair in &self.variable {
            let number: Result<Box<RawValue>, _> = serde_json::from_str(&pair.value);
            if !number
                .is_ok_and(|raw| raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()))
            {
                let (key, value) = (&pair.key, &pair.value);
                return Err(Failure::usage(format!("--variable {key}={value}: give a number")));
            }
            variables.0.insert(pair.key.as_str().into(), pair.value.as_str().into());
        }
        Ok((!variables.0.is_empty()).then_some(variables))
    }

    fn meta_data(&self) -> Result<Option<MetaData>, Failure> {
        self.meta_data.as_deref().map(|text| parse_json("--meta-data", text)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_follows_the_last_colon() {
        let read = |text: &str| text.parse::<Item>().map(|item| (item.name, item.version));
        let item = |name: &str, version: &str| Ok((name.to_owned(), version.to_owned()));
        assert_eq!(read("Render:2.0"), item("Render", "2.0"));
        assert_eq!(read("Render"), item("Render", ""));
        assert_eq!(read("a::b:"), item("a::b", ""));
        assert!(read(":1").is_err());
    }

    #[test]
    fn counts_are_exact_and_above_zero() {
        assert!(parse_count("0.000001").is_ok());
        for bad in ["0", "-1", "0.0000001", "x", "1e99"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }
}
