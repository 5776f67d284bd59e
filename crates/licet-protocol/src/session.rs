//! Sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    CountNumber, Millis, TokenNumber,
    object::{object, string_enum},
};

string_enum! {
    /// State of a session.
    pub enum SessionState {
        /// Nothing is held.
        Idle = "IDLE",
        /// Items are held and charged.
        Active = "ACTIVE",
        /// Over.
        Terminated = "TERMINATED",
        /// Over, because of an error.
        Failed = "FAILED",
    }
}

/// Asks for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({"instanceId": "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11"}))]
pub struct SessionIn {
    /// The instance to consume from.
    pub instance_id: Uuid,
}
object!(SessionIn: Serialize);

/// A session that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionCreated {
    /// Made by the server.
    pub session_id: Uuid,
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionListed {
    /// The session.
    pub session_id: Uuid,
    /// The instance that it consumes from.
    pub instance_id: Uuid,
    /// `IDLE` or `ACTIVE`.
    pub state: SessionState,
    /// Time of the next automatic charge, until which is paid; not there while `IDLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_until: Option<Millis>,
    /// Not there before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heart_beat: Option<Millis>,
    /// Not there before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_access_request: Option<Millis>,
}

/// A session with what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionDetail {
    /// The session.
    pub session_id: Uuid,
    /// The instance that it consumes from.
    pub instance_id: Uuid,
    /// State.
    pub state: SessionState,
    /// Time of the next automatic charge, until which is paid; not there unless `ACTIVE` (an
    /// addition of this server).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_until: Option<Millis>,
    /// What it holds.
    pub items: Vec<SessionItem>,
}

/// An item that a session holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionItem {
    /// Name of the item.
    #[schema(example = "Render")]
    pub item: String,
    /// Its version, empty if it has none.
    #[schema(example = "2.0")]
    pub version: String,
    /// Units held.
    #[schema(example = 1)]
    pub count: CountNumber,
}

/// What a session's event stream tells; the name of each event is its `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SessionEvent {
    /// Tokens were charged; a heartbeat is due until `heartbeatDue`.
    Charged {
        /// When.
        at: Millis,
        /// How many tokens.
        tokens_charged: TokenNumber,
        /// Until when is paid.
        charged_until: Millis,
        /// Last moment for the heartbeat of an automatic charge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat_due: Option<Millis>,
    },
    /// The session ends then, unless something happens before.
    Ending {
        /// When.
        at: Millis,
        /// Why, and what would prevent it.
        reason: String,
    },
    /// The session is over.
    Terminated {
        /// When.
        at: Millis,
        /// Why.
        reason: String,
    },
}

impl SessionEvent {
    /// The event's name in the stream.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Charged { .. } => "charged",
            Self::Ending { .. } => "ending",
            Self::Terminated { .. } => "terminated",
        }
    }
}
