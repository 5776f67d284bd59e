//! Random stories: what producers, administrators, clients and the clock may do in any order.

use licet_core::{
    ActionDraft, Command, Context, Effect, IdempotencyKey, Instance, LineItemState, LineItemTerms,
    Overdraft, Query, Record, Refusal, Reply, RequestedItem, Requester, ResetFrequency, SessionId,
    Tokens,
};
use proptest::{prelude::*, sample::select, test_runner::Config};
use uuid::Uuid;

use super::{
    DAY, HOUR, MINUTE_MS, World, ada, from, is_of, item, item_with, minute, request, terms,
};

pub(crate) const LINES: [&str; 4] = ["L1", "L2", "L3", "L4"];
pub(crate) const DEPARTMENTS: [&str; 3] = ["Engineering", "Marketing", "Sales"];

/// So many cases, which leave no files behind.
pub(crate) fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// One thing that happens. Line items and sessions are named by a number that is taken modulo
/// those that there are.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    PutLine(LineItemTerms),
    /// Makes it obsolete first.
    DeleteLine(usize),
    /// Department (beyond the last: everybody) and effect. Those that stand are kept in reverse
    /// order if `keeps`.
    PutRules {
        line: usize,
        rules: Vec<(usize, Effect)>,
        keeps: bool,
    },
    Access {
        requests: Vec<(usize, Vec<RequestedItem>)>,
        many: bool,
    },
    Preview {
        requests: Vec<(usize, Vec<RequestedItem>)>,
    },
    OpenSession,
    AccessSession {
        session: usize,
        department: usize,
        items: Vec<RequestedItem>,
        rollback_on_deny: bool,
    },
    CloseSession(usize),
    Heartbeat(usize),
    Tick,
    Wait {
        ms: i64,
    },
    /// Waits for what is due next if that is soon, and a little less or more.
    WaitForNext {
        plus_ms: i64,
    },
    /// An outage of the service.
    Restart {
        down_ms: i64,
    },
    ChargePeriod {
        minutes: i64,
    },
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let first = prop::collection::vec(put_line(), 2..5);
    let rest = prop::collection::vec(step(), most / 2..most);
    (first, rest).prop_map(|(mut first, rest)| {
        first.extend(rest);
        first
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => put_line(),
        1 => (0..4_usize).prop_map(Step::DeleteLine),
        2 => (0..4_usize, prop::collection::vec((0..4_usize, effect()), 0..3), any::<bool>())
            .prop_map(|(line, rules, keeps)| Step::PutRules { line, rules, keeps }),
        4 => (requests(), any::<bool>())
            .prop_map(|(requests, many)| Step::Access { requests, many }),
        1 => requests().prop_map(|requests| Step::Preview { requests }),
        3 => Just(Step::OpenSession),
        12 => (0..4_usize, 0..4_usize, session_items(), prop::bool::weighted(0.8)).prop_map(
            |(session, department, items, rollback_on_deny)| {
                Step::AccessSession { session, department, items, rollback_on_deny }
            }
        ),
        1 => (0..4_usize).prop_map(Step::CloseSession),
        12 => (0..4_usize).prop_map(Step::Heartbeat),
        3 => Just(Step::Tick),
        6 => wait().prop_map(|ms| Step::Wait { ms }),
        12 => select(vec![-1, 0, 0, 0, 1, 5 * MINUTE_MS])
            .prop_map(|plus_ms| Step::WaitForNext { plus_ms }),
        3 => select(vec![0, 5, 40, 3 * HOUR])
            .prop_map(|minutes| Step::Restart { down_ms: minutes * MINUTE_MS }),
        1 => select(vec![10, 60, 90]).prop_map(|minutes| Step::ChargePeriod { minutes }),
    ]
}

/// Mostly a part of a period, seldom days.
fn wait() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 0..45 * MINUTE_MS,
        6 => select(vec![1, 30 * MINUTE_MS, 30 * MINUTE_MS + 1, 60 * MINUTE_MS]),
        1 => (0..30 * HOUR).prop_map(|minutes| minutes * MINUTE_MS),
    ]
}

fn put_line() -> impl Strategy<Value = Step> {
    line_terms().prop_map(Step::PutLine)
}

