//! What the path of a request names. An id that is no id names nothing: 404, as if absent.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use licet_core::{ConditionId, InstanceId, SessionId};
use licet_protocol::{ApiVersion, ServerId};
use serde::Deserialize;
use uuid::Uuid;

use crate::Problem;

/// The version of the API that the request speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version(pub(super) ApiVersion);

impl<S: Send + Sync> FromRequestParts<S> for Version {
    type Rejection = Problem;

    /// The routes of this door all have the version after the first `/api/`.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let rest = parts.uri.path().split_once("/api/").map(|(_, rest)| rest);
        let version = rest.and_then(|rest| rest.split('/').next());
        let version = version.and_then(|version| version.parse().ok());
        version.map(Self).ok_or_else(|| Problem::not_found("version of the API"))
    }
}

/// The id of an instance, a UUID or its short form.
#[derive(Debug, Deserialize)]
struct InEitherForm(ServerId);

impl From<InEitherForm> for InstanceId {
    fn from(InEitherForm(ServerId(id)): InEitherForm) -> Self {
        Self(id)
    }
}

impl From<InEitherForm> for Uuid {
    fn from(InEitherForm(ServerId(id)): InEitherForm) -> Self {
        id
    }
}

macro_rules! segment {
    ($(#[$doc:meta])* $name:ident($inner:ty), $raw:ty, $key:literal, $noun:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(pub(super) $inner);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                #[derive(Deserialize)]
                struct Segment {
                    #[serde(rename = $key)]
                    value: $raw,
                }
                match Path::<Segment>::from_request_parts(parts, state).await {
                    Ok(Path(segment)) => Ok(Self(segment.value.into())),
                    Err(_) => Err(Problem::not_found($noun)),
                }
            }
        }
    };
}

segment! {
    /// `{instanceId}`, in either form.
    InstanceAt(InstanceId), InEitherForm, "instanceId", "instance"
}
segment! {
    /// `{lineItemId}`, the activation ID of a line item.
    LineItemAt(Arc<str>), Arc<str>, "lineItemId", "line item"
}
segment! {
    /// `{conditionId}`
    ConditionAt(ConditionId), Uuid, "conditionId", "condition"
}
segment! {
    /// `{sessionId}`
    SessionAt(SessionId), Uuid, "sessionId", "session"
}
segment! {
    /// `{sessionId}` where the id of an instance may stand for its sessions.
    SessionOrInstanceAt(Uuid), InEitherForm, "sessionId", "session"
}
segment! {
    /// `{keyId}`
    KeyAt(String), String, "keyId", "key"
}
