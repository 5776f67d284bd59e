//! Requests for features, as clients of the Cloud Monetization API write them.

use std::collections::BTreeMap;

use licet_core::COUNT_MAX;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::{
    Dictionary, FeatureVersion, Interval, SharedName, SharedText, flag,
    limits::{DICTIONARY_KEYS, REQUESTED_FEATURES, SECONDARY_HOST_IDS, TEXT_CHARS},
    list,
    object::{object, string_enum},
    text,
};

/// What a client asks a licence server for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "hostId": {"type": "string", "value": "alice@example.test"},
    "incremental": false, "partial": true, "borrow-interval": "8h",
    "features": [{"name": "render", "version": "2.0", "count": 3}],
    "selectorsDictionary": {"region": "emea"},
    "vendorDictionary": {"business-unit": "engineering"},
}))]
pub struct FeatureRequest {
    /// The host that holds what is served: a device, or a user.
    pub host_id: HostIdIn,
    /// Other hostids by which rules and reservations know it, such as its user (an addition of
    /// this server).
    #[serde(
        default,
        deserialize_with = "list::bounded_opt::<_, _, SECONDARY_HOST_IDS>",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_items = 16)]
    pub host_ids: Option<Vec<HostIdIn>>,
    /// Name of the device, for rules (an addition of this server).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<SharedText>,
    /// Type of the device, for rules (an addition of this server).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_type: Option<SharedText>,
    /// Whether the client runs on a virtual machine (an addition of this server).
    #[serde(default, rename = "virtual", deserialize_with = "flag::lenient")]
    pub is_virtual: bool,
    /// What to do (an addition of this server).
    #[serde(default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<OperationKind>)]
    pub operation: OperationKind,
    /// The features; up to 1,000. None asks for what is reserved, and gives back the rest.
    #[serde(
        default,
        deserialize_with = "list::bounded_opt::<_, _, REQUESTED_FEATURES>",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_items = 1000)]
    pub features: Option<Vec<FeatureIn>>,
    /// Whether it adds to what the host holds; otherwise it replaces it.
    #[serde(default, deserialize_with = "flag::lenient")]
    pub incremental: bool,
    /// Whether as much as there is will do; otherwise it is all or nothing, and a host that does
    /// not get all keeps what it held.
    #[serde(default, deserialize_with = "flag::lenient")]
    pub partial: bool,
    /// How long features are lent; it only shortens leases, and `0` leaves them as they are.
    #[serde(default, rename = "borrow-interval", skip_serializing_if = "Option::is_none")]
    pub borrow_interval: Option<Interval>,
    /// The unit to whose last second leases are rounded up (an addition of this server).
    #[serde(default, rename = "borrow-granularity", skip_serializing_if = "Option::is_none")]
    pub borrow_granularity: Option<GranularityKind>,
    /// What features' selectors are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selectors_dictionary: Option<SelectorMap>,
    /// What conditions of models are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_dictionary: Option<Dictionary>,
    /// Comes back with the answer (an addition of this server).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<SharedText>,
    /// Whether a request with the same `correlationId` that comes again gets the first answer, and
    /// nothing else happens (an addition of this server).
    #[serde(default, deserialize_with = "flag::lenient")]
    pub one_time: bool,
    /// Comes back in the signed answer, so that it cannot be an old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<SharedText>,
}
object!(FeatureRequest: Serialize);

/// What identifies a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct HostIdIn {
    /// Such as `string`, `user` or `ethernet`; upper and lower case are the same.
    #[serde(rename = "type", default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<SharedText>, example = "string")]
    pub kind: SharedText,
    #[schema(example = "alice@example.test")]
    pub value: SharedName,
}
object!(HostIdIn: Serialize);

/// A feature that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct FeatureIn {
    #[schema(example = "render")]
    pub name: SharedName,
    /// Lower versions are never served; left out or `0` takes any.
    #[serde(default, deserialize_with = "list::or_default")]
    #[schema(value_type = Option<FeatureVersion>)]
    pub version: FeatureVersion,
    /// 1 unless given; 0 gives back.
    #[serde(default = "one", deserialize_with = "feature_count")]
    #[schema(value_type = Option<u64>, maximum = 9_007_199_254_740_991_u64, example = 3)]
    pub count: u64,
}
object!(FeatureIn: Serialize);

fn one() -> u64 {
    1
}

/// Reads a count of features.
pub(crate) fn feature_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let count = i64::deserialize(deserializer)?;
    match u64::try_from(count) {
        Ok(count) if count < COUNT_MAX => Ok(count),
        _ => Err(D::Error::custom(format_args!("must be from 0 to {}", COUNT_MAX - 1))),
    }
}

