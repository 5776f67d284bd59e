//! Decisions on requests for features.

use std::sync::Arc;

use super::{
    Client, Serving,
    requirement::{Gift, Sources, Taking, Wish},
    stock::Stock,
    trial::Trial,
};
use crate::{
    feature::{FeatureId, Selectors},
    feature_answer::{FeatureOutcome, StatusCode},
    feature_request::{Asker, FeatureRequest, Operation, WantedFeature},
    ids::CorrelationId,
    lease::{ClientId, Hold, Move},
    model::{Access, HostId, Unasked},
    policies::Policies,
    serving::MeteredUse,
};

/// When and by which settings it is decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) now_ms: i64,
    pub(super) policies: &'a Policies,
    /// Whether the clock stands far before what was decided already.
    pub(super) is_wound_back: bool,
}

impl Terms<'_> {
    /// When a lease that begins now ends, and after how many seconds to renew it.
    pub(super) fn lease(&self, request: &FeatureRequest, stock: &Stock) -> (Option<i64>, u32) {
        let (terms, policies) = (stock.terms(), self.policies);
        let until_ms = stock.served_until_ms();
        let own = terms.borrow_interval_ms.unwrap_or(policies.borrow_interval_ms);
        let limits = [Some(own), request.borrow_interval_ms, policies.borrow_interval_max_ms];
        let interval_ms = limits.into_iter().flatten().filter(|limit_ms| *limit_ms > 0).min();
        let Some(interval_ms) = interval_ms.filter(|_| terms.is_lent()) else {
            return (until_ms, 0);
        };
        let now_ms = self.now_ms;
        let capped = |end_ms: i64| until_ms.map_or(end_ms, |until_ms| end_ms.min(until_ms));
        let end_ms = now_ms.saturating_add(interval_ms);
        let percent = i64::from(terms.renew_percent.unwrap_or(policies.renew_percent));
        let renew_after_s = (capped(end_ms) - now_ms) / 1_000 * percent / 100;
        let granularity = request.granularity.unwrap_or(policies.granularity);
        let rounded_ms = capped(granularity.round_up_ms(end_ms));
        (Some(rounded_ms), u32::try_from(renew_after_s).unwrap_or(u32::MAX))
    }
}

/// What a request would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Decision {
    pub(super) outcomes: Vec<FeatureOutcome>,
    pub(super) given_back: Vec<Hold>,
    pub(super) moves: Vec<Move>,
    pub(super) taken: Vec<Hold>,
    pub(super) used: Vec<MeteredUse>,
    pub(super) undone: Vec<(CorrelationId, MeteredUse)>,
}

/// What the rules let a client use.
pub(super) struct Admission {
    /// In the order in which they are served.
    pub(super) pools: Vec<Option<Arc<str>>>,
    pub(super) gifts: Vec<Gift>,
}

/// One request on its way.
pub(super) struct Attempt<'a> {
    serving: &'a Serving,
    request: &'a FeatureRequest,
    terms: Terms<'a>,
    sources: Sources<'a>,
    client: Option<&'a Client>,
}

impl Admission {
    pub(super) fn nothing() -> Self {
        Self { pools: Vec::new(), gifts: Vec::new() }
    }
}

impl Decision {
    pub(super) fn is_met(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.status.is_none())
    }

    /// Nothing was met, and the reason is that of the request as a whole.
    fn refused(request: &FeatureRequest, status: StatusCode) -> Self {
        let refused = |wanted| outcome(wanted, 0, (wanted.count > 0).then_some(status));
        Self { outcomes: request.features.iter().map(refused).collect(), ..Self::default() }
    }

    /// What was met is withdrawn, because the rest was not.
    fn withdrawn(mut self) -> Self {
        for outcome in &mut self.outcomes {
            if outcome.wanted > 0 && outcome.status.is_none() {
                outcome.status = Some(StatusCode::RequestNotMet);
            }
            if outcome.status == Some(StatusCode::PartialGrant) {
                outcome.status = Some(StatusCode::CountInsufficient);
            }
            outcome.granted = 0;
        }
        Self { outcomes: self.outcomes, ..Self::default() }
    }
}

