//! Settings of an instance's licence server.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::{
    Moment, Scalar,
    limits::{INSTANCE_SETTINGS, TEXT_CHARS},
    text,
};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "name": "licensing.borrowInterval", "value": "8h", "default": "1w", "editableBy": "PRODUCER",
    "allowed": "must be a whole number with s, m, h, d or w behind it (seconds without), from 0s to 3650d",
    "description": "How long a feature is lent that sets no interval itself",
    "modified": "2026-03-01T17:00:00.000Z", "updatedBy": "producer@01TS7Z4BQMBX4Y6T5AQW8T41G9",
}))]
pub struct InstanceSetting {
    /// Stable name.
    pub name: String,
    /// What counts now.
    pub value: String,
    /// What counts unless it is changed.
    pub default: String,
    /// `PRODUCER`, or `ADMIN` for the instance's administrator as well.
    pub editable_by: String,
    /// Which values there are.
    pub allowed: String,
    /// What it is for.
    pub description: String,
    /// When it was changed from its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Moment>,
    /// Who changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}

/// Settings of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSettings {
    /// When they were read.
    pub as_of: Moment,
    /// The settings by name.
    pub settings: Vec<InstanceSetting>,
}

/// New values by the names of settings: strings, numbers or booleans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingValues(pub BTreeMap<String, Scalar>);

struct SettingValuesVisitor;

impl<'de> Visitor<'de> for SettingValuesVisitor {
    type Value = SettingValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SettingValues, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            text::check(&name, 1, TEXT_CHARS).map_err(A::Error::custom)?;
            if values.insert(name, entries.next_value()?).is_some() {
                return Err(A::Error::custom("has a name twice"));
            }
            if values.len() > INSTANCE_SETTINGS {
                let text = format!("must have at most {INSTANCE_SETTINGS} names");
                return Err(A::Error::custom(text));
            }
        }
        Ok(SettingValues(values))
    }
}

impl<'de> Deserialize<'de> for SettingValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SettingValuesVisitor)
    }
}

impl Serialize for SettingValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl PartialSchema for SettingValues {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(Scalar::schema()))
            .max_properties(Some(INSTANCE_SETTINGS))
            .examples([serde_json::json!({
                "licensing.borrowIntervalMax": "8h", "security.anonymous": true,
            })])
            .into()
    }
}

impl ToSchema for SettingValues {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts_numbers_and_booleans() {
        let read = |json: &str| {
            let values: Result<SettingValues, _> = crate::parse(json.as_bytes());
            values.map(|values| values.0.values().map(ToString::to_string).collect::<Vec<_>>())
        };
        let texts = ["1", "true", "8h"].map(str::to_owned).to_vec();
        assert_eq!(read(r#"{"a":1,"b":true,"c":"8h"}"#), Ok(texts));
        for json in [r#"{"a":1,"a":2}"#, r#"{"a":null}"#, r#"{"a":[1]}"#, "[]", r#"{"":1}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