pub(crate) fn line_terms() -> impl Strategy<Value = LineItemTerms> {
    let window = (
        select(vec![0, 0, 0, 30, DAY]),
        select(vec![5 * HOUR, DAY, DAY + HOUR, 30 * DAY, 60 * DAY]),
    );
    let overdraft = prop_oneof![
        3 => Just(Overdraft::None),
        2 => amount().prop_map(Overdraft::Limit),
        1 => Just(Overdraft::Unlimited),
    ];
    let state = prop_oneof![
        24 => Just(LineItemState::Deployed),
        1 => Just(LineItemState::Inactive),
        1 => Just(LineItemState::Obsolete),
    ];
    let series = select(vec!["", "", "", "Three", "Three", "Third", "Third", "None"]);
    let reset = select(vec![None, None, None, Some(ResetFrequency::Daily)]);
    (0..LINES.len(), amount(), window, overdraft, state, (series, reset)).prop_map(
        |(line, quantity, (starts, ends), overdraft, state, (series, reset_frequency))| {
            let starts_at_ms = minute(starts.min(ends));
            let (ends_at_ms, rate_table_series) = (minute(ends), series.into());
            LineItemTerms {
                quantity,
                state,
                starts_at_ms,
                ends_at_ms,
                overdraft,
                reset_frequency,
                rate_table_series,
                ..terms(LINES[line], "1")
            }
        },
    )
}

/// Whole amounts that requests often meet exactly, and crooked ones.
fn amount() -> impl Strategy<Value = Tokens> {
    prop_oneof![
        4 => (1..200_i64).prop_map(|tokens| Tokens::from_micros(tokens * 1_000_000)),
        2 => (1..200_000_000_i64).prop_map(Tokens::from_micros),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        3 => amount().prop_map(|tokens| Effect::Allow { allocation: Some(tokens) }),
        1 => Just(Effect::Allow { allocation: None }),
        1 => Just(Effect::Deny),
    ]
}

pub(crate) fn requests() -> impl Strategy<Value = Vec<(usize, Vec<RequestedItem>)>> {
    prop::collection::vec((0..4_usize, items()), 1..3)
}

fn items() -> impl Strategy<Value = Vec<RequestedItem>> {
    prop::collection::vec(requested_item(), 1..4)
}

fn session_items() -> impl Strategy<Value = Vec<RequestedItem>> {
    prop_oneof![1 => Just(Vec::new()), 6 => prop::collection::vec(requested_item(), 1..3)]
}

fn requested_item() -> impl Strategy<Value = RequestedItem> {
    let wanted = prop_oneof![
        4 => (1..8_i64).prop_map(|units| units * 1_000_000),
        2 => 1..9_000_000_i64,
    ];
    let which = prop_oneof![
        24 => Just(item("Render", "2.0", "1")),
        12 => Just(item("Denoise", "", "1")),
        1 => Just(item("Free", "", "1")),
        1 => Just(item("Unknown", "", "1")),
        1 => Just(item_with("Simulate", "1", &[("nodes", "1.5")])),
        1 => Just(item_with("Simulate", "1", &[])),
    ];
    (which, wanted).prop_map(|(item, micros)| RequestedItem {
        count: licet_core::Count::from_micros(micros),
        meta_data: Some("{\"job\":1}".into()),
        ..item
    })
}

/// The producer's prices in random stories.
pub(crate) fn priced() -> World {
    World::new()
        .rate("Render", "2.0", "7")
        .rate("Denoise", "", "0.25")
        .rate("Free", "", "0")
        .formula("Simulate", "nodes * 2")
        .rate_in("Three", "Render", "2.0", "3")
        .rate_in("Three", "Denoise", "", "0.1")
        .rate_in("Third", "Render", "2.0", "0.333333")
        .table_from(3 * HOUR, "Three", ("Render", "2.0", "11"))
        .table_from(DAY, "Third", ("Render", "2.0", "0"))
}

pub(crate) fn requester(department: usize) -> Requester {
    DEPARTMENTS.get(department).map_or_else(ada, |department| from(department))
}

/// A random story on its way.
pub(crate) struct Play {
    pub(crate) world: World,
    pub(crate) opened: Vec<SessionId>,
}

impl Play {
    pub(crate) fn new() -> Self {
        let mut world = priced();
        for department in DEPARTMENTS {
            world.condition(is_of(department));
        }
        Self { world, opened: Vec::new() }
    }

