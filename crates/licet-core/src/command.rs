//! Commands to an instance, and what it replies.

use std::sync::Arc;

use crate::{
    access_request::{AccessRequest, Outcome},
    answer::IdempotencyKey,
    feature::{FeatureLineItem, FeatureLineItemTerms},
    feature_answer::FeatureAnswer,
    feature_request::FeatureRequest,
    ids::{ConditionId, SessionId},
    instance::{
        ClientFilter, ClientView, FeatureView, HostFilter, HostView, ModelView, PoolView,
        ReservationsView,
    },
    lease::ClientId,
    line_item::{LineItem, LineItemTerms},
    record::SessionAccess,
    reservation::{ReservationGroup, ReservationGroupDraft, ReservationGroupId},
    rule::{Action, ActionDraft, Condition, ConditionDraft},
    session::Session,
};

/// What an instance is asked. `by` names the caller for the audit log.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    PutLineItem {
        terms: LineItemTerms,
        by: Arc<str>,
    },
    DeleteLineItem {
        activation_id: Arc<str>,
        by: Arc<str>,
    },
    /// Changes conditions that have an id and creates those that have none.
    PutConditions {
        drafts: Vec<ConditionDraft>,
        by: Arc<str>,
    },
    /// Deletes one condition, or all.
    DeleteConditions {
        id: Option<ConditionId>,
        by: Arc<str>,
    },
    /// Adds actions at the end of a line item's list.
    AddActions {
        activation_id: Arc<str>,
        drafts: Vec<ActionDraft>,
        by: Arc<str>,
    },
    /// Replaces the list; an action that is left out is deleted with its `used`.
    PutActions {
        activation_id: Arc<str>,
        drafts: Vec<ActionDraft>,
        by: Arc<str>,
    },
    Access {
        request: AccessRequest,
        key: Option<IdempotencyKey>,
    },
    AccessMany {
        requests: Vec<AccessRequest>,
        key: Option<IdempotencyKey>,
    },
    /// Decides like [`Command::Access`] on each request by itself and changes nothing.
    PreviewAccess {
        requests: Vec<AccessRequest>,
    },
    OpenSession {
        key: Option<IdempotencyKey>,
    },
    AccessSession {
        session_id: SessionId,
        request: AccessRequest,
        rollback_on_deny: bool,
        key: Option<IdempotencyKey>,
    },
    /// Decides like [`Command::AccessSession`] and changes nothing.
    PreviewSession {
        session_id: SessionId,
        request: AccessRequest,
        rollback_on_deny: bool,
    },
    CloseSession {
        session_id: SessionId,
    },
    Heartbeat {
        session_id: SessionId,
    },
    PutFeatureLineItem {
        terms: FeatureLineItemTerms,
        by: Arc<str>,
    },
    DeleteFeatureLineItem {
        activation_id: Arc<str>,
        by: Arc<str>,
    },
    Serve {
        request: Box<FeatureRequest>,
        key: Option<IdempotencyKey>,
    },
    /// Decides like [`Command::Serve`] and changes nothing; without features it tells all that the
    /// client could get.
    PreviewServing {
        request: Box<FeatureRequest>,
    },
    /// Ends all that a client holds.
    DropClient {
        id: ClientId,
        by: Arc<str>,
    },
    PostReservationGroup {
        draft: ReservationGroupDraft,
        by: Arc<str>,
    },
    DeleteReservationGroup {
        id: ReservationGroupId,
        by: Arc<str>,
    },
    /// Puts a model in the model definition language into effect.
    PutModel {
        text: Arc<str>,
        by: Arc<str>,
    },
    DeleteModel {
        by: Arc<str>,
    },
    /// Does what is due.
    Tick,
    Query(Query),
}

/// What an instance is asked about its live state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// All line items with their actions, by activation ID.
    LineItems,
    LineItem(Arc<str>),
    Conditions,
    /// Sessions that are not over, newest first.
    Sessions {
        limit: usize,
    },
    Session(SessionId),
    /// All line items of features, by activation ID.
    FeatureLineItems,
    FeatureLineItem(Arc<str>),
    Features,
    Clients(ClientFilter),
    /// Hosts of clients, devices and users, with what is held under them.
    Hosts(HostFilter),
    Reservations,
    Model,
    /// Pools in the order in which they are served, with what is in them.
    Pools,
}

/// What an instance replies to a command that it took.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Done,
    LineItemPut { line_item: Box<LineItem>, is_new: bool },
    LineItems(Vec<LineItem>),
    LineItem(Box<LineItem>),
    Conditions(Vec<Condition>),
    Actions(Vec<Action>),
    Access(Arc<Outcome>),
    AccessMany(Vec<Arc<Outcome>>),
    SessionOpened(SessionId),
    SessionAccess(Arc<SessionAccess>),
    Sessions(Vec<(SessionId, Session)>),
    Session(Box<Session>),
    FeatureLineItemPut { line_item: Box<FeatureLineItem>, is_new: bool },
    FeatureLineItems(Vec<FeatureLineItem>),
    FeatureLineItem(Box<FeatureLineItem>),
    Features(Vec<FeatureView>),
    Served(Arc<FeatureAnswer>),
    Clients(Vec<ClientView>),
    Hosts(Vec<HostView>),
    ReservationGroupPosted(Box<ReservationGroup>),
    Reservations(Box<ReservationsView>),
    Model(Option<Box<ModelView>>),
    Pools(Vec<PoolView>),
}

impl Command {
    /// The session that the command is about.
    #[must_use]
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::AccessSession { session_id, .. }
            | Self::PreviewSession { session_id, .. }
            | Self::CloseSession { session_id, .. }
            | Self::Heartbeat { session_id }
            | Self::Query(Query::Session(session_id)) => Some(*session_id),
            _ => None,
        }
    }
}
