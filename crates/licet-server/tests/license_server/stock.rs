//! Features on the site's instance, and clients that take them.

use std::sync::Arc;

use licet_core::{
    Asker, Command, FeatureAnswer, FeatureCount, FeatureLineItemTerms, FeatureRequest,
    FeatureTerms, InstanceId, LicenseModel, LineItemState, Operation, Reply, WantedFeature,
    model::HostId,
};
use serde_json::Value;

use crate::{
    site::Site,
    support::{DAY_MS, START_MS},
};

pub(crate) const ONE: &str = "act-1";

/// A concurrent feature of version 1.0.
pub(crate) fn floating(name: &str, count: u64) -> FeatureTerms {
    FeatureTerms::plain(name, "1.0".parse().unwrap(), LicenseModel::Concurrent, count)
}

/// One copy, since a day before the start of the stories and permanent.
pub(crate) fn line(activation_id: &str, features: Vec<FeatureTerms>) -> FeatureLineItemTerms {
    FeatureLineItemTerms {
        activation_id: activation_id.into(),
        state: LineItemState::Deployed,
        starts_at_ms: START_MS - DAY_MS,
        ends_at_ms: None,
        copies: 1,
        product_name: "Suite".into(),
        product_version: "3.1".into(),
        entitlement_id: "ent-9".into(),
        features,
    }
}

/// A request that replaces what the first host, written as in models, holds; all or nothing.
pub(crate) fn ask(hosts: &[&str], wanted: &[(&str, u64)]) -> FeatureRequest {
    let asker = Asker {
        host_ids: hosts.iter().map(|host| HostId::from_written(host)).collect(),
        host_name: None,
        host_type: None,
        dictionary: Default::default(),
    };
    let want = |(name, count): &(&str, u64)| WantedFeature {
        name: (*name).into(),
        version: "1.0".parse().unwrap(),
        count: *count,
    };
    FeatureRequest {
        asker: Arc::new(asker),
        is_virtual: false,
        operation: Operation::Request,
        features: wanted.iter().map(want).collect(),
        incremental: false,
        partial: false,
        borrow_interval_ms: None,
        granularity: None,
        selectors: Default::default(),
    }
}

impl Site {
    /// A site whose instance has one line item with these features.
    pub(crate) async fn stocked(features: Vec<FeatureTerms>) -> Self {
        let site = Self::open().await;
        site.put(line(ONE, features)).await;
        site
    }

    pub(crate) async fn execute(&self, command: Command) -> Reply {
        let id = InstanceId(self.instance.parse().unwrap());
        self.office.server.app.engine.ask(id, command).await.unwrap()
    }

    pub(crate) async fn put(&self, terms: FeatureLineItemTerms) {
        self.execute(Command::PutFeatureLineItem { terms, by: "ada".into() }).await;
    }

    pub(crate) async fn serve(&self, request: FeatureRequest) -> Arc<FeatureAnswer> {
        let command = Command::Serve { request: Box::new(request), key: None };
        let Reply::Served(answer) = self.execute(command).await else { panic!("it is served") };
        answer
    }

    /// How many counts the hosts have after they asked for so many of one feature, all or none.
    pub(crate) async fn take(&self, hosts: &[&str], feature: &str, count: u64) -> u64 {
        let answer = self.serve(ask(hosts, &[(feature, count)])).await;
        let count = |count: FeatureCount| match count {
            FeatureCount::Counted(count) => count,
            FeatureCount::Uncounted => panic!("{feature} is not counted"),
        };
        answer.features.iter().map(|granted| count(granted.count)).sum()
    }

    /// What the administrator of the site reads there, however much time has passed.
    pub(crate) async fn read(&self, path: &str) -> Value {
        self.office.server.admin().get(&self.at(path)).await.value(200)
    }

    /// The features of the instance by their names, of which there must be one each.
    pub(crate) async fn feature(&self, name: &str) -> Value {
        let features = self.read("/features").await;
        let mut named = features.as_array().unwrap().iter().filter(|it| it["featureName"] == name);
        let feature = named.next().unwrap_or_else(|| panic!("no {name} in {features}"));
        assert!(named.next().is_none(), "several {name}");
        feature.clone()
    }
}

/// These fields of an object, in this order.
pub(crate) fn fields<const N: usize>(object: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| object[name].clone())
}
