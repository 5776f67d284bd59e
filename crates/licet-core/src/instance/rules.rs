//! Commands on conditions and actions.

use std::{collections::BTreeSet, sync::Arc};

use super::turn::Turn;
use crate::{
    command::Reply,
    fixed::Tokens,
    ids::ConditionId,
    record::Record,
    refusal::Refusal,
    rule::{Action, ActionDraft, Condition, ConditionDraft, Conditions, DEPTH_MAX, Effect},
};

/// Most conditions of an instance.
const CONDITIONS_MAX: usize = 10_000;
/// Most actions of a line item.
const ACTIONS_MAX: usize = 1_000;

impl Turn<'_> {
    pub(super) fn put_conditions(
        &mut self,
        drafts: Vec<ConditionDraft>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let mut conditions = Vec::with_capacity(drafts.len());
        for draft in drafts {
            conditions.push(self.condition(draft)?);
        }
        let mut result = self.instance.conditions.clone();
        result.extend(conditions.iter().map(|condition| (condition.id, condition.clone())));
        check_conditions(&result)?;
        let changed = conditions
            .iter()
            .any(|condition| self.instance.conditions.get(&condition.id) != Some(condition));
        if changed {
            let record =
                Record::ConditionsPut { at_ms: self.now_ms(), by, conditions: conditions.clone() };
            self.record(record);
        }
        Ok(Reply::Conditions(conditions))
    }

    fn condition(&mut self, draft: ConditionDraft) -> Result<Condition, Refusal> {
        let id = match draft.id {
            None => self.id(),
            Some(id) if self.instance.conditions.contains_key(&id) => id,
            Some(id) => return Err(Refusal::ConditionNotFound(id)),
        };
        Ok(Condition { id, name: draft.name, expression: draft.expression })
    }

    pub(super) fn delete_conditions(
        &mut self,
        id: Option<ConditionId>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let ids: Vec<ConditionId> = match id {
            Some(id) if !self.instance.conditions.contains_key(&id) => {
                return Err(Refusal::ConditionNotFound(id));
            }
            Some(id) => vec![id],
            None => self.instance.conditions.keys().copied().collect(),
        };
        let in_use = self.conditions_in_use(&ids);
        if let Some(id) = ids.iter().find(|id| in_use.contains(id)) {
            return Err(Refusal::ConditionInUse(*id));
        }
        if !ids.is_empty() {
            self.record(Record::ConditionsDeleted { at_ms: self.now_ms(), by, ids });
        }
        Ok(Reply::Done)
    }

    /// Conditions that actions use, or conditions that stay when `leaving` go.
    fn conditions_in_use(&self, leaving: &[ConditionId]) -> BTreeSet<ConditionId> {
        let staying =
            self.instance.conditions.values().filter(|condition| !leaving.contains(&condition.id));
        let by_conditions = staying.flat_map(|condition| condition.expression.references());
        let lines = self.instance.lines.iter().flatten();
        let by_actions =
            lines.flat_map(|line| line.actions.iter().filter_map(|action| action.condition));
        by_conditions.chain(by_actions).collect()
    }

    pub(super) fn add_actions(
        &mut self,
        activation_id: Arc<str>,
        drafts: Vec<ActionDraft>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let standing = self.line_item(&activation_id)?.actions.iter();
        let kept = standing.map(|action| ActionDraft {
            id: Some(action.id),
            name: action.name.clone(),
            condition: action.condition,
            effect: action.effect,
        });
        let drafts = kept.collect::<Vec<_>>().into_iter().chain(drafts).collect();
        self.put_actions(activation_id, drafts, by)
    }

    pub(super) fn put_actions(
        &mut self,
        activation_id: Arc<str>,
        drafts: Vec<ActionDraft>,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let standing = self.line_item(&activation_id)?.actions.clone();
        let mut actions: Vec<Action> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let action = self.action(draft, &standing)?;
            if actions.iter().any(|listed| listed.id == action.id) {
                return Err(Refusal::ActionTwice(action.id));
            }
            actions.push(action);
        }
        check_actions(&actions)?;
        if actions != standing {
            let at_ms = self.now_ms();
            self.record(Record::ActionsPut { at_ms, by, activation_id, actions: actions.clone() });
        }
        Ok(Reply::Actions(actions))
    }

    fn action(&mut self, draft: ActionDraft, standing: &[Action]) -> Result<Action, Refusal> {
        if let Some(id) = draft.condition
            && !self.instance.conditions.contains_key(&id)
        {
            return Err(Refusal::ConditionNotFound(id));
        }
        let (id, used) = match draft.id {
            None => (self.id(), Tokens::ZERO),
            Some(id) => {
                let kept = standing.iter().find(|action| action.id == id);
                (id, kept.ok_or(Refusal::ActionNotFound(id))?.used)
            }
        };
        let ActionDraft { name, condition, effect, .. } = draft;
        Ok(Action { id, name, condition, effect, used })
    }
}

fn check_conditions(conditions: &Conditions) -> Result<(), Refusal> {
    if conditions.len() > CONDITIONS_MAX {
        return Err(Refusal::TooMany { what: "conditions", max: CONDITIONS_MAX });
    }
    for condition in conditions.values() {
        if condition.expression.depth() > DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        for id in condition.expression.references() {
            let referred = conditions.get(&id).ok_or(Refusal::ConditionNotFound(id))?;
            if !referred.expression.is_simple() {
                return Err(Refusal::ReferenceNotSimple(id));
            }
        }
    }
    Ok(())
}

fn check_actions(actions: &[Action]) -> Result<(), Refusal> {
    if actions.len() > ACTIONS_MAX {
        return Err(Refusal::TooMany { what: "actions", max: ACTIONS_MAX });
    }
    if actions.iter().filter(|action| action.condition.is_none()).count() > 1 {
        return Err(Refusal::TwoDefaultActions);
    }
    let unlimited = Effect::Allow { allocation: None };
    if actions.iter().filter(|action| action.effect == unlimited).count() > 1 {
        return Err(Refusal::TwoUnlimitedActions);
    }
    Ok(())
}
