//! Access requests and their answers: one-off, in arrays and in sessions.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};
use uuid::Uuid;

use crate::{
    CountNumber, Scalar, SharedName, SharedText, TokenNumber,
    limits::{
        ACCESS_REQUESTS, DICTIONARY_KEYS, DICTIONARY_VALUES, META_DATA_BYTES, REQUESTED_ITEMS,
        TEXT_CHARS, VARIABLES,
    },
    list, number,
    object::object,
    text,
};

/// A one-off request for items, decided item by item in the order given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "requester": {"type": "user", "value": "ada", "dictionary": {"department": "engineering"}},
    "requestedItems": [{"item": "Render", "version": "2.0", "count": 10}],
}))]
pub struct AccessRequest {
    /// Who asks.
    pub requester: Requester,
    /// Up to 1,000 items. None asks for nothing and is charged nothing.
    #[serde(deserialize_with = "list::bounded::<_, _, REQUESTED_ITEMS>")]
    #[schema(max_items = 1000)]
    pub requested_items: Vec<RequestedItem>,
}
object!(AccessRequest: Serialize);

/// Up to 1,000 one-off requests, each decided on its own, in the order given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccessRequests(pub Vec<AccessRequest>);

impl<'de> Deserialize<'de> for AccessRequests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list::bounded::<_, _, ACCESS_REQUESTS>(deserializer).map(Self)
    }
}

impl PartialSchema for AccessRequests {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(utoipa::openapi::Ref::from_schema_name("AccessRequest"))
            .max_items(Some(ACCESS_REQUESTS))
            .into()
    }
}

impl ToSchema for AccessRequests {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((AccessRequest::name().into_owned(), AccessRequest::schema()));
        AccessRequest::schemas(schemas);
    }
}

/// The complete new set of items of a session: all of them or none are granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "requester": {"type": "user", "value": "ada"},
    "rollbackOnDeny": true,
    "requestedItems": [{"item": "Render", "version": "2.0", "count": 1}],
}))]
pub struct SessionAccessRequest {
    /// Who asks.
    pub requester: Requester,
    /// What a denial does: `true` keeps the items held so far, `false` ends the session.
    pub rollback_on_deny: bool,
    /// Up to 1,000 items. None gives back what is held and keeps the session.
    #[serde(deserialize_with = "list::bounded::<_, _, REQUESTED_ITEMS>")]
    #[schema(max_items = 1000)]
    pub requested_items: Vec<RequestedItem>,
}
object!(SessionAccessRequest: Serialize);

/// Who asks for access.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Requester {
    /// Free text, such as `user` or `device`.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    pub kind: SharedText,
    /// Free text, such as the user's or the device's id.
    #[schema(example = "ada")]
    pub value: SharedText,
    /// What rules of access compare, and nothing else uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<Dictionary>,
}
object!(Requester: Serialize);

/// One item of an access request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct RequestedItem {
    /// Name of the item, as rate tables have it.
    #[schema(example = "Render")]
    pub item: SharedName,
    /// Exact version; empty or left out asks for the item without a version.
    #[serde(default, deserialize_with = "list::or_default", alias = "requestedVersion")]
    #[schema(value_type = Option<SharedText>, example = "2.0")]
    pub version: SharedText,
    /// Units, above zero; up to six decimals.
    #[serde(deserialize_with = "number::positive")]
    #[schema(value_type = f64, exclusive_minimum = 0.0, maximum = 9_223_372_036_854.0, example = 10)]
    pub count: CountNumber,
    /// Copied to the usage record as it is; up to 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<MetaData>,
    /// Values for the variables of a formula (an addition of this server).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<Variables>,
}
object!(RequestedItem: Serialize);

/// What a requester says of itself: for each key its values, as the strings that they are compared
/// by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dictionary(pub BTreeMap<Box<str>, Vec<Box<str>>>);

struct DictionaryVisitor;