impl Serving {
    /// What the model's rules say to a client; `None` if it is denied.
    pub(super) fn admission(&self, asker: &Asker) -> Option<Admission> {
        let Some(active) = &self.model else {
            return Some(Admission { pools: vec![None], gifts: Vec::new() });
        };
        let Access::Granted { pools, unasked } = active.model.access(&asker.as_requester()) else {
            return None;
        };
        let gift = |wish: &&Unasked| match wish {
            Unasked::AllFrom(pool) => Gift::AllFrom(active.pool(*pool)),
            Unasked::Feature { name, version, count } => {
                let (version, count) = (*version, *count);
                Gift::Feature(WantedFeature { name: Arc::from(&**name), version, count })
            }
        };
        let gifts = unasked.iter().map(gift).collect();
        Some(Admission { pools: pools.into_iter().map(|pool| active.pool(pool)).collect(), gifts })
    }

    /// Decides on a request, and changes nothing.
    pub(super) fn decide(&self, request: &FeatureRequest, terms: Terms<'_>) -> Decision {
        let admission = self.admission(&request.asker);
        let refusal = refusal(request, terms);
        let refusal = refusal.or_else(|| admission.is_none().then_some(StatusCode::HostDenied));
        // Nothing new is served then, but what is given back is taken.
        if let Some(status) = refusal.filter(|_| !request.only_gives_back()) {
            return Decision::refused(request, status);
        }
        let admission = admission.unwrap_or_else(Admission::nothing);
        let attempt = Attempt {
            serving: self,
            request,
            terms,
            sources: self.sources(&request.asker, &request.selectors, &admission, terms.now_ms),
            client: self.client_of(request.asker.host()),
        };
        match request.operation {
            Operation::Undo => attempt.undo(),
            Operation::Request if request.features.is_empty() && !request.incremental => {
                let wishes = self.unasked(&attempt.sources, &admission.gifts);
                let mut decision = attempt.go(&wishes, &[]);
                // Nobody asked for it, so nothing was denied.
                decision.outcomes.iter_mut().for_each(|outcome| outcome.status = None);
                decision
            }
            Operation::Request | Operation::Report => attempt.serve(),
        }
    }

    pub(super) fn sources<'a>(
        &self,
        asker: &Asker,
        selectors: &'a Selectors,
        admission: &'a Admission,
        now_ms: i64,
    ) -> Sources<'a> {
        Sources {
            selectors,
            reservations: self.reservations_of(asker),
            pools: &admission.pools,
            now_ms,
        }
    }

    pub(super) fn client_of(&self, host: &HostId) -> Option<&Client> {
        self.clients.get(self.clients.id_of(host)?)
    }

    pub(super) fn name_of(&self, feature: FeatureId) -> Option<&Arc<str>> {
        self.stock(feature).map(|stock| &stock.terms().name)
    }

    /// What the users of a client hold on other hosts of a feature out of a pool; of several users
    /// the one that holds most.
    fn held_elsewhere(
        &self,
        client: Option<ClientId>,
        users: &[HostId],
        name: &str,
        pool: &Option<Arc<str>>,
    ) -> u64 {
        let of_user = |user: &HostId| -> u64 {
            let others = self.clients.with_other(user).filter(|id| Some(*id) != client);
            let others = others.filter_map(|id| self.clients.get(id));
            others.map(|other| self.held_of(&other.holds, name, pool)).sum()
        };
        users.iter().map(of_user).max().unwrap_or(0)
    }

    fn held_of(&self, holds: &[Hold], name: &str, pool: &Option<Arc<str>>) -> u64 {
        let is_of = |hold: &&Hold| {
            hold.place.pool == *pool
                && self.name_of(hold.feature).is_some_and(|other| **other == *name)
        };
        holds.iter().filter(is_of).map(|hold| hold.count).sum()
    }
}

