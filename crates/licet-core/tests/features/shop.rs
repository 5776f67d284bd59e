//! A small world: one instance with features, clients that ask, and a clock that is set.

use std::sync::Arc;

use licet_core::{
    Asker, ClientFilter, ClientView, Command, Context, FeatureAnswer, FeatureCount,
    FeatureLineItemTerms, FeatureRequest, FeatureTerms, FeatureView, Granularity, Instance,
    LicenseModel, LineItemState, Metered, Operation, Policies, Query, Record, Refusal, Reply, Site,
    WantedFeature,
    model::{HostId, Version},
};
use uuid::Uuid;

/// 2026-03-02T17:05:01Z, a Monday.
pub(crate) const T0_MS: i64 = 1_772_471_101_000;
pub(crate) const SECOND_MS: i64 = 1_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
pub(crate) const WEEK_MS: i64 = 7 * DAY_MS;

pub(crate) struct Shop {
    pub(crate) now_ms: i64,
    pub(crate) policies: Policies,
    site: Site,
    pub(crate) instance: Instance,
    pub(crate) journal: Vec<Record>,
    ids: u128,
}

pub(crate) fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

/// `value/TYPE`, or a value of type STRING.
pub(crate) fn host(written: &str) -> HostId {
    HostId::from_written(written)
}

pub(crate) fn want(name: &str, version: &str, count: u64) -> WantedFeature {
    WantedFeature { name: name.into(), version: version.parse().expect("a version"), count }
}

pub(crate) fn feature(name: &str, version: &str, model: LicenseModel, count: u64) -> FeatureTerms {
    FeatureTerms::plain(name, self::version(version), model, count)
}

pub(crate) fn floating(name: &str, version: &str, count: u64) -> FeatureTerms {
    feature(name, version, LicenseModel::Concurrent, count)
}

pub(crate) fn meter(name: &str, count: u64, reusable: bool, undo_interval_ms: i64) -> FeatureTerms {
    let metered = Metered { reusable, undo_interval_ms };
    feature(name, "1.0", LicenseModel::Metered(metered), count)
}

/// Permanent, one copy.
pub(crate) fn line(activation_id: &str, features: Vec<FeatureTerms>) -> FeatureLineItemTerms {
    FeatureLineItemTerms {
        activation_id: activation_id.into(),
        state: LineItemState::Deployed,
        starts_at_ms: T0_MS - DAY_MS,
        ends_at_ms: None,
        copies: 1,
        product_name: "Suite".into(),
        product_version: "1.0".into(),
        entitlement_id: "ent-1".into(),
        features,
    }
}

/// A request that replaces what the host has; partial if said so.
pub(crate) fn ask(hosts: &[&str], features: &[WantedFeature]) -> FeatureRequest {
    let asker = Asker {
        host_ids: hosts.iter().map(|written| host(written)).collect(),
        host_name: None,
        host_type: None,
        dictionary: Default::default(),
    };
    FeatureRequest {
        asker: Arc::new(asker),
        is_virtual: false,
        operation: Operation::Request,
        features: features.to_vec(),
        incremental: false,
        partial: false,
        borrow_interval_ms: None,
        granularity: None,
        selectors: Default::default(),
    }
}

pub(crate) trait Asking {
    fn partial(self) -> Self;
    fn incremental(self) -> Self;
    fn report(self) -> Self;
    fn undo(self) -> Self;
    fn borrow_s(self, seconds: i64) -> Self;
    fn rounded(self, granularity: Granularity) -> Self;
    fn selecting(self, key: &str, value: &str) -> Self;
    fn saying(self, key: &str, value: &str) -> Self;
}

impl Asking for FeatureRequest {
    fn partial(self) -> Self {
        Self { partial: true, ..self }
    }

    fn incremental(self) -> Self {
        Self { incremental: true, ..self }
    }

    fn report(self) -> Self {
        Self { operation: Operation::Report, ..self }
    }

    fn undo(self) -> Self {
        Self { operation: Operation::Undo, ..self }
    }

    fn borrow_s(self, seconds: i64) -> Self {
        Self { borrow_interval_ms: Some(seconds * SECOND_MS), ..self }
    }

    fn rounded(self, granularity: Granularity) -> Self {
        Self { granularity: Some(granularity), ..self }
    }

    fn selecting(mut self, key: &str, value: &str) -> Self {
        self.selectors.insert(key.into(), value.into());
        self
    }