impl<'de> Visitor<'de> for DictionaryVisitor {
    type Value = Dictionary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Dictionary, A::Error> {
        let mut dictionary = BTreeMap::new();
        while let Some(key) = entries.next_key::<Box<str>>()? {
            text::check(&key, 0, TEXT_CHARS).map_err(A::Error::custom)?;
            let values = dictionary_values(entries.next_value()?).map_err(A::Error::custom)?;
            if dictionary.insert(key, values).is_some() {
                return Err(A::Error::custom("has a key twice"));
            }
            if dictionary.len() > DICTIONARY_KEYS {
                return Err(A::Error::custom(format!("must have at most {DICTIONARY_KEYS} keys")));
            }
        }
        Ok(Dictionary(dictionary))
    }
}

fn dictionary_values(raw: &RawValue) -> Result<Vec<Box<str>>, String> {
    if number::type_of(raw) != "array" {
        return Ok(vec![Scalar::from_raw(raw)?.0]);
    }
    let values: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    if values.len() > DICTIONARY_VALUES {
        return Err(list::too_many(DICTIONARY_VALUES));
    }
    values.into_iter().map(|value| Scalar::from_raw(value).map(|scalar| scalar.0)).collect()
}

impl<'de> Deserialize<'de> for Dictionary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DictionaryVisitor)
    }
}

impl Serialize for Dictionary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl PartialSchema for Dictionary {
    fn schema() -> RefOr<Schema> {
        let many = ArrayBuilder::new().items(Scalar::schema()).max_items(Some(DICTIONARY_VALUES));
        let values = OneOfBuilder::new().item(Scalar::schema()).item(many);
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Keys with the values that rules of access compare."))
            .additional_properties(Some(Schema::OneOf(values.build())))
            .max_properties(Some(DICTIONARY_KEYS))
            .examples([serde_json::json!({"department": "engineering", "sites": ["AMS", "BER"]})])
            .into()
    }
}

impl ToSchema for Dictionary {}

/// Any JSON object, kept as the text that came.
#[derive(Debug, Clone, Serialize)]
pub struct MetaData(pub Box<RawValue>);

impl MetaData {
    /// The object as JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for MetaData {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<'de> Deserialize<'de> for MetaData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let found = number::type_of(raw);
        if found != "object" {
            return Err(D::Error::custom(format_args!("{found} found, object expected")));
        }
        if raw.get().len() > META_DATA_BYTES {
            return Err(D::Error::custom(format_args!("is larger than {META_DATA_BYTES} bytes")));
        }
        Ok(Self(raw.to_owned()))
    }
}

impl PartialSchema for MetaData {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Any object of up to 16 KiB; it goes to the usage record."))
            .additional_properties(Some(
                utoipa::openapi::schema::AdditionalProperties::<Schema>::FreeForm(true),
            ))
            .examples([serde_json::json!({"project": "X-17"})])
            .into()
    }
}

impl ToSchema for MetaData {}

/// Variables of a formula with the text of their numbers. Names do not distinguish case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variables(pub BTreeMap<Box<str>, Box<str>>);

struct NumberText<'a>(&'a str);

impl<'de> Deserialize<'de> for NumberText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number::number_text(deserializer).map(Self)
    }
}

struct VariablesVisitor;

impl<'de> Visitor<'de> for VariablesVisitor {
    type Value = Variables;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Variables, A::Error> {
        let mut variables: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
        while let Some(name) = entries.next_key::<Box<str>>()? {
            text::check(&name, 1, TEXT_CHARS).map_err(A::Error::custom)?;
            let number = entries.next_value::<NumberText<'_>>()?;
            text::check_length(number.0, 1, TEXT_CHARS).map_err(A::Error::custom)?;
            if variables.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
                return Err(A::Error::custom("has a variable twice (case does not count)"));
            }
            variables.insert(name, number.0.into());
            if variables.len() > VARIABLES {
                return Err(A::Error::custom(format!("must have at most {VARIABLES} variables")));
            }
        }
        Ok(Variables(variables))
    }
}

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VariablesVisitor)
    }
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = |text: &str| RawValue::from_string(text.to_owned());
        let entries = self.0.iter().map(|(name, text)| number(text).map(|number| (name, number)));
        let entries: Result<Vec<_>, _> = entries.collect();
        serializer.collect_map(entries.map_err(serde::ser::Error::custom)?)
    }
}

