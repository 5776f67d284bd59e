//! Line items of features: what an instance is entitled to serve.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

use crate::{
    FeatureVersion, Interval, LineItemState, Millis, Moment, SelectorMap, SharedName, SharedText,
    feature_request::feature_count,
    limits::FEATURES,
    list,
    object::{object, string_enum},
    time::rfc3339_ms,
};

/// What a line item entitles an instance to serve; it replaces what stands under the same
/// activation ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "state": "DEPLOYED", "start": 1_767_225_600_000_i64, "end": "permanent", "copies": 1,
    "product": {"name": "Render Suite", "version": "2.0"}, "entitlementId": "ent-0009",
    "features": [{"name": "render", "version": "2.0", "model": "CONCURRENT", "count": 25,
        "borrowInterval": "8h"}],
}))]
pub struct FeatureLineItemIn {
    /// A new line item must be `DEPLOYED`.
    pub state: LineItemState,
    /// From when its features are served. It is read as a moment of RFC 3339 too.
    #[schema(value_type = Millis)]
    pub start: FeatureStart,
    /// Until when; inclusive. It is read as a moment of RFC 3339 too.
    pub end: FeatureEnd,
    /// Each feature is owned so many times its count; 1 unless given.
    #[serde(default = "one", deserialize_with = "feature_count")]
    #[schema(value_type = Option<u64>, maximum = 9_007_199_254_740_991_u64)]
    pub copies: u64,
    #[serde(default)]
    pub product: Option<FeatureProduct>,
    #[serde(default)]
    pub entitlement_id: Option<SharedText>,
    /// Up to 1,000 features.
    #[serde(deserialize_with = "list::bounded::<_, _, FEATURES>")]
    #[schema(max_items = 1000)]
    pub features: Vec<LineItemFeature>,
}
object!(FeatureLineItemIn: Serialize);

/// The product that a line item is of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct FeatureProduct {
    pub name: SharedText,
    #[serde(default)]
    pub version: Option<SharedText>,
}
object!(FeatureProduct: Serialize);

/// A feature of a line item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct LineItemFeature {
    #[schema(example = "render")]
    pub name: SharedName,
    #[serde(default)]
    pub version: FeatureVersion,
    pub model: LicenseModelKind,
    /// Of one copy; left out for uncounted features, and for meters with unlimited overdraft.
    #[serde(default, deserialize_with = "count_given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, maximum = 9_007_199_254_740_991_u64)]
    pub count: Option<u64>,
    /// Counts beyond what is owned, of a concurrent feature; of a metered one it stands in
    /// `metered`.
    #[serde(default, skip_serializing_if = "FeatureOverdraft::is_none")]
    pub overdraft: FeatureOverdraft,
    /// How long it is lent; `0` or left out leaves it to the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow_interval: Option<Interval>,
    /// After how many percent of a lease to renew it; left out leaves it to the instance.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "percent")]
    #[schema(minimum = 1, maximum = 100)]
    pub renew_percent: Option<u8>,
    /// How long it is served after the line item's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Interval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_string: Option<SharedText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<SharedText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<SharedText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<SharedText>,
    /// A request must have all of these among its selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selectors: Option<SelectorMap>,
    /// How it is metered; for metered features alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<MeteredTerms>,
}
object!(LineItemFeature: Serialize);

/// How a feature is metered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct MeteredTerms {
    /// Whether a count is what a host uses at the time, and may go down; otherwise it is what was
    /// used since the last report.
    #[serde(default)]
    pub reusable: bool,
    /// How long after a report it can be undone; never unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_interval: Option<Interval>,
    #[serde(default, skip_serializing_if = "FeatureOverdraft::is_none")]
    pub overdraft: FeatureOverdraft,
}
object!(MeteredTerms: Serialize);

/// A line item of features as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureLineItemOut {
    pub activation_id: String,
    #[serde(flatten)]
    pub line_item: FeatureLineItemIn,
    pub created: Moment,
    pub modified: Moment,
}

/// Line items of features.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureLineItems {
    /// When they were read.
    pub as_of: Moment,
    /// By activation ID.
    pub line_items: Vec<FeatureLineItemOut>,
}