    pub(crate) fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.take(step, None);
        }
    }

    /// Lets a step happen; what a command that it makes was answered.
    pub(crate) fn take(
        &mut self,
        step: &Step,
        key: Option<IdempotencyKey>,
    ) -> Option<Result<Reply, Refusal>> {
        let command = self.command(step, key)?;
        let reply = self.world.execute(command);
        if let Ok(Reply::SessionOpened(id)) = reply {
            self.opened.push(id);
        }
        Some(reply)
    }

    /// The command of a step; what is no command happens at once.
    pub(crate) fn command(&mut self, step: &Step, key: Option<IdempotencyKey>) -> Option<Command> {
        let by = || "somebody".into();
        Some(match step.clone() {
            Step::PutLine(terms) => Command::PutLineItem { terms, by: by() },
            Step::DeleteLine(line) => {
                let standing = self.line(line)?;
                let terms = LineItemTerms { state: LineItemState::Obsolete, ..standing };
                let activation_id = terms.activation_id.clone();
                self.world.put_line(terms).expect("any line item can become obsolete");
                Command::DeleteLineItem { activation_id, by: by() }
            }
            Step::PutRules { line, rules, keeps } => {
                let activation_id = self.line(line)?.activation_id;
                let drafts = self.drafts(&activation_id, &rules, keeps);
                Command::PutActions { activation_id, drafts, by: by() }
            }
            Step::Access { requests, many: true } => {
                Command::AccessMany { requests: asked(&requests), key }
            }
            Step::Access { requests, many: false } => {
                Command::Access { request: asked(&requests).remove(0), key }
            }
            Step::Preview { requests } => Command::PreviewAccess { requests: asked(&requests) },
            Step::OpenSession => Command::OpenSession { key },
            Step::AccessSession { session, department, items, rollback_on_deny } => {
                let request = request(requester(department), &items);
                let session_id = self.session(session)?;
                Command::AccessSession { session_id, request, rollback_on_deny, key }
            }
            Step::CloseSession(session) => {
                Command::CloseSession { session_id: self.session(session)? }
            }
            Step::Heartbeat(session) => Command::Heartbeat { session_id: self.session(session)? },
            Step::Tick => Command::Tick,
            Step::Wait { ms } => {
                self.world.now_ms += ms;
                return None;
            }
            Step::WaitForNext { plus_ms } => {
                let soon_ms = self.world.now_ms + 2 * HOUR * MINUTE_MS;
                let next_ms = self.world.instance.wakes_at_ms().filter(|at_ms| *at_ms <= soon_ms);
                if let Some(next_ms) = next_ms {
                    self.world.now_ms = self.world.now_ms.max(next_ms + plus_ms);
                }
                return None;
            }
            Step::Restart { down_ms } => {
                self.world.now_ms += down_ms;
                self.world.restart();
                return None;
            }
            Step::ChargePeriod { minutes } => {
                self.world.charge_period(minutes);
                return None;
            }
        })
    }

    fn line(&self, number: usize) -> Option<LineItemTerms> {
        let lines = self.world.instance.line_items();
        Some(lines.get(number.checked_rem(lines.len())?)?.terms.clone())
    }

    fn session(&self, number: usize) -> Option<SessionId> {
        // The newest are the ones that are likely to live.
        let back = number.checked_rem(self.opened.len())?;
        self.opened.iter().rev().nth(back).copied()
    }

    fn drafts(
        &mut self,
        activation_id: &str,
        rules: &[(usize, Effect)],
        keeps: bool,
    ) -> Vec<ActionDraft> {
        let conditions = match self.world.execute(Command::Query(Query::Conditions)) {
            Ok(Reply::Conditions(conditions)) => conditions,
            other => panic!("not conditions: {other:?}"),
        };
        let condition = |department: usize| {
            let expression = is_of(DEPARTMENTS.get(department)?);
            Some(conditions.iter().find(|condition| condition.expression == expression)?.id)
        };
        let standing = self.world.line_item(activation_id).actions;
        let kept = standing.iter().rev().filter(|_| keeps).map(super::keep);
        let new = rules
            .iter()
            .map(|(department, effect)| super::new_action("rule", condition(*department), *effect));
        kept.chain(new).collect()
    }
}

fn asked(requests: &[(usize, Vec<RequestedItem>)]) -> Vec<licet_core::AccessRequest> {
    let ask =
        |(department, items): &(usize, Vec<RequestedItem>)| request(requester(*department), items);
    requests.iter().map(ask).collect()
}

impl World {
    /// What another instance would decide now, with what it would record.
    pub(crate) fn decide_elsewhere(
        &self,
        instance: &mut Instance,
        command: Command,
    ) -> (Result<Reply, Refusal>, Vec<Record>) {
        let context = Context {
            now_ms: self.now_ms,
            up_since_ms: self.up_since_ms,
            events_max: self.events_max,
            first_id: Uuid::from_u128(self.ids + (1 << 40)),
            site: &self.site,
            policies: &self.site.default_policies,
        };
        let mut records = Vec::new();
        let reply = instance.execute(context, command, &mut records);
        (reply, records)
    }

    /// The fold of the journal, which never decided anything.
    pub(crate) fn shadow(&self) -> &Instance {
        &self.shadow
    }
}
