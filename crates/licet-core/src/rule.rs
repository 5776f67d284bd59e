//! Rules of access: conditions on who asks, and the ordered actions of a line item that use them.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    fixed::Tokens,
    ids::{ActionId, ConditionId},
};

/// What a requester says of itself: each key with its values.
pub type Dictionary = BTreeMap<Box<str>, Vec<Box<str>>>;

/// Deepest nesting of conditions.
pub(crate) const DEPTH_MAX: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    In,
    Not,
}

/// A test on the requester's dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expression {
    Test {
        key: Box<str>,
        membership: Membership,
        values: Vec<Box<str>>,
    },
    All(Vec<Expression>),
    Any(Vec<Expression>),
    /// Another condition of the same instance.
    Reference(ConditionId),
    /// A condition written out inside another, with the name it was given there.
    Named(Box<str>, Box<Expression>),
}

/// A condition of an instance, usable by the actions of all its line items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    pub id: ConditionId,
    pub name: Arc<str>,
    pub expression: Expression,
}

/// A condition to be changed (with an id) or created (without).
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionDraft {
    pub id: Option<ConditionId>,
    pub name: Arc<str>,
    pub expression: Expression,
}

/// What an action does with a request that its condition matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Lets it consume, at most so many tokens of this line item in all.
    Allow {
        allocation: Option<Tokens>,
    },
    Deny,
}

/// One rule of a line item. The first that matches decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub id: ActionId,
    pub name: Arc<str>,
    /// `None` matches every request: the default action.
    pub condition: Option<ConditionId>,
    pub effect: Effect,
    /// Tokens taken under this action from its line item.
    pub used: Tokens,
}

/// An action to be kept or changed (with an id) or created (without).
#[derive(Debug, Clone, PartialEq)]
pub struct ActionDraft {
    pub id: Option<ActionId>,
    pub name: Arc<str>,
    pub condition: Option<ConditionId>,
    pub effect: Effect,
}

/// What the rules of a line item say to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The line item has no rules.
    Unrestricted,
    /// Allowed by the action at this place in the list.
    Allowed(usize),
    Denied,
}

pub(crate) type Conditions = BTreeMap<ConditionId, Condition>;

/// The first action whose condition matches decides; none matching means not usable.
pub(crate) fn judge(
    actions: &[Action],
    conditions: &Conditions,
    dictionary: &Dictionary,
) -> Verdict {
    if actions.is_empty() {
        return Verdict::Unrestricted;
    }
    let matches = |action: &Action| match action.condition {
        None => true,
        Some(id) => conditions
            .get(&id)
            .is_some_and(|condition| holds(&condition.expression, conditions, dictionary, 0)),
    };
    match actions.iter().position(matches) {
        Some(index) if actions[index].effect != Effect::Deny => Verdict::Allowed(index),
        _ => Verdict::Denied,
    }
}

fn holds(
    expression: &Expression,
    conditions: &Conditions,
    dictionary: &Dictionary,
    depth: usize,
) -> bool {
    // Conditions are checked when they are put; the bound makes a loop of references harmless.
    if depth > DEPTH_MAX * 2 {
        return false;
    }
    let inner = |part: &Expression| holds(part, conditions, dictionary, depth + 1);
    match expression {
        Expression::Test { key, membership, values } => {
            let held = dictionary.get(key);
            let is_in = held.is_some_and(|held| held.iter().any(|value| values.contains(value)));
            match membership {
                Membership::In => is_in,
                Membership::Not => !is_in,
            }
        }
        Expression::All(parts) => parts.iter().all(inner),
        Expression::Any(parts) => parts.iter().any(inner),
        Expression::Reference(id) => {
            conditions.get(id).is_some_and(|condition| inner(&condition.expression))
        }
        Expression::Named(_, part) => inner(part),
    }
}

impl Expression {
    /// Levels of nesting, 1 for a simple test.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Test { .. } | Self::Reference(_) => 1,
            Self::Named(_, part) => part.depth(),
            Self::All(parts) | Self::Any(parts) => {
                1 + parts.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// Whether it tests the dictionary without combining other conditions.
    #[must_use]
    pub fn is_simple(&self) -> bool {
        matches!(self, Self::Test { .. })
    }

    /// Ids of other conditions that it uses.
    #[must_use]
    pub fn references(&self) -> Vec<ConditionId> {
        match self {
            Self::Test { .. } => Vec::new(),
            Self::Reference(id) => vec![*id],
            Self::Named(_, part) => part.references(),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(Self::references).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(key: &str, membership: Membership, values: &[&str]) -> Expression {
        let values = values.iter().map(|value| Box::from(*value)).collect();
        Expression::Test { key: key.into(), membership, values }
    }

    fn dictionary(pairs: &[(&str, &str)]) -> Dictionary {
        let mut dictionary = Dictionary::new();
        for (key, value) in pairs {
            dictionary.entry(Box::from(*key)).or_default().push(Box::from(*value));
        }
        dictionary
    }

    fn is_met(expression: &Expression, pairs: &[(&str, &str)]) -> bool {
        holds(expression, &Conditions::new(), &dictionary(pairs), 0)
    }

    #[test]
    fn a_missing_key_is_not_in_and_satisfies_not() {
        assert!(!is_met(&test("team", Membership::In, &["a"]), &[]));
        assert!(is_met(&test("team", Membership::Not, &["a"]), &[]));
        assert!(is_met(&test("team", Membership::In, &["a", "b"]), &[("team", "b")]));
        assert!(!is_met(&test("team", Membership::Not, &["a", "b"]), &[("team", "b")]));
    }

    #[test]
    fn parts_combine_with_all_and_any() {
        let team = || test("team", Membership::In, &["a"]);
        let site = || test("site", Membership::Not, &["x"]);
        let both = Expression::All(vec![team(), site()]);
        let either = Expression::Any(vec![team(), site()]);
        assert!(is_met(&both, &[("team", "a")]));
        assert!(!is_met(&both, &[("team", "a"), ("site", "x")]));
        assert!(is_met(&either, &[("team", "a"), ("site", "x")]));
        assert!(!is_met(&either, &[("team", "b"), ("site", "x")]));
    }

    #[test]
    fn the_first_match_decides_and_no_match_means_not_usable() {
        let condition = |n: u128, key: &str| {
            let id = ConditionId(uuid::Uuid::from_u128(n));
            (id, Condition { id, name: "c".into(), expression: test(key, Membership::In, &["1"]) })
        };
        let conditions: Conditions = [condition(1, "a"), condition(2, "b")].into();
        let action = |n: u128, condition: Option<u128>, effect| Action {
            id: ActionId(uuid::Uuid::from_u128(n)),
            name: "x".into(),
            condition: condition.map(|n| ConditionId(uuid::Uuid::from_u128(n))),
            effect,
            used: Tokens::ZERO,
        };
        let allow = Effect::Allow { allocation: None };
        let actions = [action(1, Some(1), Effect::Deny), action(2, Some(2), allow)];
        let verdict = |pairs: &[(&str, &str)]| judge(&actions, &conditions, &dictionary(pairs));
        assert_eq!(verdict(&[("a", "1"), ("b", "1")]), Verdict::Denied);
        assert_eq!(verdict(&[("b", "1")]), Verdict::Allowed(1));
        assert_eq!(verdict(&[]), Verdict::Denied);
        assert_eq!(judge(&[], &conditions, &dictionary(&[])), Verdict::Unrestricted);
    }
}
