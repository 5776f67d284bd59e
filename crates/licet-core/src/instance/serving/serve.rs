//! Commands of clients, and leases that end by themselves.

use std::sync::Arc;

use super::{
    Serving,
    clients::Client,
    decide::{Admission, Decision, Terms},
    stock::Stock,
    trial::Trial,
};
use crate::{
    answer::{IdempotencyKey, Known},
    command::Reply,
    feature::Selectors,
    feature_answer::{FeatureAnswer, FeatureOutcome},
    feature_request::{FeatureRequest, Operation},
    ids::CorrelationId,
    instance::turn::Turn,
    lease::{ClientId, Hold},
    record::Record,
    refusal::Refusal,
    serving::{LeaseEnd, LeasesEnded, Served},
};

/// Most clients of an instance.
const CLIENTS_MAX: usize = 2_000_000;
/// Most line items of a name that are looked at to tell a client that was served how much more it
/// could have.
const WALKED_MAX: usize = 50;
/// How far the clock may stand before what was decided already: clocks are set right by less.
const WINDBACK_MS_MAX: i64 = 3_600_000;

impl Turn<'_> {
    pub(in crate::instance) fn serve(
        &mut self,
        request: &FeatureRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Reply, Refusal> {
        match self.instance.answers.known(key.as_ref()) {
            Known::Same(answer) => return answer.reply(),
            Known::Other => return Err(Refusal::IdempotencyKeyReused),
            Known::New => {}
        }
        let client = self.client_for(request)?;
        let mut decision = self.decide_serving(request);
        if !decision.is_met() && self.expire_leases(usize::MAX) {
            decision = self.decide_serving(request);
        }
        let served = self.served(request, client, decision);
        let answer = if key.is_some() || self.is_worth_recording(&served) {
            self.record_served(served, key)
        } else {
            self.instance.serving.answer_to(&served)
        };
        Ok(Reply::Served(Arc::new(answer)))
    }

    /// Tells what a request would get. One that names no feature is told all that it could.
    pub(in crate::instance) fn preview_serving(&self, request: &FeatureRequest) -> Reply {
        let terms = self.terms();
        let decision = self.instance.serving.decide(request, terms);
        let asks_for_all = request.features.is_empty() && request.operation == Operation::Request;
        let serving = &self.instance.serving;
        let features = serving.previewed(request, &decision, asks_for_all, terms);
        Reply::Served(Arc::new(FeatureAnswer {
            correlation_id: CorrelationId::default(),
            at_ms: self.now_ms(),
            host: request.asker.host().clone(),
            features,
            not_met: not_met(&decision.outcomes),
        }))
    }

    fn decide_serving(&self, request: &FeatureRequest) -> Decision {
        self.instance.serving.decide(request, self.terms())
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            now_ms: self.now_ms(),
            policies: self.context.policies,
            is_wound_back: self.clock_behind_ms > WINDBACK_MS_MAX,
        }
    }

    fn client_for(&self, request: &FeatureRequest) -> Result<ClientId, Refusal> {
        let clients = &self.instance.serving.clients;
        match clients.id_of(request.asker.host()) {
            Some(id) => Ok(id),
            None if clients.len() >= CLIENTS_MAX => {
                Err(Refusal::TooMany { what: "clients", max: CLIENTS_MAX })
            }
            None => Ok(clients.next_id()),
        }
    }

    fn served(&mut self, request: &FeatureRequest, client: ClientId, decision: Decision) -> Served {
        let Decision { outcomes, given_back, moves, taken, used, undone } = decision;
        Served {
            correlation_id: self.id(),
            at_ms: self.now_ms(),
            client,
            asker: request.asker.clone(),
            operation: request.operation,
            outcomes,
            given_back,
            moves,
            taken,
            used,
            undone,
            levels: Vec::new(),
        }
    }

    fn is_worth_recording(&self, served: &Served) -> bool {
        let is_denied = |outcome: &FeatureOutcome| outcome.status.is_some();
        served.has_effects()
            || (self.context.policies.tracks_denied_requests
                && served.outcomes.iter().any(is_denied))
    }

    fn record_served(&mut self, served: Served, key: Option<IdempotencyKey>) -> FeatureAnswer {
        let levels = self.instance.serving.levels_after(&served);
        let served = Arc::new(Served { levels, ..served });
        self.record(Record::Served { served: served.clone(), key });
        self.instance.serving.answer_to(&served)
    }

    /// Ends all that a client holds; its counts are free for others at once.
    pub(in crate::instance) fn drop_client(
        &mut self,
        id: ClientId,
        by: Arc<str>,
    ) -> Result<Reply, Refusal> {
        let client = self.instance.serving.clients.get(id);
        let client = client.ok_or(Refusal::ClientNotFound(id.0))?;
        let (holds, asker) = (client.holds.clone(), client.asker.clone());
        self.end_leases(self.now_ms(), id, &asker, holds, LeaseEnd::Dropped { by });
        Ok(Reply::Done)
    }

    /// Ends leases whose time is over, of so many clients at most. Tells whether it ended any.
    pub(in crate::instance) fn expire_leases(&mut self, clients_max: usize) -> bool {
        let mut ended = 0;
        while let Some((at_ms, id)) = self.instance.serving.clients.first_end()
            && at_ms <= self.now_ms()
            && ended < clients_max
        {
            self.expire(id, at_ms);
            ended += 1;
        }
        ended > 0
    }

    fn expire(&mut self, id: ClientId, due_ms: i64) {
        let Some(client) = self.instance.serving.clients.get(id) else { return };
        let is_over = |hold: &&Hold| hold.expires_at_ms.is_some_and(|end| end <= due_ms);
        let holds: Vec<Hold> = client.holds.iter().filter(is_over).cloned().collect();
        if holds.is_empty() {
            return self.instance.serving.clients.forget_reports(id, due_ms);
        }
        let asker = client.asker.clone();
        let at_ms = due_ms.max(self.instance.last_ms);
        self.end_leases(at_ms, id, &asker, holds, LeaseEnd::Expired);
    }

    fn end_leases(
        &mut self,
        at_ms: i64,
        client: ClientId,
        asker: &Arc<crate::Asker>,
        holds: Vec<Hold>,
        end: LeaseEnd,
    ) {
        let serving = &self.instance.serving;
        let pools = serving.admission(asker).map_or_else(Vec::new, |admission| admission.pools);
        let mut trial = Trial::new(serving, &pools);
        holds.iter().for_each(|hold| trial.give_back_hold(hold));
        let (moves, asker) = (trial.moves, asker.clone());
        let levels = Vec::new();
        let ended = LeasesEnded { at_ms, client, asker, end, holds, moves, levels };
        let levels = serving.levels_after_end(&ended);
        self.record(Record::LeasesEnded(Box::new(LeasesEnded { levels, ..ended })));
    }
}