impl PartialSchema for Variables {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number).build();
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Variables of a formula; names do not distinguish case."))
            .additional_properties(Some(Schema::Object(number)))
            .max_properties(Some(VARIABLES))
            .examples([serde_json::json!({"nodes": 4, "hours": 1.5})])
            .into()
    }
}

impl ToSchema for Variables {}

/// What became of an access request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "correlationId": "019b4a70-6d3e-7c11-8b8a-2f1f6f6b1c55",
    "requester": {"type": "user", "value": "ada"},
    "requestedItems": [{
        "item": "Render", "version": "2.0", "count": 10, "totalTokensCharged": 70,
        "lineItems": [
            {"activationId": "NW-2025-09", "rate": 7, "tokensCharged": 21},
            {"activationId": "NW-2026-01", "rate": 7, "tokensCharged": 49},
        ],
        "status": {"code": "1101", "description": "Successfully checked out"},
    }],
}))]
pub struct AccessAnswer {
    /// Id of the operation, also in its usage records. A preview leaves no record and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// Who asked.
    pub requester: RequesterAnswer,
    /// The items in the order of the request.
    pub requested_items: Vec<ItemAnswer>,
}

impl AccessAnswer {
    /// Whether every item was granted.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.requested_items.iter().all(ItemAnswer::is_granted)
    }
}

/// Who asked, without the dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequesterAnswer {
    /// As asked.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Arc<str>,
    /// As asked.
    #[schema(value_type = String)]
    pub value: Arc<str>,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemAnswer {
    /// Name of the item, as asked.
    #[schema(value_type = String)]
    pub item: Arc<str>,
    /// Version, as asked.
    #[schema(value_type = String)]
    pub version: Arc<str>,
    /// Units granted: those asked for, or 0.
    pub count: CountNumber,
    /// Sum of `lineItems`.
    pub total_tokens_charged: TokenNumber,
    /// The line items that were charged, in the order in which they were.
    pub line_items: Vec<LineItemCharge>,
    /// Whether it was granted, and if not, why.
    pub status: ItemStatus,
}

impl ItemAnswer {
    /// Whether this item was granted.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        crate::read_item_code(&self.status.code) == Some(licet_core::ItemCode::Charged)
    }
}

/// Tokens taken from one line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineItemCharge {
    /// The line item.
    #[schema(value_type = String, example = "NW-2026-01")]
    pub activation_id: Arc<str>,
    /// Tokens for one unit, by the rate table series of this line item.
    #[schema(example = 7)]
    pub rate: TokenNumber,
    /// Tokens taken.
    #[schema(example = 49)]
    pub tokens_charged: TokenNumber,
}

