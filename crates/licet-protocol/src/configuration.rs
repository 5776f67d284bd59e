//! Settings of the site.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, OneOfBuilder, Ref, RefOr, Schema},
};

use crate::{Millis, Name, Scalar, limits::CONFIGURATION_CHANGES, list, object::object};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"name": "session.charge.period", "value": "PT1H"}))]
pub struct ConfigurationEntry {
    /// `timezone.tolerant` or `session.charge.period`.
    pub name: String,
    /// `true` or `false`; or an ISO 8601 duration of hours and minutes from `PT10M` to `PT24H`.
    pub value: String,
    /// When it was changed from its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Millis>,
    /// Id of the public key, or the user, that changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}

/// A new value for a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"name": "timezone.tolerant", "value": "true"}))]
pub struct ConfigurationChange {
    /// The setting.
    pub name: Name,
    /// Its new value.
    pub value: Scalar,
}
object!(ConfigurationChange: Serialize);

/// One change or an array of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigurationPatch(pub Vec<ConfigurationChange>);

struct PatchVisitor;

impl<'de> Visitor<'de> for PatchVisitor {
    type Value = ConfigurationPatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or array")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<ConfigurationPatch, A::Error> {
        let fields = MapAccessDeserializer::new(fields);
        let change = <ConfigurationChange as Deserialize>::deserialize(fields)?;
        Ok(ConfigurationPatch(vec![change]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, changes: A) -> Result<ConfigurationPatch, A::Error> {
        let changes = SeqAccessDeserializer::new(changes);
        list::bounded::<_, _, CONFIGURATION_CHANGES>(changes).map(ConfigurationPatch)
    }
}

impl<'de> Deserialize<'de> for ConfigurationPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatchVisitor)
    }
}

impl PartialSchema for ConfigurationPatch {
    fn schema() -> RefOr<Schema> {
        let change = || Ref::from_schema_name("ConfigurationChange");
        let many = ArrayBuilder::new().items(change()).max_items(Some(CONFIGURATION_CHANGES));
        OneOfBuilder::new().item(change()).item(many).into()
    }
}

impl ToSchema for ConfigurationPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ConfigurationChange::name().into_owned(), ConfigurationChange::schema()));
        ConfigurationChange::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_or_many() {
        let count = |json: &str| {
            crate::parse(json.as_bytes()).map(|patch: ConfigurationPatch| patch.0.len())
        };
        assert_eq!(count(r#"{"name":"timezone.tolerant","value":true}"#), Ok(1));
        assert_eq!(count(r#"[{"name":"a","value":"b"},{"name":"c","value":"d"}]"#), Ok(2));
        let complaint = |json| count(json).expect_err("it is refused").to_string();
        assert_eq!(complaint("3"), "$: integer found, object or array expected");
        assert_eq!(complaint(r#"[{"name":"a"}]"#), "$[0].value: is missing but it is required");
    }
}