/// Why nothing at all is served.
fn refusal(request: &FeatureRequest, terms: Terms<'_>) -> Option<StatusCode> {
    if terms.policies.is_suspended {
        Some(StatusCode::ServerSuspended)
    } else if terms.is_wound_back {
        Some(StatusCode::ClockWindback)
    } else if request.is_virtual && !terms.policies.allows_virtual_clients {
        Some(StatusCode::VirtualClientDenied)
    } else {
        None
    }
}

fn outcome(wanted: &WantedFeature, granted: u64, status: Option<StatusCode>) -> FeatureOutcome {
    let WantedFeature { name, version, count } = wanted.clone();
    FeatureOutcome { name, version, wanted: count, granted, status }
}

impl Attempt<'_> {
    fn serve(&self) -> Decision {
        let wish = |feature: &WantedFeature| Wish::anywhere(feature.clone());
        let wishes: Vec<Wish> = self.request.features.iter().map(wish).collect();
        let decision = self.go(&wishes, &[]);
        if decision.is_met() {
            return decision;
        }
        if !self.request.partial {
            return decision.withdrawn();
        }
        // A client that gets nothing of a feature keeps what it has of it, until its lease ends.
        match self.lost(&decision) {
            lost if lost.is_empty() => decision,
            lost => self.go(&wishes, &lost),
        }
    }

    /// Features that the client holds and would get nothing of, though it wants them.
    fn lost(&self, decision: &Decision) -> Vec<Arc<str>> {
        let is_held = |name: &Arc<str>| {
            let mut names =
                decision.given_back.iter().map(|hold| self.serving.name_of(hold.feature));
            names.any(|held| held == Some(name))
        };
        let empty = decision
            .outcomes
            .iter()
            .filter(|outcome| outcome.wanted > 0 && outcome.granted == 0 && is_held(&outcome.name));
        empty.map(|outcome| outcome.name.clone()).collect()
    }

    /// Gives back what the request replaces, except features that are kept, and takes what is
    /// wished.
    fn go(&self, wishes: &[Wish], kept: &[Arc<str>]) -> Decision {
        let mut trial = Trial::new(self.serving, self.sources.pools);
        let (given_back, stays) = self.given_back(kept);
        given_back.iter().for_each(|hold| trial.give_back_hold(hold));
        let mut decision = Decision { given_back, ..Decision::default() };
        for wish in wishes {
            let (takings, status) = self.meet(&mut trial, wish, &stays, &decision.taken);
            let granted = takings.iter().map(|taking| taking.count).sum();
            decision.outcomes.push(outcome(&wish.feature, granted, status));
            self.book(takings, &mut decision);
        }
        decision.moves = trial.moves;
        decision
    }

    fn meet(
        &self,
        trial: &mut Trial<'_>,
        wish: &Wish,
        stays: &[Hold],
        taken: &[Hold],
    ) -> (Vec<Taking>, Option<StatusCode>) {
        if self.request.operation == Operation::Report && !self.is_metered(&wish.feature.name) {
            return (Vec::new(), Some(StatusCode::NotMetered));
        }
        let users = &self.request.asker.host_ids[1..];
        let id = self.serving.clients.id_of(self.request.asker.host());
        let held = |stock: &Stock, pool: &Option<Arc<str>>| {
            let name = &stock.terms().name;
            let here =
                self.serving.held_of(stays, name, pool) + self.serving.held_of(taken, name, pool);
            here + self.serving.held_elsewhere(id, users, name, pool)
        };
        self.serving.meet(trial, &self.sources, wish, held)
    }

    fn is_metered(&self, name: &str) -> bool {
        let mut features = self.serving.named(name).peekable();
        // Of a feature that is not there it is said that it is not found.
        features.peek().is_none() || features.any(|stock| stock.terms().is_metered())
    }

    /// What the request gives back, and what the client goes on holding.
    fn given_back(&self, kept: &[Arc<str>]) -> (Vec<Hold>, Vec<Hold>) {
        let holds = self.client.map_or(&[][..], |client| &client.holds);
        let is_replaced = |hold: &&Hold| {
            let name = self.serving.name_of(hold.feature);
            let is_kept = name.is_some_and(|name| kept.contains(name));
            !is_kept && self.replaces(hold.feature)
        };
        holds.iter().cloned().partition(|hold| is_replaced(&hold))
    }

    fn replaces(&self, feature: FeatureId) -> bool {
        let is_reported = || {
            let stock = self.serving.stock(feature);
            stock.is_some_and(|stock| {
                let mut names = self.request.features.iter().map(|wanted| &wanted.name);
                stock.terms().is_metered() && names.any(|name| *name == stock.terms().name)
            })
        };
        let is_given_back = || {
            let name = self.serving.name_of(feature);
            let mut given_back = self.request.features.iter().filter(|wanted| wanted.count == 0);
            given_back.any(|wanted| Some(&wanted.name) == name)
        };
        match self.request.operation {
            Operation::Request => !self.request.incremental || is_given_back(),
            Operation::Report => is_reported(),
            Operation::Undo => false,
        }
    }

    /// Notes what was taken: what is held with its lease, the rest as used.
    fn book(&self, takings: Vec<Taking>, decision: &mut Decision) {
        for Taking { feature, place, count } in takings {
            let Some(stock) = self.serving.stock(feature) else { continue };
            if !stock.terms().is_held() {
                decision.used.push(MeteredUse { feature, place, count });
                continue;
            }
            let (expires_at_ms, renew_after_s) = self.terms.lease(self.request, stock);
            let hold = Hold { feature, place, count, expires_at_ms, renew_after_s };
            decision.taken.push(hold);
        }
    }

    /// Takes back what the client reported lately, the newest first.
    fn undo(&self) -> Decision {
        let mut trial = Trial::new(self.serving, self.sources.pools);
        let mut decision = Decision::default();
        for wanted in &self.request.features {
            let undone = self.undoable(wanted, &decision.undone);
            let count = undone.iter().map(|(_, used)| used.count).sum();
            undone.iter().for_each(|(_, used)| trial.undo(used));
            let status = match count {
                _ if !self.is_metered(&wanted.name) => Some(StatusCode::NotMetered),
                _ if count == wanted.count => None,
                0 => Some(StatusCode::NothingToUndo),
                _ => Some(StatusCode::PartialGrant),
            };
            decision.outcomes.push(outcome(wanted, count, status));
            decision.undone.extend(undone);
        }
        decision.moves = trial.moves;
        match decision.is_met() || self.request.partial {
            true => decision,
            false => {
                let mut withdrawn = decision.withdrawn();
                let short = |outcome: &&mut FeatureOutcome| {
                    outcome.status == Some(StatusCode::CountInsufficient)
                };
                withdrawn.outcomes.iter_mut().filter(short).for_each(|outcome| {
                    outcome.status = Some(StatusCode::NothingToUndo);
                });
                withdrawn
            }
        }
    }

    fn undoable(
        &self,
        wanted: &WantedFeature,
        already: &[(CorrelationId, MeteredUse)],
    ) -> Vec<(CorrelationId, MeteredUse)> {
        let reports = self.client.into_iter().flat_map(|client| client.reports.iter().rev());
        let mut left = wanted.count;
        let mut undone = Vec::new();
        for report in reports.filter(|report| report.undo_until_ms >= self.terms.now_ms) {
            let used = &report.used;
            if self.serving.name_of(used.feature) != Some(&wanted.name) {
                continue;
            }
            let is_same = |(id, other): &&(CorrelationId, MeteredUse)| {
                *id == report.correlation_id
                    && other.feature == used.feature
                    && other.place == used.place
            };
            let gone: u64 = already.iter().filter(is_same).map(|(_, used)| used.count).sum();
            let count = used.count.saturating_sub(gone).min(left);
            if count > 0 {
                left -= count;
                undone.push((report.correlation_id, MeteredUse { count, ..used.clone() }));
            }
        }
        undone
    }
}