    fn saying(self, key: &str, value: &str) -> Self {
        let mut asker = (*self.asker).clone();
        asker.dictionary.entry(key.into()).or_default().push(value.into());
        Self { asker: Arc::new(asker), ..self }
    }
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self {
            now_ms: T0_MS,
            policies: Policies::default(),
            site: Site::default(),
            instance: Instance::default(),
            journal: Vec::new(),
            ids: 0,
        }
    }

    pub(crate) fn with(features: Vec<FeatureTerms>) -> Self {
        let mut shop = Self::new();
        shop.put(line("act-1", features));
        shop
    }

    /// Executes a command, and checks what must always hold.
    pub(crate) fn execute(&mut self, command: Command) -> Result<Reply, Refusal> {
        self.ids += 1 << 40;
        let mut records = Vec::new();
        let mut instance = std::mem::take(&mut self.instance);
        let reply = instance.execute(self.context(), command, &mut records);
        self.instance = instance;
        let bytes = Record::encode_all(&records);
        assert_eq!(Record::decode_all(&bytes).expect("what was encoded"), records);
        self.journal.extend(records);
        self.check();
        reply
    }

    fn context(&self) -> Context<'_> {
        Context {
            now_ms: self.now_ms,
            up_since_ms: 0,
            events_max: 8,
            first_id: Uuid::from_u128(self.ids),
            site: &self.site,
            policies: &self.policies,
        }
    }

    /// Nothing is oversold, and clients hold exactly what is in use.
    fn check(&self) {
        for stock in self.instance.features() {
            let used: u64 = stock.parts.iter().map(|part| part.in_use).sum();
            let there: u64 = stock.parts.iter().map(|part| part.count).sum();
            assert_eq!(stock.in_use, used);
            let is_uncounted = stock.terms().model == LicenseModel::Uncounted;
            assert!(is_uncounted || there >= stock.owned, "{stock:?}");
            if stock.terms().is_held() {
                let clients = self.instance.clients();
                let holds = clients.flat_map(|(_, client)| client.holds.iter());
                let held: u64 =
                    holds.filter(|hold| hold.feature == stock.id).map(|hold| hold.count).sum();
                assert_eq!(held, used, "what is in use is held by somebody: {stock:?}");
            }
        }
    }

    /// The journal folded again, and a snapshot read again, are the same instance.
    pub(crate) fn assert_kept(&mut self) {
        self.execute(Command::Tick).expect("a tick is never refused");
        let mut folded = Instance::default();
        self.journal.iter().for_each(|record| folded.fold(record));
        let restored = Instance::from_snapshot(&self.instance.to_snapshot()).expect("a snapshot");
        for mut other in [folded, restored] {
            // What nobody can undo any more is known to memory alone.
            let mut records = Vec::new();
            let _ = other.execute(self.context(), Command::Tick, &mut records);
            assert_eq!(records, [], "all that was due is done");
            assert_eq!(other.features(), self.instance.features());
            assert_eq!(other.feature_line_items(), self.instance.feature_line_items());
            let clients = |instance: &Instance| {
                instance.clients().map(|(id, client)| (id, client.clone())).collect::<Vec<_>>()
            };
            assert_eq!(clients(&other), clients(&self.instance));
            assert_eq!(other.wakes_at_ms(), self.instance.wakes_at_ms());
        }
    }

    pub(crate) fn put(&mut self, terms: FeatureLineItemTerms) {
        let reply = self.execute(Command::PutFeatureLineItem { terms, by: "test".into() });
        reply.expect("the line item is put");
    }

    pub(crate) fn model(&mut self, text: &str) {
        let reply = self.execute(Command::PutModel { text: text.into(), by: "test".into() });
        reply.expect("the model is put");
    }

    pub(crate) fn serve(&mut self, request: FeatureRequest) -> Arc<FeatureAnswer> {
        let command = Command::Serve { request: Box::new(request), key: None };
        let Ok(Reply::Served(answer)) = self.execute(command) else { panic!("it is served") };
        answer
    }

    pub(crate) fn preview(&mut self, request: FeatureRequest) -> Arc<FeatureAnswer> {
        let before = self.journal.len();
        let command = Command::PreviewServing { request: Box::new(request) };
        let Ok(Reply::Served(answer)) = self.execute(command) else { panic!("it is told") };
        assert_eq!(self.journal.len(), before, "a preview changes nothing");
        answer
    }

    pub(crate) fn later(&mut self, ms: i64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    pub(crate) fn tick(&mut self) {
        self.execute(Command::Tick).expect("a tick is never refused");
    }

    pub(crate) fn features(&self) -> Vec<FeatureView> {
        self.instance.features()
    }

    /// All that is in use of a feature.
    pub(crate) fn in_use(&self, name: &str) -> u64 {
        let features = self.features();
        features.iter().filter(|it| *it.terms().name == *name).map(|it| it.in_use).sum()
    }

    /// What is in use, is there and belongs there of the shared counts of a pool.
    pub(crate) fn pool(&self, name: &str, pool: &str) -> (u64, u64, u64) {
        let features = self.features();
        let of_name = features.iter().filter(|it| *it.terms().name == *name);
        let parts = of_name
            .flat_map(|it| &it.parts)
            .filter(|part| part.place.pool_name() == pool && part.place.reservation.is_none());
        parts.fold((0, 0, 0), |sum, part| {
            (sum.0 + part.in_use, sum.1 + part.count, sum.2 + part.target)
        })
    }

    pub(crate) fn clients(&mut self) -> Vec<ClientView> {
        let filter = ClientFilter { limit: 1_000, ..Default::default() };
        let reply = self.execute(Command::Query(Query::Clients(filter)));
        let Ok(Reply::Clients(clients)) = reply else { panic!("clients") };
        clients
    }
}

/// `name version count`, of all that a client has.
pub(crate) fn granted(answer: &FeatureAnswer) -> Vec<String> {
    let count = |count: FeatureCount| match count {
        FeatureCount::Counted(count) => count.to_string(),
        FeatureCount::Uncounted => "uncounted".to_owned(),
    };
    let line =
        |it: &licet_core::GrantedFeature| format!("{} {} {}", it.name, it.version, count(it.count));
    answer.features.iter().map(line).collect()
}

/// `name CODE`, of all that was not met.
pub(crate) fn statuses(answer: &FeatureAnswer) -> Vec<String> {
    let line = |it: &licet_core::FeatureOutcome| {
        format!("{} {}", it.name, it.status.expect("it was not met"))
    };
    answer.not_met.iter().map(line).collect()
}

/// When the only feature of an answer ends, milliseconds after [`T0_MS`].
pub(crate) fn ends_after_ms(answer: &FeatureAnswer) -> i64 {
    let [feature] = answer.features.as_slice() else { panic!("one feature: {answer:?}") };
    feature.expires_at_ms.expect("it ends") - T0_MS
}
