//! A small world to tell stories in: one instance, a producer's prices, a clock set by hand.
//!
//! Each command is also folded, as encoded and decoded records, into a shadow of the instance that
//! decides nothing. The two must stay alike, so that every story is a test of the journal too.

#![allow(dead_code, reason = "each test file uses its own part of the world")]

pub(crate) mod random;

use std::sync::Arc;

use licet_core::{
    AccessRequest, Action, ActionDraft, ActionId, Command, Condition, ConditionDraft, ConditionId,
    Context, Count, Dictionary, Effect, Expression, Formula, IdempotencyKey, Instance, ItemCode,
    ItemOutcome, LineItem, LineItemState, LineItemTerms, Membership, Outcome, Overdraft, Price,
    Query, RateItem, RateTable, RateTables, Record, RecordView, RecordViews, Refund, Refusal,
    Reply, RequestedItem, Requester, ResetFrequency, Session, SessionAccess, SessionId,
    SessionState, Site, Tokens,
};
use uuid::Uuid;

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR: i64 = 60;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-01-01T00:00:00Z, minute 0 of every story: a Thursday.
pub(crate) const START_MS: i64 = 1_767_225_600_000;

pub(crate) struct World {
    pub(crate) instance: Instance,
    pub(crate) site: Site,
    pub(crate) now_ms: i64,
    /// Everything the instance recorded.
    pub(crate) journal: Vec<Record>,
    /// Events that each command waits for.
    pub(crate) events_max: usize,
    up_since_ms: i64,
    tables: Vec<RateTable>,
    shadow: Instance,
    ids: u128,
}

/// An amount as a reader writes it.
pub(crate) fn tokens(text: &str) -> Tokens {
    Tokens::parse(text).expect("an amount")
}

pub(crate) fn count(text: &str) -> Count {
    Count::parse(text).expect("a count")
}

/// Milliseconds of a minute of the story.
pub(crate) const fn minute(minute: i64) -> i64 {
    START_MS + minute * MINUTE_MS
}

pub(crate) fn item(name: &str, version: &str, wanted: &str) -> RequestedItem {
    RequestedItem {
        item: name.into(),
        version: version.into(),
        count: count(wanted),
        variables: Vec::new(),
        meta_data: None,
    }
}

/// An item whose formula needs variables.
pub(crate) fn item_with(name: &str, wanted: &str, variables: &[(&str, &str)]) -> RequestedItem {
    let variable =
        |(name, value): &(&str, &str)| (Box::from(*name), value.parse().expect("a decimal number"));
    RequestedItem { variables: variables.iter().map(variable).collect(), ..item(name, "", wanted) }
}

/// The usual item: `Render` 2.0.
pub(crate) fn render(wanted: &str) -> RequestedItem {
    item("Render", "2.0", wanted)
}

/// Somebody of no department.
pub(crate) fn ada() -> Requester {
    Requester { kind: "user".into(), value: "ada".into(), dictionary: Dictionary::new() }
}

/// Somebody of a department.
pub(crate) fn from(department: &str) -> Requester {
    let dictionary = [(Box::from("department"), vec![Box::from(department)])].into();
    Requester { dictionary, ..ada() }
}

pub(crate) fn key(name: &str, digest: u8) -> IdempotencyKey {
    IdempotencyKey { key: name.into(), digest: [digest; 32] }
}

/// Terms that nothing speaks against: all of 2026, priced by tables without a series.
pub(crate) fn terms(activation_id: &str, quantity: &str) -> LineItemTerms {
    LineItemTerms {
        activation_id: activation_id.into(),
        state: LineItemState::Deployed,
        quantity: tokens(quantity),
        starts_at_ms: START_MS,
        ends_at_ms: minute(365 * DAY) - 1,
        elastic: true,
        rate_table_series: "".into(),
        overdraft: Overdraft::None,
        reset_frequency: None,
    }
}

/// Fluent changes to terms.
pub(crate) trait Terms: Sized {
    fn starting(self, at_minute: i64) -> Self;
    fn ending(self, at_minute: i64) -> Self;
    fn priced_by(self, series: &str) -> Self;
    fn overdraft(self, limit: &str) -> Self;
    fn unlimited(self) -> Self;
    fn in_state(self, state: LineItemState) -> Self;
    fn reset(self, frequency: ResetFrequency) -> Self;
}

