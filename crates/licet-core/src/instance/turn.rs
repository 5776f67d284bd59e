//! A turn: one command decided on the state as it stands, and its records folded in.

use uuid::Uuid;

use super::Instance;
use crate::{
    command::{Command, Query, Reply},
    ids::SessionId,
    record::Record,
    refusal::Refusal,
    site::Context,
};

/// Most due events that one tick takes, so that other commands get their turn in between.
const EVENTS_IN_TICK_MAX: usize = 512;

/// One command being decided.
pub(super) struct Turn<'a> {
    pub(super) instance: &'a mut Instance,
    pub(super) context: Context<'a>,
    pub(super) records: &'a mut Vec<Record>,
    ids: u128,
    /// By how much the clock stands before the last record.
    pub(super) clock_behind_ms: i64,
}

impl Instance {
    /// Decides a command, takes its effects into the state and appends their records.
    ///
    /// What fell due before comes first, also when the command itself is refused.
    ///
    /// # Errors
    /// [`Refusal`]; the command changed nothing.
    pub fn execute(
        &mut self,
        context: Context<'_>,
        command: Command,
        records: &mut Vec<Record>,
    ) -> Result<Reply, Refusal> {
        let now_ms = context.now_ms.max(self.last_ms);
        let clock_behind_ms = now_ms - context.now_ms;
        let context = Context { now_ms, ..context };
        let ids = context.first_id.as_u128();
        let mut turn = Turn { instance: self, context, records, ids, clock_behind_ms };
        turn.forget();
        turn.settle(&command);
        turn.decide(command)
    }
}