string_enum! {
    /// How a feature is used up.
    pub enum LicenseModelKind {
        /// Lent for a while; what comes back serves others.
        Concurrent = "CONCURRENT",
        /// Bound to the hosts that took it.
        NodeLocked = "NODE_LOCKED",
        /// Counts what was used.
        Metered = "METERED",
        /// Served to everybody.
        Uncounted = "UNCOUNTED",
    }
}

fn one() -> u64 {
    1
}

fn count_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    feature_count(deserializer).map(Some)
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    match Option::<i64>::deserialize(deserializer)? {
        None => Ok(None),
        Some(percent @ 1..=100) => Ok(u8::try_from(percent).ok()),
        Some(_) => Err(D::Error::custom("must be from 1 to 100")),
    }
}

/// POSIX milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureStart(pub i64);

/// POSIX milliseconds, or the text `permanent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureEnd(pub Option<i64>);

struct EndVisitor;

impl Visitor<'_> for EndVisitor {
    type Value = FeatureEnd;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer")
    }

    fn visit_u64<E: Error>(self, at_ms: u64) -> Result<FeatureEnd, E> {
        let at_ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
        match crate::limits::LAST_MILLISECOND {
            last if at_ms > last => Err(E::custom(format_args!("must be at most {last}"))),
            _ => Ok(FeatureEnd(Some(at_ms))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FeatureEnd, E> {
        let at_ms = rfc3339_ms(text).filter(|at_ms| *at_ms >= 0);
        match (text, at_ms) {
            ("permanent", _) => Ok(FeatureEnd(None)),
            (_, Some(at_ms)) => Ok(FeatureEnd(Some(at_ms))),
            (_, None) => Err(E::custom(
                "must be POSIX milliseconds, a moment such as 2027-03-01T17:00:00Z, or the text \
                 permanent",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for FeatureEnd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EndVisitor)
    }
}

impl<'de> Deserialize<'de> for FeatureStart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let FeatureEnd(at_ms) = FeatureEnd::deserialize(deserializer)?;
        let none = "must be POSIX milliseconds, or a moment such as 2027-03-01T17:00:00Z";
        at_ms.map(Self).ok_or_else(|| D::Error::custom(none))
    }
}

impl Serialize for FeatureStart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl Serialize for FeatureEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at_ms) => serializer.serialize_i64(at_ms),
            None => serializer.serialize_str("permanent"),
        }
    }
}

impl PartialSchema for FeatureEnd {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::String]))
            .minimum(Some(0))
            .maximum(Some(crate::limits::LAST_MILLISECOND))
            .pattern(Some("^permanent$"))
            .description(Some("POSIX milliseconds, or the text `permanent`."))
            .examples([serde_json::json!("permanent")])
            .into()
    }
}

impl ToSchema for FeatureEnd {}

/// Counts beyond what is owned: a number, a percentage of what is owned such as `10%`, `none` or
/// `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeatureOverdraft {
    #[default]
    None,
    Count(u64),
    Percent(u32),
    Unlimited,
}

impl FeatureOverdraft {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

struct OverdraftVisitor;

const OVERDRAFT: &str =
    "must be none, unlimited, a whole number, or a percentage such as 10% of at most 1000000%";

impl Visitor<'_> for OverdraftVisitor {
    type Value = FeatureOverdraft;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer or a string")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<FeatureOverdraft, E> {
        match count {
            0 => Ok(FeatureOverdraft::None),
            count if count < licet_core::COUNT_MAX => Ok(FeatureOverdraft::Count(count)),
            _ => Err(E::custom(OVERDRAFT)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FeatureOverdraft, E> {
        match (text, text.strip_suffix('%')) {
            ("none", _) => Ok(FeatureOverdraft::None),
            ("unlimited", _) => Ok(FeatureOverdraft::Unlimited),
            (_, Some(percent)) => match percent.parse() {
                Ok(percent @ 0..=1_000_000) => Ok(FeatureOverdraft::Percent(percent)),
                _ => Err(E::custom(OVERDRAFT)),
            },
            (_, None) => match text.parse() {
                Ok(count) => self.visit_u64(count),
                Err(_) => Err(E::custom(OVERDRAFT)),
            },
        }
    }
}

impl<'de> Deserialize<'de> for FeatureOverdraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OverdraftVisitor)
    }
}