impl Serving {
    /// What a client is told after what a record did.
    pub(in crate::instance) fn answer_to(&self, served: &Served) -> FeatureAnswer {
        let host = served.asker.host();
        let holds = self.client_of(host).map_or(&[][..], |client: &Client| &client.holds);
        let features = match served.operation {
            Operation::Request => self.standing(served, holds),
            Operation::Report => self.standing(served, &[]),
            Operation::Undo => Vec::new(),
        };
        FeatureAnswer {
            correlation_id: served.correlation_id,
            at_ms: served.at_ms,
            host: host.clone(),
            features,
            not_met: not_met(&served.outcomes),
        }
    }

    fn standing(&self, served: &Served, holds: &[Hold]) -> Vec<crate::GrantedFeature> {
        if holds.is_empty() && served.used.is_empty() {
            return Vec::new();
        }
        let admission = self.admission(&served.asker).unwrap_or_else(Admission::nothing);
        let trial = Trial::new(self, &admission.pools);
        let selectors = self.selectors_of(served, holds);
        let sources = self.sources(&served.asker, &selectors, &admission, served.at_ms);
        self.granted(holds, &served.used, &trial, &sources, WALKED_MAX)
    }

    /// What the client selected, as far as that shows in what it got.
    fn selectors_of(&self, served: &Served, holds: &[Hold]) -> Selectors {
        let held = holds.iter().map(|hold| hold.feature);
        let features = held.chain(served.used.iter().map(|used| used.feature));
        let stocks = features.filter_map(|feature| self.stock(feature));
        let selectors = stocks.flat_map(|stock| &stock.terms().selectors);
        selectors.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn previewed(
        &self,
        request: &FeatureRequest,
        decision: &Decision,
        asks_for_all: bool,
        terms: Terms<'_>,
    ) -> Vec<crate::GrantedFeature> {
        let Some(admission) = self.admission(&request.asker) else { return Vec::new() };
        let mut trial = Trial::new(self, &admission.pools);
        let sources = self.sources(&request.asker, &request.selectors, &admission, terms.now_ms);
        let held = self.client_of(request.asker.host());
        let mut holds = held.map_or_else(Vec::new, |client| client.holds.clone());
        if asks_for_all {
            holds.iter().for_each(|hold| trial.give_back_hold(hold));
            let lease = |stock: &Stock| terms.lease(request, stock);
            return self.most(&trial, &sources, &lease);
        }
        decision.given_back.iter().for_each(|hold| trial.give_back_hold(hold));
        holds.retain(|hold| !decision.given_back.contains(hold));
        let taken = decision.taken.iter().map(|hold| (hold.feature, &hold.place, hold.count));
        let used = decision.used.iter().map(|used| (used.feature, &used.place, used.count));
        for (feature, place, count) in taken.chain(used) {
            if let Some(stock) = self.stock(feature) {
                trial.take(stock, place, count);
            }
        }
        holds.extend(decision.taken.iter().cloned());
        self.granted(&holds, &decision.used, &trial, &sources, usize::MAX)
    }
}

fn not_met(outcomes: &[FeatureOutcome]) -> Vec<FeatureOutcome> {
    outcomes.iter().filter(|outcome| outcome.status.is_some()).cloned().collect()
}
