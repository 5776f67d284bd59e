//! Features of the instance, and their sums.

use axum::extract::State;
use licet_core::{
    Command, CountOverdraft, FeaturePart, FeatureView, LicenseModel, LineItemState, Query, Reply,
};
use licet_protocol::{
    End, FeatureCountOut, FeatureOut, FeatureOverdraft, FeatureShare, FeatureState, FeatureSummary,
    FeatureVersion, LicenseModelKind, Moment,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{LicenseServer, Operations, bare_list::BareList};
use crate::{
    App, Problem, answer::unexpected, extract::Params, operations::ReadProblems, security::perm,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list), routes!(summaries)]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FeatureParameters {
    /// Whether to leave out those that are not deployed, have not started or are past their end.
    #[serde(default)]
    #[param(required = false, default = false)]
    active_only: bool,
}

/// List the features of the instance, one for each feature of a line item.
///
/// By name, then in the order in which they are served: lower versions first, of one version those
/// that end first. A feature that has expired stays listed until its line item is put without it or
/// deleted; `activeOnly=true` leaves it out.
#[utoipa::path(
    get, path = "/features", operation_id = "listFeatures", tag = "features",
    params(FeatureParameters),
    responses(
        (status = 200, description = "The features", body = Vec<FeatureOut>,
            headers(("X-As-Of" = String, description = "When they were read"))),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::FeaturesRead>,
    Params(parameters): Params<FeatureParameters>,
) -> Result<BareList<FeatureOut>, Problem> {
    let now_ms = app.now_ms();
    let features = read(&app, &server).await?;
    let is_wanted = |feature: &&FeatureView| !parameters.active_only || feature.is_active(now_ms);
    let features = features.iter().filter(is_wanted);
    Ok(BareList::new(now_ms, features.map(|feature| wire(feature, now_ms)).collect()))
}

/// Sum up the features of the instance by name and version.
///
/// What is in use counts, whatever its feature is; of what is owned, features that can be served
/// now.
#[utoipa::path(
    get, path = "/features/summaries", operation_id = "listFeatureSummaries", tag = "features",
    responses(
        (status = 200, description = "The sums by name and version", body = Vec<FeatureSummary>,
            headers(("X-As-Of" = String, description = "When they were read"))),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn summaries(
    State(app): State<App>,
    server: LicenseServer<perm::FeaturesRead>,
) -> Result<BareList<FeatureSummary>, Problem> {
    let now_ms = app.now_ms();
    let features = read(&app, &server).await?;
    // Features of one name and version stand together.
    let groups = features.chunk_by(|a, b| {
        a.terms().name == b.terms().name && a.terms().version == b.terms().version
    });
    Ok(BareList::new(now_ms, groups.map(|group| summary(group, now_ms)).collect()))
}

async fn read(
    app: &App,
    server: &LicenseServer<perm::FeaturesRead>,
) -> Result<Vec<FeatureView>, Problem> {
    match server.ask(app, Command::Query(Query::Features)).await? {
        Reply::Features(features) => Ok(features),
        _ => Err(unexpected()),
    }
}

fn wire(feature: &FeatureView, now_ms: i64) -> FeatureOut {
    let (terms, line) = (feature.terms(), &feature.line);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let selectors = terms.selectors.iter();
    FeatureOut {
        feature_id: feature.id.0,
        feature_name: terms.name.to_string(),
        feature_version: FeatureVersion(terms.version),
        feature_count: counted(feature, feature.owned),
        used: feature.in_use,
        available: available(feature, now_ms),
        overdraft: overdraft(feature),
        overage: feature.overage,
        kind: kind(terms.model),
        start_date: Moment(line.starts_at_ms),
        expiration: End(line.ends_at_ms),
        grace_until: line.served_until_ms(terms).filter(|_| terms.grace_ms > 0).map(Moment),
        active: feature.is_active(now_ms),
        vendor_string: text(&terms.vendor_string),
        serial_number: text(&terms.serial_number),
        issuer: text(&terms.issuer),
        notice: text(&terms.notice),
        selectors: selectors.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        activation_id: line.activation_id.to_string(),
        entitlement_id: line.entitlement_id.to_string(),
        product_name: line.product_name.to_string(),
        product_version: line.product_version.to_string(),
        state: state(feature),
        pools: feature.parts.iter().map(|part| share(feature, part)).collect(),
    }
}

fn share(feature: &FeatureView, part: &FeaturePart) -> FeatureShare {
    FeatureShare {
        pool: part.place.pool_name().to_owned(),
        reservation_id: part.place.reservation.map(|id| id.0),
        target: counted(feature, part.target),
        count: counted(feature, part.count),
        used: part.in_use,
    }
}

/// A count of a feature, where it is counted.
pub(super) fn counted(feature: &FeatureView, count: u64) -> FeatureCountOut {
    if feature.is_uncounted() {
        FeatureCountOut::Uncounted
    } else {
        FeatureCountOut::Counted(count)
    }
}

/// What can still be served of what is owned.
fn available(feature: &FeatureView, now_ms: i64) -> FeatureCountOut {
    match feature.is_served(now_ms) {
        true => counted(feature, feature.owned.saturating_sub(feature.in_use)),
        false => FeatureCountOut::Counted(0),
    }
}

fn overdraft(feature: &FeatureView) -> FeatureOverdraft {
    let is_unlimited = feature.terms().overdraft == CountOverdraft::Unlimited;
    if is_unlimited && feature.is_deployed() && !feature.is_uncounted() {
        return FeatureOverdraft::Unlimited;
    }
    FeatureOverdraft::Count(feature.overdraft)
}

fn kind(model: LicenseModel) -> LicenseModelKind {
    match model {
        LicenseModel::Concurrent => LicenseModelKind::Concurrent,
        LicenseModel::NodeLocked => LicenseModelKind::NodeLocked,
        LicenseModel::Uncounted => LicenseModelKind::Uncounted,
        LicenseModel::Metered(_) => LicenseModelKind::Metered,
    }
}

fn state(feature: &FeatureView) -> FeatureState {
    match feature.line.state {
        _ if feature.is_gone => FeatureState::Removed,
        LineItemState::Deployed => FeatureState::Deployed,
        LineItemState::Inactive => FeatureState::Inactive,
        LineItemState::Obsolete => FeatureState::Obsolete,
    }
}

/// The sum of features of one name and version, of which there is at least one.
fn summary(features: &[FeatureView], now_ms: i64) -> FeatureSummary {
    let terms = features[0].terms();
    let served = || features.iter().filter(|feature| feature.is_served(now_ms));
    let sum = |counts: &mut dyn Iterator<Item = FeatureCountOut>| {
        counts.fold(FeatureCountOut::Counted(0), FeatureCountOut::plus)
    };
    // What is permanent ends after all else.
    let ends = || served().map(|feature| feature.line.ends_at_ms);
    let order = |ends_at_ms: &Option<i64>| ends_at_ms.unwrap_or(i64::MAX);
    FeatureSummary {
        feature: terms.name.to_string(),
        version: FeatureVersion(terms.version),
        total_count: sum(&mut served().map(|feature| counted(feature, feature.owned))),
        total_used: features.iter().map(|feature| feature.in_use).fold(0, u64::saturating_add),
        total_available: sum(&mut served().map(|feature| available(feature, now_ms))),
        first_expiration: ends().min_by_key(order).map(End),
        last_expiration: ends().max_by_key(order).map(End),
    }
}
