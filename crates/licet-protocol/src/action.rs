//! Actions: the ordered rules of access of a line item.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, Ref, RefOr, Schema},
};
use uuid::Uuid;

use crate::{
    Malformed, Name, TokenNumber,
    limits::ACTIONS,
    list, number,
    object::{object, string_enum},
};

string_enum! {
    /// What an action does with a request that its condition matches.
    pub enum ActionEffect {
        /// Lets it consume from the line item.
        Allow = "ALLOW",
        /// Keeps it from consuming.
        Deny = "DENY",
    }
}

/// The complete ordered list of a line item's actions; the first that matches decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionsIn(pub Vec<ActionIn>);

impl<'de> Deserialize<'de> for ActionsIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list::bounded::<_, _, ACTIONS>(deserializer).map(Self)
    }
}

impl PartialSchema for ActionsIn {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Ref::from_schema_name("ActionIn")).max_items(Some(ACTIONS)).into()
    }
}

impl ToSchema for ActionsIn {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ActionIn::name().into_owned(), ActionIn::schema()));
        ActionIn::schemas(schemas);
    }
}

/// An action to be added (without `id`) or kept and changed (with `id`). `used` may be sent back
/// and counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "name": "Engineering", "conditionId": "5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2",
    "action": "ALLOW", "allocation": 150,
}))]
pub struct ActionIn {
    /// Of an action to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// For people.
    pub name: Name,
    /// Left out for the default action, which matches every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_id: Option<Uuid>,
    /// What to do.
    pub action: ActionEffect,
    /// Most tokens that may be taken from this line item under this action.
    #[serde(
        default,
        deserialize_with = "number::not_negative",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<f64>, minimum = 0.0, maximum = 9_223_372_036_854.0, example = 150)]
    pub allocation: Option<TokenNumber>,
}
object!(ActionIn: Serialize);

impl ActionsIn {
    /// Everything wrong with the list that types do not tell; empty if it is good.
    #[must_use]
    pub fn complaints(&self) -> Vec<Malformed> {
        let mut found = Vec::new();
        let (mut has_default, mut has_unbounded, mut ids) = (false, false, Vec::new());
        for (index, action) in self.0.iter().enumerate() {
            let mut complain = |what: &str| {
                found.push(Malformed { at: format!("$[{index}]"), what: what.to_owned() });
            };
            if action.condition_id.is_none() && std::mem::replace(&mut has_default, true) {
                complain("is a second action without conditionId; one default is allowed");
            }
            let unbounded = action.action == ActionEffect::Allow && action.allocation.is_none();
            if unbounded && std::mem::replace(&mut has_unbounded, true) {
                complain("is a second ALLOW without allocation; one is allowed");
            }
            if action.action == ActionEffect::Deny && action.allocation.is_some() {
                complain("has an allocation, which DENY does not use");
            }
            if let Some(id) = action.id {
                if ids.contains(&id) {
                    complain("has the id of another action in the list");
                }
                ids.push(id);
            }
        }
        found
    }
}

/// An action of a line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "9be1f9a6-0b9e-4b0c-8a53-1c3f5d1c7a10", "name": "Engineering",
    "conditionId": "5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2",
    "action": "ALLOW", "allocation": 150, "used": 12.5,
}))]
pub struct ActionOut {
    /// Made by the server.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// Not there in the default action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_id: Option<Uuid>,
    /// What it does.
    pub action: ActionEffect,
    /// Most tokens that may be taken from this line item under this action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<TokenNumber>,
    /// Tokens taken against the allocation, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<TokenNumber>,
}

/// The actions of one line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineItemActions {
    /// Activation ID of the line item.
    pub line_item_id: String,
    /// Its actions, in order.
    pub actions: Vec<ActionOut>,
}

/// A page of line items with their actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineItemActionsPage {
    /// The line items that have actions.
    pub line_items: Vec<LineItemActions>,
    /// Ask for the next page with it; 0 if this is the last.
    #[schema(example = 0)]
    pub next: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(json: &str) -> Vec<String> {
        let actions: ActionsIn = crate::parse(json.as_bytes()).expect("it is read");
        actions.complaints().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_default_and_one_allow_without_allocation() {
        let id = "5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2";
        let good = format!(
            r#"[{{"name":"a","conditionId":"{id}","action":"ALLOW","allocation":1.5,"used":3}},
                {{"name":"b","action":"DENY"}}]"#
        );
        assert_eq!(complaints(&good), Vec::<String>::new());
        let bad = r#"[{"name":"a","action":"ALLOW"},{"name":"b","action":"ALLOW"},
                      {"name":"c","action":"DENY","allocation":1}]"#;
        assert_eq!(complaints(bad).len(), 4);
    }
}