/// Outcome of an item as a code and in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemStatus {
    /// Three digits in `v1.0`, four in `v1.1`.
    #[schema(value_type = String, example = "1101")]
    pub code: Cow<'static, str>,
    /// For people.
    #[schema(value_type = String, example = "Successfully checked out")]
    pub description: Cow<'static, str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTER: &str = r#""requester":{"type":"user","value":"ada"}"#;

    fn with_item(item: &str) -> Result<AccessRequest, String> {
        let body = format!(r#"{{{REQUESTER},"requestedItems":[{item}]}}"#);
        crate::parse(body.as_bytes()).map_err(|error| error.to_string())
    }

    fn with_dictionary(dictionary: &str) -> Result<Dictionary, String> {
        crate::parse(dictionary.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_comes_back_as_it_went() {
        let item = r#"{"item":"Render","version":"2.0","count":0.1,"metaData":{"a": 1e400},"variables":{"n":1.0}}"#;
        let request = with_item(item).expect("it is read");
        let json = serde_json::to_string(&request).expect("it is written");
        assert_eq!(json, format!(r#"{{{REQUESTER},"requestedItems":[{item}]}}"#));
        assert_eq!(request.requested_items[0].item, "Render");
    }

    #[test]
    fn what_is_left_out_or_null_is_empty() {
        let request = with_item(r#"{"item":"a","version":null,"metaData":null,"count":1}"#);
        let request = request.expect("it is read");
        assert_eq!(request.requested_items[0].version, "");
        assert_eq!(request.requested_items[0].meta_data, None);
        let request = with_item(r#"{"item":"a","requestedVersion":"3","count":1,"other":{}}"#);
        assert_eq!(request.expect("it is read").requested_items[0].version, "3");
    }

    #[test]
    fn bad_items_are_refused_with_their_place() {
        let complaint = |item| with_item(item).expect_err("it is refused");
        for (item, wanted) in [
            (r#"{"item":"a","count":"1"}"#, ".count: string found, number expected"),
            (r#"{"item":"a","count":0}"#, ".count: must be greater than 0"),
            (r#"{"item":"a","count":-1}"#, ".count: must be greater than 0"),
            (r#"{"item":"a","count":1.0000001}"#, ".count: has more than six decimals"),
            (r#"{"item":"a"}"#, ".count: is missing but it is required"),
            (r#"{"item":"","count":1}"#, ".item: must be at least 1 characters long"),
            (r#"{"item":"a","count":1,"metaData":[]}"#, ".metaData: array found, object expected"),
            (
                r#"{"item":"a","count":1,"variables":{"n":"1"}}"#,
                ".variables.n: string found, number expected",
            ),
            (
                r#"{"item":"a","count":1,"variables":{"n":1,"N":2}}"#,
                ".variables: has a variable twice (case does not count)",
            ),
        ] {
            assert_eq!(complaint(item), format!("$.requestedItems[0]{wanted}"));
        }
        let large =
            format!(r#"{{"item":"a","count":1,"metaData":{{"a":"{}"}}}}"#, "x".repeat(1 << 14));
        assert!(complaint(&large).ends_with(".metaData: is larger than 16384 bytes"));
    }

    #[test]
    fn a_dictionary_keeps_values_as_the_text_that_is_compared() {
        let read = with_dictionary(r#"{"a":"x","b":1.0,"c":[true,"y",2e3]}"#).expect("it is read");
        let values = |key: &str| read.0[key].iter().map(|value| &**value).collect::<Vec<_>>();
        assert_eq!((values("a"), values("b")), (vec!["x"], vec!["1.0"]));
        assert_eq!(values("c"), ["true", "y", "2e3"]);
        for bad in [r#"{"a":null}"#, r#"{"a":{}}"#, r#"{"a":[[]]}"#, r#"{"a":1,"a":2}"#, "[]"] {
            assert!(with_dictionary(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_end_at_their_limit() {
        let item = r#"{"item":"a","count":1}"#;
        let items = vec![item; REQUESTED_ITEMS].join(",");
        assert!(with_item(&items).is_ok());
        let complaint = with_item(&format!("{items},{item}")).expect_err("it is refused");
        assert!(complaint.ends_with("must have at most 1000 elements"), "{complaint}");
    }

    #[test]
    fn a_session_needs_to_know_what_a_denial_does() {
        let body = format!(r#"{{{REQUESTER},"requestedItems":[]}}"#);
        let error =
            crate::parse::<SessionAccessRequest>(body.as_bytes()).expect_err("it is refused");
        assert_eq!(error.to_string(), "$.rollbackOnDeny: is missing but it is required");
    }
}