impl Serialize for FeatureOverdraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Percent(percent) => serializer.collect_str(&format_args!("{percent}%")),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl PartialSchema for FeatureOverdraft {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::String]))
            .minimum(Some(0))
            .maximum(Some(licet_core::COUNT_MAX - 1))
            .pattern(Some("^(none|unlimited|[0-9]{1,6}%)$"))
            .description(Some("`none`, `unlimited`, a number, or a percentage such as `10%`."))
            .examples([serde_json::json!("10%")])
            .into()
    }
}

impl ToSchema for FeatureOverdraft {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<FeatureLineItemIn, String> {
        crate::parse(json.as_bytes()).map_err(|error| error.to_string())
    }

    fn with_feature(feature: &str) -> Result<FeatureLineItemIn, String> {
        read(&format!(
            r#"{{"state":"DEPLOYED","start":0,"end":"permanent","features":[{{"name":"a",{feature}}}]}}"#
        ))
    }

    #[test]
    fn overdraft_comes_in_four_forms() {
        for (text, expected) in [
            (r#""none""#, FeatureOverdraft::None),
            (r#""unlimited""#, FeatureOverdraft::Unlimited),
            ("25", FeatureOverdraft::Count(25)),
            (r#""25""#, FeatureOverdraft::Count(25)),
            (r#""10%""#, FeatureOverdraft::Percent(10)),
        ] {
            let json = format!(r#""model":"METERED","metered":{{"overdraft":{text}}}"#);
            let read = with_feature(&json).unwrap().features[0].metered.clone().unwrap();
            assert_eq!(read.overdraft, expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (feature, complaint) in [
            (r#""model":"FLOATING""#, "$.features[0].model: does not have a value"),
            (
                r#""model":"METERED","metered":{"overdraft":"lots"}"#,
                "$.features[0].metered.overdraft: must be none",
            ),
            (
                r#""model":"CONCURRENT","renewPercent":0"#,
                "$.features[0].renewPercent: must be from 1 to 100",
            ),
            (
                r#""model":"CONCURRENT","borrowInterval":"soon""#,
                "$.features[0].borrowInterval: must be a whole",
            ),
            (r#""count":1"#, "$.features[0].model: is missing"),
            (
                r#""model":"CONCURRENT","count":1,"borrowinterval":"8h""#,
                "$.features[0].borrowinterval: ",
            ),
        ] {
            let error = with_feature(feature).unwrap_err();
            assert!(error.starts_with(complaint), "{feature}: {error}");
        }
        let error = read(r#"{"state":"DEPLOYED","start":0,"end":"never","features":[]}"#);
        assert!(error.unwrap_err().starts_with("$.end: must be POSIX milliseconds"));
    }

    #[test]
    fn moments_come_in_two_forms() {
        let line = |start: &str, end: &str| {
            read(&format!(r#"{{"state":"DEPLOYED","start":{start},"end":{end},"features":[]}}"#))
        };
        let in_words = line(r#""2026-03-01T00:00:00Z""#, r#""2027-03-01T01:00:00+01:00""#).unwrap();
        assert_eq!(in_words, line("1772323200000", "1803859200000").unwrap());
        let error = line(r#""permanent""#, "5").unwrap_err();
        assert!(error.starts_with("$.start: must be POSIX milliseconds, or a moment"), "{error}");
        let error = line(r#""1969-12-31T00:00:00Z""#, "5").unwrap_err();
        assert!(error.starts_with("$.start: must be POSIX milliseconds"), "{error}");
    }

    #[test]
    fn it_reads_what_it_writes() {
        let line = with_feature(
            r#""version":"2.1","model":"METERED","count":5,"grace":"3d","metered":{"undoInterval":"1h"}"#,
        )
        .unwrap();
        let json = serde_json::to_vec(&line).unwrap();
        assert_eq!(crate::parse(&json), Ok(line));
    }
}