string_enum! {
    /// What a request wants to be done.
    #[derive(Default)]
    pub enum OperationKind {
        /// Serve features.
        #[default]
        Request = "request",
        /// Take note of what was used of metered features; nothing is served.
        Report = "report",
        /// Take back what was reported lately.
        Undo = "undo",
    }
}

string_enum! {
    /// A unit of time to whose last second ends of leases are rounded up.
    pub enum GranularityKind {
        Second = "SECOND",
        Minute = "MINUTE",
        Hour = "HOUR",
        Day = "DAY",
    }
}

/// Selectors: keys with one text each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SelectorMap(pub BTreeMap<Box<str>, Box<str>>);

struct SelectorVisitor;

impl<'de> Visitor<'de> for SelectorVisitor {
    type Value = SelectorMap;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SelectorMap, A::Error> {
        let mut selectors = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<Box<str>, Box<str>>()? {
            text::check(&key, 1, TEXT_CHARS).map_err(A::Error::custom)?;
            text::check(&value, 0, TEXT_CHARS).map_err(A::Error::custom)?;
            if selectors.insert(key, value).is_some() {
                return Err(A::Error::custom("has a key twice"));
            }
            if selectors.len() > DICTIONARY_KEYS {
                return Err(A::Error::custom(format!("must have at most {DICTIONARY_KEYS} keys")));
            }
        }
        Ok(SelectorMap(selectors))
    }
}

impl<'de> Deserialize<'de> for SelectorMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SelectorVisitor)
    }
}

impl PartialSchema for SelectorMap {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(TEXT_CHARS));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(Schema::Object(text.build())))
            .max_properties(Some(DICTIONARY_KEYS))
            .examples([serde_json::json!({"region": "emea"})])
            .into()
    }
}

impl ToSchema for SelectorMap {}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{
      "hostId": { "type": "string", "value": "alice@example.test" },
      "incremental": false, "partial": true, "borrow-interval": "8h",
      "features": [
        { "name": "render", "version": "2.0", "count": 3 },
        { "name": "export", "version": "1.0", "count": 1 }
      ],
      "selectorsDictionary": { "region": "emea" },
      "vendorDictionary": { "business-unit": "engineering", "sites": ["A", 7] }
    }"#;

    fn read(json: &str) -> Result<FeatureRequest, String> {
        crate::parse(json.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_body_that_clients_send_is_read() {
        let request = read(FULL).unwrap();
        assert_eq!(request.host_id.value, "alice@example.test");
        assert!(request.partial && !request.incremental);
        assert_eq!(request.borrow_interval, Some(Interval(28_800_000)));
        let features = request.features.unwrap();
        assert_eq!((features[0].count, features[1].version.to_string()), (3, "1.0".to_owned()));
        assert_eq!(&*request.selectors_dictionary.unwrap().0["region"], "emea");
        assert_eq!(request.vendor_dictionary.unwrap().0["sites"].len(), 2);
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_the_field() {
        let request =
            read(r#"{"hostId":{"value":"h"},"features":[{"name":"a"}],"partial":"TRUE"}"#).unwrap();
        let features = request.features.unwrap();
        assert_eq!((features[0].count, features[0].version), (1, FeatureVersion::default()));
        assert!(request.partial && !request.incremental && !request.one_time);
        assert_eq!(request.operation, OperationKind::Request);
        assert!(read(r#"{"hostId":{"type":"string","value":"h"}}"#).unwrap().features.is_none());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let with = |rest: &str| read(&format!(r#"{{"hostId":{{"value":"h"}},{rest}}}"#));
        for (json, complaint) in [
            (r#""borrow-interval":"8 hours""#, "$.borrow-interval: must be a whole number"),
            (r#""features":[{"name":"a","count":-1}]"#, "$.features[0].count: must be from 0"),
            (r#""features":[{"name":"a","count":1.5}]"#, "$.features[0].count: number found"),
            (r#""features":[{"name":"a","version":"two"}]"#, "$.features[0].version: a version is"),
            (r#""features":[{"version":"1"}]"#, "$.features[0].name: is missing"),
            (r#""partial":"yes""#, "$.partial: must be true or false"),
            (r#""operation":"steal""#, "$.operation: does not have a value in the enumeration"),
            (r#""borrow-granularity":"WEEK""#, "$.borrow-granularity: does not have a value"),
            (r#""hostIds":[{"type":"USER"}]"#, "$.hostIds[0].value: is missing"),
            (r#""selectorsDictionary":{"a":1}"#, "$.selectorsDictionary.a: integer found"),
        ] {
            let error = with(json).unwrap_err();
            assert!(error.starts_with(complaint), "{json}: {error}");
        }
        let error = read(r#"{"hostId":{"type":"string","value":""}}"#).unwrap_err();
        assert!(error.starts_with("$.hostId.value: must be at least 1"), "{error}");
        assert!(read("{}").unwrap_err().starts_with("$.hostId: is missing"));
    }
}
