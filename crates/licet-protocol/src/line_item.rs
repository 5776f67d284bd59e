//! Line items: buckets of tokens on an instance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ApiVersion, Malformed, Millis, Name, Text, TokenNumber,
    limits::WHOLE_TOKENS,
    list,
    object::{object, string_enum},
};

string_enum! {
    /// State of a line item.
    pub enum LineItemState {
        /// Can be consumed from, between its start and end.
        Deployed = "DEPLOYED",
        /// Set aside; may be deployed again.
        Inactive = "INACTIVE",
        /// Final.
        Obsolete = "OBSOLETE",
    }
}

string_enum! {
    /// How far a line item may be consumed beyond its quantity.
    pub enum OverdraftType {
        /// By `overdraftLimit` tokens.
        Number = "Number",
        /// Without a limit.
        Unlimited = "Unlimited",
    }
}

string_enum! {
    /// When `used` starts again at zero, at that boundary in UTC (`v1.1`).
    pub enum ResetFrequency {
        /// At midnight.
        Daily = "DAILY",
        /// On Mondays.
        Weekly = "WEEKLY",
        /// On the first of the month.
        Monthly = "MONTHLY",
        /// On the first of January, April, July and October.
        Quarterly = "QUARTERLY",
        /// On the first of January.
        Yearly = "YEARLY",
    }
}

/// A line item to be put in place of the one with its `activationId`, or added. `used` and
/// `instanceId`, which GET shows, may be sent back and count for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "activationId": "NW-2026-01", "state": "DEPLOYED", "quantity": 5000,
    "start": 1_767_225_600_000_i64, "end": 1_798_761_599_999_i64,
    "attributes": {
        "elastic": true, "rateTableSeries": "Studio",
        "overdraftType": "Number", "overdraftLimit": 250,
    },
}))]
pub struct LineItemIn {
    /// Key of the line item within its instance.
    pub activation_id: Name,
    /// State.
    pub state: LineItemState,
    /// Tokens, from 1 to 9,223,372,036,854.
    #[schema(minimum = 1, maximum = 9_223_372_036_854_i64)]
    pub quantity: i64,
    /// Tokens can be consumed from here, inclusive.
    pub start: Millis,
    /// Tokens can be consumed until here, inclusive.
    pub end: Millis,
    /// How it is priced and how far it may be consumed.
    #[serde(default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<LineItemAttributes>)]
    pub attributes: LineItemAttributes,
}
object!(LineItemIn: Serialize);

/// How a line item is priced and how far it may be consumed. No other attributes are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct LineItemAttributes {
    /// Whether it holds metered tokens; nothing consumes from a line item that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<bool>,
    /// Series of the rate tables that price it; empty for the tables without a series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Studio")]
    pub rate_table_series: Option<Text>,
    /// Tokens beyond `quantity`; needs `overdraftType` `Number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9_223_372_036_854_i64, example = 250)]
    pub overdraft_limit: Option<i64>,
    /// Neither this nor a limit means no overdraft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdraft_type: Option<OverdraftType>,
    /// `v1.1` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_frequency: Option<ResetFrequency>,
}
object!(LineItemAttributes: Serialize);

impl LineItemIn {
    /// Everything wrong with it that types do not tell; empty if it is good.
    #[must_use]
    pub fn complaints(&self, version: ApiVersion) -> Vec<Malformed> {
        let mut found = Vec::new();
        let mut complain = |at: &str, what: String| {
            found.push(Malformed { at: at.to_owned(), what });
        };
        if self.quantity < 1 {
            complain("$.quantity", "must have a minimum value of 1".to_owned());
        }
        if self.quantity > WHOLE_TOKENS {
            complain("$.quantity", format!("must have a maximum value of {WHOLE_TOKENS}"));
        }
        if self.end < self.start {
            complain("$.end", "must not be before start".to_owned());
        }
        self.attributes.complain(version, &mut complain);
        found
    }
}

