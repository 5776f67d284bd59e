//! Whose usage an answer may be about.

use licet_protocol::ServerId;
use uuid::Uuid;

use super::parameter::Complaints;
use crate::{
    App, Problem,
    security::{Principal, Scope},
};

/// The caller's filters on whose usage it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) instance_id: Option<Uuid>,
    pub(super) account_id: Option<String>,
}

/// The wanted part of what the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reach {
    pub(super) instance_id: Option<Uuid>,
    /// Any of these accounts; empty means all.
    pub(super) account_ids: Vec<String>,
}

impl Wanted {
    pub(super) fn read(
        complaints: &mut Complaints,
        instance_id: Option<&str>,
        account_id: Option<String>,
    ) -> Self {
        let instance_id = instance_id.filter(|text| !text.is_empty()).map(str::parse);
        let instance_id = match instance_id {
            Some(Ok(ServerId(id))) => Some(id),
            Some(Err(error)) => {
                complaints.add("instanceId", error);
                None
            }
            None => None,
        };
        Self { instance_id, account_id: complaints.filter("accountId", account_id) }
    }

    /// What of it the caller may see; `None` if that is nothing. Whether something is absent or
    /// another's does not show.
    ///
    /// # Errors
    /// 400 if the caller sees several single instances and names none; 503 `store_unavailable`
    pub(super) async fn within(
        self,
        app: &App,
        caller: &Principal,
    ) -> Result<Option<Reach>, Problem> {
        let instance_id = match self.instance_id {
            None => own_instance(caller)?,
            named => named,
        };
        let Some(instance_id) = instance_id else {
            return Ok(self.accounts_within(caller));
        };
        let row = app.engine.instance(instance_id.into()).await?;
        let is_seen = row.is_some_and(|row| {
            caller.sees_instance(row.id, &row.account_id)
                && self.account_id.is_none_or(|wanted| wanted == row.account_id)
        });
        // An instance has one account for good, so there is no need to name it.
        let reach = || Reach { instance_id: Some(instance_id), account_ids: Vec::new() };
        Ok(is_seen.then(reach))
    }

    fn accounts_within(self, caller: &Principal) -> Option<Reach> {
        let account_ids = match (self.account_id, &caller.scope) {
            (Some(wanted), _) => caller.sees_account(&wanted).then(|| vec![wanted])?,
            (None, Scope::Site) => Vec::new(),
            // Empty would mean all accounts here.
            (None, Scope::Accounts(own)) if !own.is_empty() => own.clone(),
            (None, Scope::Accounts(_) | Scope::Instances(_)) => return None,
        };
        Some(Reach { instance_id: None, account_ids })
    }
}

/// The one that a caller means who sees single instances and names none.
fn own_instance(caller: &Principal) -> Result<Option<Uuid>, Problem> {
    match &caller.scope {
        Scope::Instances(own) => match own.as_slice() {
            [only] => Ok(Some(*only)),
            _ => Err(Problem::invalid("instanceId", "must be given, as you see several instances")),
        },
        Scope::Site | Scope::Accounts(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{Caller, Role};

    fn caller(scope: Scope) -> Principal {
        let role = Role::CustomerViewer;
        let (caller, permissions) = (Caller::User(role), role.permissions());
        Principal { name: "ada".to_owned(), caller, permissions, scope }
    }

    fn accounts(scope: Scope, wanted: Option<&str>) -> Option<Vec<String>> {
        let caller = caller(scope);
        let wanted = Wanted { instance_id: None, account_id: wanted.map(str::to_owned) };
        wanted.accounts_within(&caller).map(|reach| reach.account_ids)
    }

    #[test]
    fn nobody_reaches_beyond_its_scope() {
        let own = || Scope::Accounts(vec!["A".to_owned()]);
        assert_eq!(accounts(Scope::Site, None), Some(Vec::new()));
        assert_eq!(accounts(Scope::Site, Some("B")), Some(vec!["B".to_owned()]));
        assert_eq!(accounts(own(), None), Some(vec!["A".to_owned()]));
        assert_eq!(accounts(own(), Some("A")), Some(vec!["A".to_owned()]));
        assert_eq!(accounts(own(), Some("B")), None);
        assert_eq!(accounts(Scope::Accounts(Vec::new()), None), None);
        assert_eq!(accounts(Scope::Instances(vec![Uuid::from_u128(1)]), None), None);
    }

    #[test]
    fn who_sees_one_instance_need_not_name_it() {
        let own = |scope: Scope| own_instance(&caller(scope)).map_err(|it| it.errors().to_vec());
        let [one, two] = [1, 2].map(Uuid::from_u128);
        assert_eq!(own(Scope::Instances(vec![one])), Ok(Some(one)));
        let several = own(Scope::Instances(vec![one, two])).unwrap_err();
        assert!(several[0].starts_with("instanceId: must be given"), "{several:?}");
        assert_eq!(own(Scope::Site), Ok(None));
        assert_eq!(own(Scope::Accounts(vec!["A".to_owned()])), Ok(None));
    }
}
