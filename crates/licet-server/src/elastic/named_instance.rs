//! The instance that a request about sessions names beside its path.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use licet_core::InstanceId;
use licet_protocol::ServerId;
use serde::Deserialize;
use uuid::Uuid;

use super::access_requests::Preview;
use crate::{
    Problem,
    extract::Params,
    security::{Caller, Principal, Scope},
};

const HEADER: &str = "x-instance-id";

/// The header `x-instance-id` and the query parameter `instanceId`.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedInstance {
    header: Option<InstanceId>,
    query: Option<InstanceId>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceQuery {
    instance_id: Option<String>,
}

/// The same for what can be tried without effect.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TrialQuery {
    instance_id: Option<String>,
    preview: Option<bool>,
}

/// A [`NamedInstance`] beside a [`Preview`].
#[derive(Debug, Clone, Copy)]
pub(super) struct TrialAt(pub(super) NamedInstance, pub(super) Preview);

impl<S: Send + Sync> FromRequestParts<S> for NamedInstance {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(query) = Params::<InstanceQuery>::from_request_parts(parts, state).await?;
        Self::read(&parts.headers, query.instance_id.as_deref())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TrialAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(query) = Params::<TrialQuery>::from_request_parts(parts, state).await?;
        let named = NamedInstance::read(&parts.headers, query.instance_id.as_deref())?;
        Ok(Self(named, Preview(query.preview.unwrap_or(false))))
    }
}

fn header(headers: &HeaderMap) -> Result<Option<InstanceId>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::invalid(HEADER, "is there more than once"));
    }
    read_id(HEADER, value.to_str().unwrap_or_default()).map(Some)
}

fn read_id(at: &str, text: &str) -> Result<InstanceId, Problem> {
    match text.parse() {
        Ok(ServerId(id)) => Ok(InstanceId(id)),
        Err(error) => Err(Problem::invalid(at, &error.to_string())),
    }
}

impl NamedInstance {
    fn read(headers: &HeaderMap, query: Option<&str>) -> Result<Self, Problem> {
        let header = header(headers)?;
        let query = query.map(|text| read_id("instanceId", text)).transpose()?;
        if header.is_some() && query.is_some() && header != query {
            return Err(Problem::invalid("instanceId", "is another one than x-instance-id says"));
        }
        Ok(Self { header, query })
    }

    /// What the request says, if it says anything.
    pub(super) fn given(self) -> Option<InstanceId> {
        self.header.or(self.query)
    }

    /// The instance of a session. Client keys must name it in the header, as the reference has
    /// it.
    pub(super) fn of_session(self, caller: &Principal) -> Result<InstanceId, Problem> {
        self.check_header(caller)?;
        self.given().ok_or_else(missing)
    }

    /// The same where the reference does not ask for the header, and browsers cannot send it:
    /// a token for a single instance says enough.
    pub(super) fn of_live_session(self, caller: &Principal) -> Result<InstanceId, Problem> {
        let only = match &caller.scope {
            Scope::Instances(instances) if instances.len() == 1 => Some(InstanceId(instances[0])),
            _ => None,
        };
        self.given().or(only).ok_or_else(missing)
    }

    /// The instance that a body names; the header may only repeat it.
    pub(super) fn of_body(self, caller: &Principal, body: Uuid) -> Result<InstanceId, Problem> {
        self.check_header(caller)?;
        match self.given() {
            Some(given) if given.0 != body => {
                Err(Problem::invalid("$.instanceId", "is another one than x-instance-id says"))
            }
            _ => Ok(InstanceId(body)),
        }
    }

    /// # Errors
    /// 400 if a caller with a client key does not send the header.
    pub(super) fn check_header(self, caller: &Principal) -> Result<(), Problem> {
        if caller.caller == Caller::ClientKey && self.header.is_none() {
            return Err(missing());
        }
        Ok(())
    }
}

fn missing() -> Problem {
    Problem::invalid(HEADER, "is missing; send the id of the session's instance in this header")
}