impl LineItemAttributes {
    fn complain(&self, version: ApiVersion, complain: &mut impl FnMut(&str, String)) {
        const LIMIT: &str = "$.attributes.overdraftLimit";
        const TYPE: &str = "$.attributes.overdraftType";
        match (self.overdraft_type, self.overdraft_limit) {
            (Some(OverdraftType::Number), None) => {
                complain(LIMIT, "is missing but overdraftType Number requires it".to_owned());
            }
            (Some(OverdraftType::Unlimited), Some(_)) => {
                complain(LIMIT, "is given but overdraftType is Unlimited".to_owned());
            }
            (None, Some(1..)) => {
                complain(TYPE, "is missing but overdraftLimit requires it to be Number".to_owned());
            }
            _ => {}
        }
        match self.overdraft_limit {
            Some(..=-1) => complain(LIMIT, "must have a minimum value of 0".to_owned()),
            Some(limit) if limit > WHOLE_TOKENS => {
                complain(LIMIT, format!("must have a maximum value of {WHOLE_TOKENS}"));
            }
            _ => {}
        }
        if version == ApiVersion::V1_0 && self.reset_frequency.is_some() {
            let what = "property 'resetFrequency' is not defined in the schema and the schema \
                        does not allow additional properties";
            complain("$.attributes", what.to_owned());
        }
    }
}

/// A line item with what was taken from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "activationId": "NW-2026-01", "state": "DEPLOYED", "quantity": 5000, "used": 70.5,
    "start": 1_767_225_600_000_i64, "end": 1_798_761_599_999_i64,
    "attributes": {"elastic": true, "rateTableSeries": "Studio"},
}))]
pub struct LineItemOut {
    /// Key of the line item within its instance.
    pub activation_id: String,
    /// State.
    pub state: LineItemState,
    /// Tokens that it holds when nothing is used.
    pub quantity: i64,
    /// Tokens taken from it; more than `quantity` where overdraft is used.
    pub used: TokenNumber,
    /// Tokens can be consumed from here, inclusive.
    pub start: Millis,
    /// Tokens can be consumed until here, inclusive.
    pub end: Millis,
    /// How it is priced and how far it may be consumed.
    pub attributes: LineItemAttributes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &str, quantity: &str) -> Result<LineItemIn, String> {
        let body = format!(
            r#"{{"activationId":"L1","state":"DEPLOYED","quantity":{quantity},"start":5,"end":9,
                "used":"x","instanceId":7,"attributes":{attributes}}}"#
        );
        crate::parse(body.as_bytes()).map_err(|error| error.to_string())
    }

    fn complaints(attributes: &str, version: ApiVersion) -> Vec<String> {
        let line_item = read(attributes, "5").expect("it is read");
        line_item.complaints(version).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn attributes_are_closed_and_the_rest_is_open() {
        assert!(read(r#"{"elastic":true,"rateTableSeries":""}"#, "5").is_ok());
        assert!(read("null", "5").is_ok());
        let refused = |attributes, quantity| read(attributes, quantity).expect_err("it is refused");
        assert_eq!(
            refused(r#"{"elastic":true,"color":1}"#, "5"),
            "$.attributes.color: property 'color' is not defined in the schema and the schema \
             does not allow additional properties"
        );
        assert_eq!(
            refused(r#"{"overdraftLimit":"5"}"#, "5"),
            "$.attributes.overdraftLimit: string found, integer expected"
        );
        assert_eq!(refused("{}", "1.5"), "$.quantity: number found, integer expected");
        assert_eq!(
            refused(r#"{"overdraftType":"number"}"#, "5"),
            "$.attributes.overdraftType: does not have a value in the enumeration \
             [Number, Unlimited]"
        );
    }

    #[test]
    fn reset_frequency_came_with_the_second_version() {
        let attributes = r#"{"resetFrequency":"MONTHLY"}"#;
        assert_eq!(complaints(attributes, ApiVersion::V1_1), Vec::<String>::new());
        assert_eq!(
            complaints(attributes, ApiVersion::V1_0),
            ["$.attributes: property 'resetFrequency' is not defined in the schema and the \
              schema does not allow additional properties"]
        );
    }

    #[test]
    fn overdraft_type_and_limit_belong_together() {
        let count = |attributes| complaints(attributes, ApiVersion::V1_1).len();
        assert_eq!(count(r#"{"overdraftType":"Number","overdraftLimit":250}"#), 0);
        assert_eq!(count(r#"{"overdraftType":"Unlimited"}"#), 0);
        assert_eq!(count(r#"{"overdraftType":"Number"}"#), 1);
        assert_eq!(count(r#"{"overdraftLimit":250}"#), 1);
        assert_eq!(count(r#"{"overdraftLimit":-1}"#), 1);
    }
}
