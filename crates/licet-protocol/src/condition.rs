//! Conditions on who asks, used by the actions of line items.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, SchemaFormat, schema::Type,
    },
};
use uuid::Uuid;

use crate::{
    Name, Scalar,
    limits::{CONDITION_NESTING, CONDITION_VALUES, CONDITIONS},
    list,
    object::{object, string_enum},
};

string_enum! {
    /// What a condition does with its values or its parts.
    pub enum ConditionOperator {
        /// One of the requester's values of `key` is in `values`.
        In = "IN",
        /// None of them is; also met where the requester has no such key.
        Not = "NOT",
        /// All of `conditions` are met.
        And = "AND",
        /// One of `conditions` is met.
        Or = "OR",
    }
}

/// Conditions to be added (without `id`) or, in PATCH, changed (with `id`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"conditions": [
    {"name": "Engineering", "key": "department", "operator": "IN", "values": ["engineering"]},
]}))]
pub struct ConditionsIn {
    /// Up to 1,000 conditions.
    #[serde(deserialize_with = "list::bounded::<_, _, CONDITIONS>")]
    #[schema(max_items = 1000)]
    pub conditions: Vec<ConditionIn>,
}
object!(ConditionsIn: Serialize);

/// A condition: simple with `key` and `values`, or complex with `conditions`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct ConditionIn {
    /// Of a condition to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// For people; need not be unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Engineering")]
    pub name: Option<Name>,
    /// Key of the requester's dictionary, of a simple condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "department")]
    pub key: Option<Name>,
    /// `IN` or `NOT` with `key` and `values`, `AND` or `OR` with `conditions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<ConditionOperator>,
    /// Values that the key is compared with, of a simple condition; up to 1,000.
    #[serde(
        default,
        deserialize_with = "list::bounded_opt::<_, _, CONDITION_VALUES>",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_items = 1000)]
    pub values: Option<Vec<Scalar>>,
    /// Parts of a complex condition: ids of conditions of the instance, or conditions in full, at
    /// most 8 levels deep.
    #[serde(
        default,
        deserialize_with = "list::bounded_opt::<_, _, CONDITIONS>",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_items = 1000, no_recursion)]
    pub conditions: Option<Vec<ConditionPart>>,
}
object!(ConditionIn: Serialize);

/// A part of a complex condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ConditionPart {
    /// A condition of the same instance.
    Id(Uuid),
    /// A condition in full.
    Whole(Box<ConditionIn>),
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = ConditionPart;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id or condition")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ConditionPart, E> {
        text.parse().map(ConditionPart::Id).map_err(|_| E::custom("is not an id"))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<ConditionPart, A::Error> {
        let condition =
            <ConditionIn as Deserialize>::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(ConditionPart::Whole(Box::new(condition)))
    }
}

impl<'de> Deserialize<'de> for ConditionPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

impl PartialSchema for ConditionPart {
    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        OneOfBuilder::new().item(id).item(Ref::from_schema_name("ConditionIn")).into()
    }
}

impl ToSchema for ConditionPart {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ConditionIn::name().into_owned(), ConditionIn::schema()));
        ConditionIn::schemas(schemas);
    }
}

/// What a condition tests, its parts seen to be of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConditionTest<'a> {
    /// `IN`, or `NOT` where `negated`.
    Simple {
        /// Key of the requester's dictionary.
        key: &'a str,
        /// Whether none of the values may be there.
        negated: bool,
        /// What the key is compared with.
        values: &'a [Scalar],
    },
    /// `AND`, or `OR` where not `all`.
    Complex {
        /// Whether all parts must be met.
        all: bool,
        /// At least one.
        parts: &'a [ConditionPart],
    },
}

