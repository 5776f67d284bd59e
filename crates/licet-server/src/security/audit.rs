use licet_store::AuditRow;
use serde_json::Value;

use super::principal::Principal;

/// Who makes a change, when, and in which request: what every audit row begins with.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    pub name: &'a str,
    pub request_id: &'a str,
    /// POSIX milliseconds.
    pub now_ms: i64,
}

impl<'a> Author<'a> {
    #[must_use]
    pub fn new(principal: &'a Principal, request_id: &'a str, now_ms: i64) -> Self {
        Self { name: &principal.name, request_id, now_ms }
    }

    /// The server itself, such as at its first start.
    #[must_use]
    pub fn server(now_ms: i64) -> Self {
        Self { name: "licet", request_id: "", now_ms }
    }

    /// A row for a change from `before` to `after`. Neither may hold a secret.
    #[must_use]
    pub fn audit(
        &self,
        action: &str,
        object: &str,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> AuditRow {
        AuditRow {
            at_ms: self.now_ms,
            actor: self.name.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            before: before.map(Value::to_string),
            after: after.map(Value::to_string),
            request_id: self.request_id.to_owned(),
        }
    }
}
