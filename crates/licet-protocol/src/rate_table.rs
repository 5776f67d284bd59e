//! Rate tables: what a unit of an item costs in tokens.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ApiVersion, Malformed, Millis, Name, Text, TokenNumber,
    limits::{FORMULA_CHARS, RATE_ITEMS},
    list, number,
    object::object,
    text,
};

/// A rate table to be added. Series and version are its identity and it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "effectiveFrom": 1_767_225_600_000_i64, "series": "Studio", "version": "3",
    "items": [
        {"name": "Render", "version": "2.0", "rate": 7},
        {"name": "Denoise", "version": "", "rate": 0.25},
        {"name": "Simulate", "version": "1.0", "formula": "CEILING.MATH(nodes * hours) * 4"},
    ],
}))]
pub struct RateTableIn {
    /// It prices from here on, until another table of its series takes effect.
    pub effective_from: Millis,
    /// Empty or left out for the tables without a series.
    #[serde(default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<Text>)]
    pub series: Text,
    /// Tells tables of a series apart; it is never used to choose one.
    #[serde(default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<Text>)]
    pub version: Text,
    /// 1 to 10,000 items; a name and version may be there once.
    #[serde(deserialize_with = "list::bounded::<_, _, RATE_ITEMS>")]
    #[schema(min_items = 1, max_items = 10_000)]
    pub items: Vec<RateItem>,
}
object!(RateTableIn: Serialize);

/// The price of an item: either a rate or a formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct RateItem {
    /// Name of the item.
    #[schema(example = "Render")]
    pub name: Name,
    /// Exact version; empty for an item without one.
    #[serde(default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<Text>, example = "2.0")]
    pub version: Text,
    /// Tokens for one unit, not negative.
    #[serde(
        default,
        deserialize_with = "number::not_negative",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<f64>, minimum = 0.0, maximum = 9_223_372_036_854.0, example = 7)]
    pub rate: Option<TokenNumber>,
    /// Gives the rate from variables of the request (`v1.1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1000, example = "CEILING.MATH(nodes * hours) * 4")]
    pub formula: Option<String>,
}
object!(RateItem: Serialize);

/// How an item is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceIn<'a> {
    /// Tokens for one unit.
    Rate(TokenNumber),
    /// Text of a formula, not yet read.
    Formula(&'a str),
}

impl RateItem {
    /// The rate or the formula.
    ///
    /// # Errors
    /// What is wrong, if there is neither or both.
    pub fn price(&self) -> Result<PriceIn<'_>, String> {
        match (self.rate, &self.formula) {
            (Some(rate), None) => Ok(PriceIn::Rate(rate)),
            (None, Some(formula)) => Ok(PriceIn::Formula(formula)),
            (None, None) => Err("needs a rate or a formula".to_owned()),
            (Some(_), Some(_)) => Err("must have a rate or a formula, not both".to_owned()),
        }
    }

    fn complaint(&self, version: ApiVersion) -> Option<String> {
        match self.price() {
            Err(what) => Some(what),
            Ok(PriceIn::Rate(_)) => None,
            Ok(PriceIn::Formula(_)) if version == ApiVersion::V1_0 => {
                Some("has a formula, which v1.0 does not know; post it to v1.1".to_owned())
            }
            Ok(PriceIn::Formula(formula)) => text::check_length(formula, 1, FORMULA_CHARS)
                .err()
                .map(|what| format!("formula {what}")),
        }
    }
}

impl RateTableIn {
    /// Everything wrong with it that types do not tell, formulas unread; empty if it is good.
    #[must_use]
    pub fn complaints(&self, version: ApiVersion) -> Vec<Malformed> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        if self.items.is_empty() {
            found
                .push(Malformed { at: "$.items".to_owned(), what: "must not be empty".to_owned() });
        }
        for (index, item) in self.items.iter().enumerate() {
            let twice = !seen.insert((item.name.as_str(), item.version.as_str()));
            let twice = twice.then(|| "is in the table twice".to_owned());
            for what in item.complaint(version).into_iter().chain(twice) {
                found.push(Malformed { at: format!("$.items[{index}]"), what });
            }
        }
        found
    }
}

/// A rate table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateTableOut {
    /// When it was posted.
    pub created: Millis,
    /// It prices from here on, until another table of its series takes effect.
    pub effective_from: Millis,
    /// Empty for a table without a series.
    pub series: String,
    /// Tells tables of a series apart.
    pub version: String,
    /// The prices.
    pub items: Vec<RateItem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(items: &str, version: ApiVersion) -> Vec<String> {
        let body = format!(r#"{{"effectiveFrom":1,"items":[{items}]}}"#);
        let table: RateTableIn = crate::parse(body.as_bytes()).expect("it is read");
        table.complaints(version).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_item_has_one_price_and_stands_once() {
        let good = r#"{"name":"a","rate":0.25},{"name":"a","version":"1","formula":"n"}"#;
        assert_eq!(complaints(good, ApiVersion::V1_1), Vec::<String>::new());
        assert_eq!(complaints(good, ApiVersion::V1_0).len(), 1);
        let bad = r#"{"name":"a"},{"name":"b","rate":1,"formula":"1"},{"name":"b","rate":2}"#;
        assert_eq!(
            complaints(bad, ApiVersion::V1_1),
            [
                "$.items[0]: needs a rate or a formula",
                "$.items[1]: must have a rate or a formula, not both",
                "$.items[2]: is in the table twice",
            ]
        );
    }

    #[test]
    fn a_table_prices_something() {
        for version in [ApiVersion::V1_0, ApiVersion::V1_1] {
            assert_eq!(complaints("", version), ["$.items: must not be empty"]);
        }
    }

    #[test]
    fn a_rate_is_not_negative() {
        let body = br#"{"effectiveFrom":1,"items":[{"name":"a","rate":-1}]}"#;
        let error = crate::parse::<RateTableIn>(body).expect_err("it is refused");
        assert_eq!(error.to_string(), "$.items[0].rate: must have a minimum value of 0");
    }
}