impl ConditionIn {
    /// What the condition tests.
    ///
    /// # Errors
    /// What is missing, or there in vain.
    pub fn test(&self) -> Result<ConditionTest<'_>, String> {
        let operator = self.operator.ok_or("operator is missing but it is required")?;
        match operator {
            ConditionOperator::In | ConditionOperator::Not => self.simple(operator),
            ConditionOperator::And | ConditionOperator::Or => self.complex(operator),
        }
    }

    fn simple(&self, operator: ConditionOperator) -> Result<ConditionTest<'_>, String> {
        let needs = |field: &str| format!("{field} is missing but operator {operator} requires it");
        if self.conditions.is_some() {
            return Err(format!("conditions are given but operator is {operator}"));
        }
        Ok(ConditionTest::Simple {
            key: self.key.as_ref().ok_or_else(|| needs("key"))?,
            negated: operator == ConditionOperator::Not,
            values: self.values.as_ref().ok_or_else(|| needs("values"))?,
        })
    }

    fn complex(&self, operator: ConditionOperator) -> Result<ConditionTest<'_>, String> {
        if self.key.is_some() || self.values.is_some() {
            return Err(format!("key or values are given but operator is {operator}"));
        }
        let parts = self.conditions.as_deref().unwrap_or_default();
        if parts.is_empty() {
            return Err(format!("conditions are missing but operator {operator} requires them"));
        }
        Ok(ConditionTest::Complex { all: operator == ConditionOperator::And, parts })
    }

    /// Levels of conditions in full, 1 for a simple one.
    #[must_use]
    pub fn depth(&self) -> usize {
        let parts = self.conditions.as_deref().unwrap_or_default();
        let depth = |part: &ConditionPart| match part {
            ConditionPart::Id(_) => 1,
            ConditionPart::Whole(condition) => condition.depth(),
        };
        1 + parts.iter().map(depth).max().unwrap_or(0)
    }

    /// The first thing wrong with it or its parts.
    ///
    /// # Errors
    /// As [`ConditionIn::test`], or that it is nested too deeply.
    pub fn check(&self) -> Result<(), String> {
        if self.depth() > CONDITION_NESTING {
            return Err(format!("is nested more than {CONDITION_NESTING} conditions deep"));
        }
        self.check_tests()
    }

    fn check_tests(&self) -> Result<(), String> {
        self.test()?;
        for part in self.conditions.iter().flatten() {
            if let ConditionPart::Whole(condition) = part {
                condition.check_tests()?;
            }
        }
        Ok(())
    }
}

/// A condition of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2", "name": "Engineering",
    "key": "department", "operator": "IN", "values": ["engineering"],
}))]
pub struct ConditionOut {
    /// Made by the server.
    pub id: Uuid,
    /// For people; need not be unique.
    pub name: String,
    /// Of a simple condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `IN` or `NOT` of a simple, `AND` or `OR` of a complex condition.
    pub operator: ConditionOperator,
    /// Of a simple condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Scalar>>,
    /// Of a complex condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<ConditionPart>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ConditionIn, String> {
        let condition: ConditionIn =
            crate::parse(json.as_bytes()).map_err(|error| error.to_string())?;
        condition.check()?;
        Ok(condition)
    }

    #[test]
    fn conditions_are_simple_or_complex() {
        let simple = r#"{"name":"a","key":"team","operator":"IN","values":["x",1.0,true]}"#;
        let condition = read(simple).expect("it is read");
        let values = ["x", "1.0", "true"].map(Scalar::from);
        let test = ConditionTest::Simple { key: "team", negated: false, values: &values };
        assert_eq!(condition.test(), Ok(test));
        let id = "5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2";
        let complex = format!(r#"{{"operator":"AND","conditions":["{id}",{simple}]}}"#);
        let condition = read(&complex).expect("it is read");
        assert_eq!(condition.depth(), 2);
        let json = serde_json::to_string(&condition).expect("it is written");
        assert_eq!(read(&json), Ok(condition));
    }

    #[test]
    fn mixtures_are_refused() {
        for (json, wanted) in [
            (r#"{"key":"a","values":[]}"#, "operator is missing but it is required"),
            (r#"{"operator":"IN","values":[]}"#, "key is missing but operator IN requires it"),
            (r#"{"operator":"NOT","key":"a"}"#, "values is missing but operator NOT requires it"),
            (
                r#"{"operator":"OR","key":"a","conditions":[]}"#,
                "key or values are given but operator is OR",
            ),
            (
                r#"{"operator":"OR","conditions":[]}"#,
                "conditions are missing but operator OR requires them",
            ),
            (r#"{"operator":"OR","conditions":["x"]}"#, "$.conditions[0]: is not an id"),
            (
                r#"{"operator":"OR","conditions":[7]}"#,
                "$.conditions[0]: integer found, id or condition expected",
            ),
            (
                r#"{"operator":"XOR"}"#,
                "$.operator: does not have a value in the enumeration [IN, NOT, AND, OR]",
            ),
        ] {
            assert_eq!(read(json), Err(wanted.to_owned()), "{json}");
        }
    }

    #[test]
    fn nesting_ends_at_eight() {
        let mut json = r#"{"operator":"IN","key":"a","values":["b"]}"#.to_owned();
        for _ in 1..CONDITION_NESTING {
            json = format!(r#"{{"operator":"AND","conditions":[{json}]}}"#);
        }
        assert!(read(&json).is_ok());
        json = format!(r#"{{"operator":"AND","conditions":[{json}]}}"#);
        assert_eq!(read(&json), Err("is nested more than 8 conditions deep".to_owned()));
    }
}