impl Turn<'_> {
    pub(super) fn now_ms(&self) -> i64 {
        self.context.now_ms
    }

    /// An id that no other effect of this turn has.
    pub(super) fn id<T: From<Uuid>>(&mut self) -> T {
        let id = Uuid::from_u128(self.ids);
        self.ids = self.ids.wrapping_add(1);
        id.into()
    }

    /// Takes an effect into the state and the journal.
    pub(super) fn record(&mut self, record: Record) {
        self.instance.fold(&record);
        self.records.push(record);
    }

    /// Lets go of what is remembered for a time only. Nothing is decided by it, so it leaves no
    /// record.
    fn forget(&mut self) {
        let now_ms = self.now_ms();
        self.instance.answers.expire(now_ms);
        self.instance.roster.forget(now_ms);
    }

    /// Does what is due before the command, in the order in which it fell due: each session
    /// event resets the line items that were due before it.
    fn settle(&mut self, command: &Command) {
        let events_max = match command {
            Command::Tick => EVENTS_IN_TICK_MAX,
            _ => self.context.events_max,
        };
        // What was due before a reset must be charged to the period before it.
        let to_the_end = *command != Command::Tick && self.is_reset_due();
        let mut events = 0;
        while let Some(id) = self.first_due()
            && (events < events_max || to_the_end)
        {
            self.session_event(id);
            events += 1;
        }
        self.expire_leases(events_max);
        if let Some(id) = command.session_id() {
            self.settle_session(id);
        }
        let first_left_ms = self.instance.roster.first_due().map_or(i64::MAX, |(at_ms, _)| at_ms);
        self.reset_line_items(self.now_ms().min(first_left_ms));
    }

    /// The session whose event was due first.
    fn first_due(&self) -> Option<SessionId> {
        let (at_ms, id) = self.instance.roster.first_due()?;
        (at_ms <= self.now_ms()).then_some(id)
    }

    fn is_reset_due(&self) -> bool {
        self.instance.resets.first().is_some_and(|(at_ms, _)| *at_ms <= self.now_ms())
    }

    fn settle_session(&mut self, id: SessionId) {
        while self.instance.roster.due_at_ms(id).is_some_and(|at_ms| at_ms <= self.now_ms()) {
            self.session_event(id);
        }
    }

    fn decide(&mut self, command: Command) -> Result<Reply, Refusal> {
        match command {
            Command::PutLineItem { terms, by } => self.put_line_item(terms, by),
            Command::DeleteLineItem { activation_id, by } => {
                self.delete_line_item(activation_id, by)
            }
            Command::PutConditions { drafts, by } => self.put_conditions(drafts, by),
            Command::DeleteConditions { id, by } => self.delete_conditions(id, by),
            Command::AddActions { activation_id, drafts, by } => {
                self.add_actions(activation_id, drafts, by)
            }
            Command::PutActions { activation_id, drafts, by } => {
                self.put_actions(activation_id, drafts, by)
            }
            Command::Access { request, key } => self.access(&[request], false, key),
            Command::AccessMany { requests, key } => self.access(&requests, true, key),
            Command::PreviewAccess { requests } => Ok(self.preview_access(&requests)),
            Command::OpenSession { key } => self.open_session(key),
            Command::AccessSession { session_id, request, rollback_on_deny, key } => {
                self.access_session(session_id, request, rollback_on_deny, key)
            }
            Command::PreviewSession { session_id, request, rollback_on_deny } => {
                self.preview_session(session_id, request, rollback_on_deny)
            }
            Command::CloseSession { session_id } => self.close_session(session_id),
            Command::Heartbeat { session_id } => self.heartbeat(session_id),
            Command::PutFeatureLineItem { terms, by } => self.put_feature_line_item(terms, by),
            Command::DeleteFeatureLineItem { activation_id, by } => {
                self.delete_feature_line_item(activation_id, by)
            }
            Command::Serve { request, key } => self.serve(&request, key),
            Command::PreviewServing { request } => Ok(self.preview_serving(&request)),
            Command::DropClient { id, by } => self.drop_client(id, by),
            Command::PostReservationGroup { draft, by } => self.post_reservation_group(draft, by),
            Command::DeleteReservationGroup { id, by } => self.delete_reservation_group(id, by),
            Command::PutModel { text, by } => self.put_model(text, by),
            Command::DeleteModel { by } => self.delete_model(by),
            Command::Tick => Ok(Reply::Done),
            Command::Query(query) => self.query(query),
        }
    }

    fn query(&self, query: Query) -> Result<Reply, Refusal> {
        match query {
            Query::LineItems => {
                let items = self.instance.line_items().into_iter().cloned().collect();
                Ok(Reply::LineItems(items))
            }
            Query::LineItem(activation_id) => {
                let line = self.line_item(&activation_id)?.clone();
                Ok(Reply::LineItem(Box::new(line)))
            }
            Query::Conditions => {
                Ok(Reply::Conditions(self.instance.conditions.values().cloned().collect()))
            }
            Query::Sessions { limit } => {
                Ok(Reply::Sessions(self.instance.roster.newest_live(limit)))
            }
            Query::Session(id) => {
                let session = self.instance.roster.get(id);
                let session = session.ok_or(Refusal::SessionNotFound(id))?;
                Ok(Reply::Session(Box::new(session)))
            }
            Query::FeatureLineItems => {
                Ok(Reply::FeatureLineItems(self.instance.serving.line_items()))
            }
            Query::FeatureLineItem(activation_id) => {
                let line = self.feature_line_item(&activation_id)?;
                Ok(Reply::FeatureLineItem(Box::new(line)))
            }
            Query::Features => Ok(Reply::Features(self.instance.serving.features())),
            Query::Clients(filter) => {
                Ok(Reply::Clients(self.instance.serving.client_views(&filter)))
            }
            Query::Hosts(filter) => Ok(Reply::Hosts(self.instance.serving.host_views(&filter))),
            Query::Pools => Ok(Reply::Pools(self.instance.serving.pool_views())),
            Query::Reservations => {
                let view = self.instance.serving.reservations(self.now_ms());
                Ok(Reply::Reservations(Box::new(view)))
            }
            Query::Model => {
                Ok(Reply::Model(self.instance.serving.model_view(self.now_ms()).map(Box::new)))
            }
        }
    }
}