impl Terms for LineItemTerms {
    fn starting(self, at_minute: i64) -> Self {
        Self { starts_at_ms: minute(at_minute), ..self }
    }

    fn ending(self, at_minute: i64) -> Self {
        Self { ends_at_ms: minute(at_minute), ..self }
    }

    fn priced_by(self, series: &str) -> Self {
        Self { rate_table_series: series.into(), ..self }
    }

    fn overdraft(self, limit: &str) -> Self {
        Self { overdraft: Overdraft::Limit(tokens(limit)), ..self }
    }

    fn unlimited(self) -> Self {
        Self { overdraft: Overdraft::Unlimited, ..self }
    }

    fn in_state(self, state: LineItemState) -> Self {
        Self { state, ..self }
    }

    fn reset(self, frequency: ResetFrequency) -> Self {
        Self { reset_frequency: Some(frequency), ..self }
    }
}

/// A rule of access on the requester's department.
pub(crate) enum Rule<'a> {
    /// Department and allocation.
    Allow(&'a str, &'a str),
    /// A department, without a limit.
    AllowAll(&'a str),
    Deny(&'a str),
    DenyOthers,
    /// Everybody, with an allocation.
    AllowOthers(&'a str),
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            instance: Instance::default(),
            site: Site::default(),
            now_ms: START_MS,
            journal: Vec::new(),
            events_max: 64,
            up_since_ms: START_MS - 365 * DAY * MINUTE_MS,
            tables: Vec::new(),
            shadow: Instance::default(),
            ids: 1,
        }
    }

    // ---- the producer

    /// Prices an item in the tables without a series.
    pub(crate) fn rate(self, name: &str, version: &str, rate: &str) -> Self {
        self.rate_in("", name, version, rate)
    }

    /// Prices an item in a series, in effect long since.
    pub(crate) fn rate_in(mut self, series: &str, name: &str, version: &str, rate: &str) -> Self {
        self.price(series, name, version, Price::Rate(tokens(rate)));
        self
    }

    pub(crate) fn formula(mut self, name: &str, formula: &str) -> Self {
        let formula = Formula::parse(formula).expect("a formula");
        self.price("", name, "", Price::Formula(formula));
        self
    }

    fn price(&mut self, series: &str, name: &str, version: &str, price: Price) {
        let item = RateItem { name: name.to_owned(), version: version.to_owned(), price };
        match self.tables.iter_mut().find(|table| table.series == series) {
            Some(table) => table.items.push(item),
            None => self.tables.push(RateTable {
                series: series.to_owned(),
                version: "1".to_owned(),
                effective_from_ms: 0,
                created_ms: 0,
                items: vec![item],
            }),
        }
        self.site.rate_tables = RateTables::new(self.tables.clone());
    }

    /// A further table of a series, in effect from a minute on, that prices one item.
    pub(crate) fn table_from(
        mut self,
        at_minute: i64,
        series: &str,
        (name, version, rate): (&str, &str, &str),
    ) -> Self {
        let price = Price::Rate(tokens(rate));
        self.tables.push(RateTable {
            series: series.to_owned(),
            version: self.tables.len().to_string(),
            effective_from_ms: minute(at_minute),
            created_ms: 0,
            items: vec![RateItem { name: name.to_owned(), version: version.to_owned(), price }],
        });
        self.site.rate_tables = RateTables::new(self.tables.clone());
        self
    }

    pub(crate) fn charge_period(&mut self, minutes: i64) -> &mut Self {
        self.site.charge_period_ms = minutes * MINUTE_MS;
        self
    }

    pub(crate) fn timezone_tolerant(mut self) -> Self {
        self.site.timezone_tolerant = true;
        self
    }

    pub(crate) fn line(self, activation_id: &str, quantity: &str) -> Self {
        self.line_with(terms(activation_id, quantity))
    }

    pub(crate) fn line_with(mut self, terms: LineItemTerms) -> Self {
        self.put_line(terms).expect("the line item is put");
        self
    }

    pub(crate) fn put_line(&mut self, terms: LineItemTerms) -> Result<Reply, Refusal> {
        self.execute(Command::PutLineItem { terms, by: "producer".into() })
    }

    /// Changes what stands of a line item.
    pub(crate) fn change_line(
        &mut self,
        activation_id: &str,
        change: impl FnOnce(LineItemTerms) -> LineItemTerms,
    ) -> &mut Self {
        let standing = self.line_item(activation_id).terms;
        self.put_line(change(standing)).expect("the line item is changed");
        self
    }

    pub(crate) fn delete_line(&mut self, activation_id: &str) -> Result<Reply, Refusal> {
        let activation_id = activation_id.into();
        self.execute(Command::DeleteLineItem { activation_id, by: "producer".into() })
    }

    // ---- the customer's administrator

    pub(crate) fn rules(mut self, activation_id: &str, rules: &[Rule<'_>]) -> Self {
        let drafts = rules.iter().map(|rule| self.draft(rule)).collect();
        self.put_actions(activation_id, drafts).expect("the rules are put");
        self
    }

    fn draft(&mut self, rule: &Rule<'_>) -> ActionDraft {
        let allow = |allocation: &str| Effect::Allow { allocation: Some(tokens(allocation)) };
        let (department, effect) = match *rule {
            Rule::Allow(department, allocation) => (Some(department), allow(allocation)),
            Rule::AllowAll(department) => (Some(department), Effect::Allow { allocation: None }),
            Rule::Deny(department) => (Some(department), Effect::Deny),
            Rule::DenyOthers => (None, Effect::Deny),
            Rule::AllowOthers(allocation) => (None, allow(allocation)),
        };
        let condition = department.map(|department| self.condition(is_of(department)).id);
        ActionDraft { id: None, name: department.unwrap_or("others").into(), condition, effect }
    }

    pub(crate) fn condition(&mut self, expression: Expression) -> Condition {
        self.conditions(vec![ConditionDraft { id: None, name: "condition".into(), expression }])
            .expect("the condition is put")
            .remove(0)
    }

    pub(crate) fn conditions(
        &mut self,
        drafts: Vec<ConditionDraft>,
    ) -> Result<Vec<Condition>, Refusal> {
        match self.execute(Command::PutConditions { drafts, by: "admin".into() })? {
            Reply::Conditions(conditions) => Ok(conditions),
            other => panic!("not conditions: {other:?}"),
        }
    }

    pub(crate) fn delete_conditions(&mut self, id: Option<ConditionId>) -> Result<Reply, Refusal> {
        self.execute(Command::DeleteConditions { id, by: "admin".into() })
    }

    pub(crate) fn put_actions(
        &mut self,
        activation_id: &str,
        drafts: Vec<ActionDraft>,
    ) -> Result<Vec<Action>, Refusal> {
        let activation_id = activation_id.into();
        match self.execute(Command::PutActions { activation_id, drafts, by: "admin".into() })? {
            Reply::Actions(actions) => Ok(actions),
            other => panic!("not actions: {other:?}"),
        }
    }

    pub(crate) fn add_actions(
        &mut self,
        activation_id: &str,
        drafts: Vec<ActionDraft>,
    ) -> Result<Vec<Action>, Refusal> {
        let activation_id = activation_id.into();
        match self.execute(Command::AddActions { activation_id, drafts, by: "admin".into() })? {
            Reply::Actions(actions) => Ok(actions),
            other => panic!("not actions: {other:?}"),
        }
    }

    // ---- the clock

    pub(crate) fn at(&mut self, at_minute: i64) -> &mut Self {
        self.at_ms(minute(at_minute))
    }

    pub(crate) fn at_ms(&mut self, now_ms: i64) -> &mut Self {
        self.now_ms = now_ms;
        self
    }

    /// Lets happen what is due.
    pub(crate) fn tick(&mut self) -> &mut Self {
        self.execute(Command::Tick).expect("a tick is never refused");
        self
    }

    /// The service comes up after an outage, with what its journal says.
    pub(crate) fn restart(&mut self) -> &mut Self {
        self.up_since_ms = self.now_ms;
        self.instance = folded(&self.journal);
        self
    }

    // ---- client applications

    pub(crate) fn one_off(&mut self, who: Requester, items: &[RequestedItem]) -> Arc<Outcome> {
        self.one_off_with(who, items, None).expect("an access request is never refused")
    }

    pub(crate) fn one_off_with(
        &mut self,
        who: Requester,
        items: &[RequestedItem],
        key: Option<IdempotencyKey>,
    ) -> Result<Arc<Outcome>, Refusal> {
        match self.execute(Command::Access { request: request(who, items), key })? {
            Reply::Access(outcome) => Ok(outcome),
            other => panic!("not an outcome: {other:?}"),
        }
    }

    /// A one-off request of Ada's for one item.
    pub(crate) fn ask(&mut self, item: RequestedItem) -> ItemOutcome {
        self.one_off(ada(), &[item]).items[0].clone()
    }

    pub(crate) fn ask_from(&mut self, department: &str, item: RequestedItem) -> ItemOutcome {
        self.one_off(from(department), &[item]).items[0].clone()
    }

    pub(crate) fn open(&mut self) -> SessionId {
        match self.execute(Command::OpenSession { key: None }).expect("a session is opened") {
            Reply::SessionOpened(id) => id,
            other => panic!("not a session: {other:?}"),
        }
    }

    /// A session that uses items from now on.
    pub(crate) fn open_with(&mut self, items: &[RequestedItem]) -> SessionId {
        let id = self.open();
        let access = self.put(id, items);
        assert!(access.is_granted(), "{access:?}");
        id
    }

    /// An access request of a session that asks to keep its items if it is denied.
    pub(crate) fn put(&mut self, id: SessionId, items: &[RequestedItem]) -> Arc<SessionAccess> {
        self.put_as(id, ada(), items, true).expect("the session takes requests")
    }

    pub(crate) fn put_or_end(
        &mut self,
        id: SessionId,
        items: &[RequestedItem],
    ) -> Arc<SessionAccess> {
        self.put_as(id, ada(), items, false).expect("the session takes requests")
    }

    pub(crate) fn put_as(
        &mut self,
        session_id: SessionId,
        who: Requester,
        items: &[RequestedItem],
        rollback_on_deny: bool,
    ) -> Result<Arc<SessionAccess>, Refusal> {
        let request = request(who, items);
        let command = Command::AccessSession { session_id, request, rollback_on_deny, key: None };
        match self.execute(command)? {
            Reply::SessionAccess(access) => Ok(access),
            other => panic!("not a session access: {other:?}"),
        }
    }

    pub(crate) fn heartbeat(&mut self, session_id: SessionId) -> Result<Reply, Refusal> {
        self.execute(Command::Heartbeat { session_id })
    }

    /// Closes a session; what it got back.
    pub(crate) fn close(&mut self, session_id: SessionId) -> Option<Refund> {
        self.execute(Command::CloseSession { session_id }).expect("the session is closed");
        self.last_refund()
    }

    /// The refund of the newest record that could hold one.
    pub(crate) fn last_refund(&self) -> Option<Refund> {
        self.journal.iter().rev().find_map(|record| match record {
            Record::SessionEnded { refund, .. } => Some(refund.clone()),
            Record::SessionAccess { access, .. } => Some(access.refund.clone()),
            _ => None,
        })?
    }

    // ---- what there is to see

    /// Tokens used of a line item, as a reader writes them.
    pub(crate) fn used(&self, activation_id: &str) -> String {
        self.line_item(activation_id).used.to_string()
    }

    /// Tokens used under each action of a line item.
    pub(crate) fn used_by_action(&self, activation_id: &str) -> Vec<(String, String)> {
        let actions = self.line_item(activation_id).actions;
        actions.iter().map(|action| (action.name.to_string(), action.used.to_string())).collect()
    }

    pub(crate) fn line_item(&self, activation_id: &str) -> LineItem {
        let items = self.instance.line_items();
        let found = items.iter().find(|line| &*line.terms.activation_id == activation_id);
        (*found.expect("a line item that stands")).clone()
    }

    /// A session as it stands, without doing what is due.
    pub(crate) fn session(&self, id: SessionId) -> Session {
        let mut sessions = self.instance.sessions();
        sessions.find(|(held, _)| *held == id).expect("a session that stands").1
    }

    pub(crate) fn state(&self, id: SessionId) -> SessionState {
        self.session(id).state()
    }

    /// Access requests and automatic charges of sessions.
    pub(crate) fn session_accesses(&self) -> impl Iterator<Item = (&SessionAccess, bool)> {
        self.journal.iter().filter_map(|record| match record {
            Record::SessionAccess { access, automatic, .. } => Some((&**access, *automatic)),
            _ => None,
        })
    }

    // ---- commands

    pub(crate) fn execute(&mut self, command: Command) -> Result<Reply, Refusal> {
        // Ids count on from the first one, so each decision gets room enough for them.
        self.ids += 1 << 40;
        let context = Context {
            now_ms: self.now_ms,
            up_since_ms: self.up_since_ms,
            events_max: self.events_max,
            first_id: Uuid::from_u128(self.ids),
            site: &self.site,
            policies: &self.site.default_policies,
        };
        let mut records = Vec::new();
        let reply = self.instance.execute(context, command, &mut records);
        let bytes = Record::encode_all(&records);
        let decoded = Record::decode_all(&bytes).expect("what was encoded");
        assert_eq!(decoded, records, "the records survive the journal");
        assert_seen(&bytes, records.len());
        for record in &decoded {
            self.shadow.fold(record);
        }
        assert_alike(&self.instance, &self.shadow);
        self.journal.extend(records);
        reply
    }
}

pub(crate) fn request(who: Requester, items: &[RequestedItem]) -> AccessRequest {
    AccessRequest { requester: Arc::new(who), items: items.to_vec() }
}

/// A simple condition on the department.
pub(crate) fn is_of(department: &str) -> Expression {
    Expression::Test {
        key: "department".into(),
        membership: Membership::In,
        values: vec![department.into()],
    }
}

/// A new instance from a journal, by way of its bytes.
pub(crate) fn folded(journal: &[Record]) -> Instance {
    let bytes = Record::encode_all(journal);
    let mut instance = Instance::default();
    for record in Record::decode_all(&bytes).expect("what was encoded") {
        instance.fold(&record);
    }
    instance
}

/// What views of records show, written in the layout again, is the records.
fn assert_seen(bytes: &[u8], records: usize) {
    let mut written = vec![bytes[0]];
    written.extend(postcard::to_stdvec(&records).expect("it is written"));
    for view in RecordViews::new(bytes).expect("the version is known") {
        let view = match view.expect("what was encoded") {
            RecordView::Access(view) => postcard::to_stdvec(&(6_u32, view)),
            RecordView::SessionAccess(view) => postcard::to_stdvec(&(8_u32, view)),
            RecordView::SessionEnded(view) => postcard::to_stdvec(&(9_u32, view)),
            RecordView::Other(record) => postcard::to_stdvec(&record),
        };
        written.extend(view.expect("it is written"));
    }
    assert_eq!(written, bytes);
}

/// Both hold the same, as far as decisions can tell: a heartbeat that changes nothing is known to
/// memory alone, and sessions long over are forgotten at the next command.
pub(crate) fn assert_alike(live: &Instance, other: &Instance) {
    assert_eq!(live.line_items(), other.line_items());
    for (id, session) in live.sessions() {
        let found = other.sessions().find(|(held, _)| *held == id).expect("the same session").1;
        let mut found = found;
        found.last_heartbeat_at_ms = session.last_heartbeat_at_ms;
        assert_eq!(session, found);
    }
    assert_eq!(live.live_sessions(), other.live_sessions());
}

pub(crate) fn line_items_of(instance: &mut Instance, context: Context<'_>) -> Reply {
    let mut records = Vec::new();
    let reply = instance.execute(context, Command::Query(Query::LineItems), &mut records);
    reply.expect("a query is never refused")
}

/// `L1 3, L2 49`: who paid, and how much.
pub(crate) fn paid_by(outcome: &ItemOutcome) -> String {
    let charge =
        |charge: &licet_core::LineCharge| format!("{} {}", charge.activation_id, charge.tokens);
    outcome.charges.iter().map(charge).collect::<Vec<_>>().join(", ")
}

/// `L1 3, L2 49`: who got back, and how much.
pub(crate) fn refunded_to(refund: &Refund) -> String {
    let line = |line: &licet_core::RefundedLine| format!("{} {}", line.activation_id, line.tokens);
    refund.lines.iter().map(line).collect::<Vec<_>>().join(", ")
}

pub(crate) fn codes(outcome: &Outcome) -> Vec<ItemCode> {
    outcome.items.iter().map(|item| item.code).collect()
}

pub(crate) fn keep(action: &Action) -> ActionDraft {
    ActionDraft {
        id: Some(action.id),
        name: action.name.clone(),
        condition: action.condition,
        effect: action.effect,
    }
}

pub(crate) fn new_action(
    name: &str,
    condition: Option<ConditionId>,
    effect: Effect,
) -> ActionDraft {
    ActionDraft { id: None, name: name.into(), condition, effect }
}

pub(crate) fn unknown_action() -> ActionId {
    ActionId(Uuid::from_u128(7))
}

pub(crate) fn unknown_condition() -> ConditionId {
    ConditionId(Uuid::from_u128(7))
}
