//! What the audit log keeps of the records of an instance.

use licet_core::{
    Action, Condition, Effect, FeatureLineItemTerms, LeaseEnd, LineItemTerms, Overdraft, Record,
    ReservationGroup,
};
use licet_store::AuditRow;
use serde_json::{Value, json};
use uuid::Uuid;

use super::part::state_name;

/// The line in the audit log for a record that a person or program asked for.
pub(super) fn audit_row(instance_id: Uuid, record: &Record) -> Option<AuditRow> {
    let of_line = |activation_id: &str| format!("instance/{instance_id}/line-item/{activation_id}");
    let of_features = |id: &str| format!("instance/{instance_id}/feature-line-item/{id}");
    let of_group = |group: &ReservationGroup| {
        format!("instance/{instance_id}/reservation-group/{}", group.id.0)
    };
    let of_model = || format!("instance/{instance_id}/model");
    let of_conditions = || format!("instance/{instance_id}/conditions");
    let (by, action, object, before, after) = match record {
        Record::LineItemPut { by, before, after, .. } => {
            let before = before.as_ref().map(|terms| describe(terms));
            let object = of_line(&after.activation_id);
            (by, "line-item.put", object, before, Some(describe(after)))
        }
        Record::LineItemDeleted { by, activation_id, .. } => {
            (by, "line-item.delete", of_line(activation_id), None, None)
        }
        Record::ActionsPut { by, activation_id, actions, .. } => {
            let actions: Vec<Value> = actions.iter().map(describe_action).collect();
            let after = json!({ "actions": actions });
            (by, "actions.put", of_line(activation_id), None, Some(after))
        }
        Record::ConditionsPut { by, conditions, .. } => {
            let named = |held: &Condition| json!({ "id": held.id.0, "name": *held.name });
            let conditions: Vec<Value> = conditions.iter().map(named).collect();
            let after = json!({ "conditions": conditions });
            (by, "conditions.put", of_conditions(), None, Some(after))
        }
        Record::ConditionsDeleted { by, ids, .. } => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            (by, "conditions.delete", of_conditions(), Some(json!({ "ids": ids })), None)
        }
        Record::FeatureLineItemPut { by, before, after, .. } => {
            let before = before.as_ref().map(|terms| describe_features(terms));
            let object = of_features(&after.activation_id);
            (by, "feature-line-item.put", object, before, Some(describe_features(after)))
        }
        Record::FeatureLineItemDeleted { by, activation_id, .. } => {
            (by, "feature-line-item.delete", of_features(activation_id), None, None)
        }
        Record::ReservationGroupPosted { by, group, .. } => {
            (by, "reservation-group.post", of_group(group), None, Some(describe_group(group)))
        }
        Record::ReservationGroupDeleted { by, group, .. } => {
            (by, "reservation-group.delete", of_group(group), Some(describe_group(group)), None)
        }
        Record::ModelPut { by, text, .. } => {
            (by, "model.put", of_model(), None, Some(json!({ "text": **text })))
        }
        Record::ModelDeleted { by, .. } => (by, "model.delete", of_model(), None, None),
        Record::LeasesEnded(ended) => {
            let LeaseEnd::Dropped { by } = &ended.end else { return None };
            let object = format!("instance/{instance_id}/client/{}", ended.client.0);
            let counts: u64 = ended.holds.iter().map(|hold| hold.count).sum();
            let before = json!({ "host": ended.asker.host().to_string(), "counts": counts });
            (by, "client.drop", object, Some(before), None)
        }
        Record::LineItemReset { .. }
        | Record::CountsDivided { .. }
        | Record::Served { .. }
        | Record::Access { .. }
        | Record::SessionOpened { .. }
        | Record::SessionAccess { .. }
        | Record::SessionEnded { .. }
        | Record::HeartbeatSeen { .. } => return None,
    };
    Some(AuditRow {
        at_ms: record.at_ms(),
        actor: by.to_string(),
        action: action.to_owned(),
        object,
        before: before.map(|value| value.to_string()),
        after: after.map(|value| value.to_string()),
        request_id: String::new(),
    })
}

fn describe(terms: &LineItemTerms) -> Value {
    let overdraft = match terms.overdraft {
        Overdraft::None => json!(0),
        Overdraft::Limit(limit) => json!(limit.to_string()),
        Overdraft::Unlimited => json!("unlimited"),
    };
    json!({
        "state": state_name(terms.state),
        "quantity": terms.quantity.to_string(),
        "start": terms.starts_at_ms,
        "end": terms.ends_at_ms,
        "elastic": terms.elastic,
        "rateTableSeries": *terms.rate_table_series,
        "overdraft": overdraft,
        "resetFrequency": terms.reset_frequency.map(|frequency| format!("{frequency:?}")),
    })
}

fn describe_features(terms: &FeatureLineItemTerms) -> Value {
    let feature = |feature: &licet_core::FeatureTerms| {
        json!({
            "name": *feature.name,
            "version": feature.version.to_string(),
            "count": feature.count,
        })
    };
    let features: Vec<Value> = terms.features.iter().map(feature).collect();
    json!({
        "state": state_name(terms.state),
        "start": terms.starts_at_ms,
        "end": terms.ends_at_ms,
        "copies": terms.copies,
        "features": features,
    })
}

fn describe_group(group: &ReservationGroup) -> Value {
    let hosts: Vec<String> =
        group.reservations.iter().map(|reservation| reservation.host.to_string()).collect();
    json!({ "name": *group.name, "hosts": hosts })
}

fn describe_action(action: &Action) -> Value {
    let (effect, allocation) = match action.effect {
        Effect::Deny => ("DENY", None),
        Effect::Allow { allocation } => ("ALLOW", allocation.map(|tokens| tokens.to_string())),
    };
    json!({
        "name": *action.name,
        "conditionId": action.condition.map(|id| id.0),
        "action": effect,
        "allocation": allocation,
    })
}
