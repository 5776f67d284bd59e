//! Pools of the instance with what is in them.

use axum::{Json, extract::State};
use licet_core::{Command, FeaturePart, FeatureView, Place, PoolView, Query, Reply};
use licet_protocol::{FeatureCountOut, FeatureVersion, Moment, PoolFeatureOut, PoolOut, Pools};
use utoipa_axum::routes;

use super::{LicenseServer, Operations, features::counted};
use crate::{App, Problem, answer::unexpected, operations::ReadProblems, security::perm};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list)]
}

/// List the pools with what is in them.
///
/// Those of the model in its order, then those that it does not define any more and that drain,
/// `default` last. The last one is always there.
#[utoipa::path(
    get, path = "/pools", operation_id = "listPools", tag = "named pools",
    responses((status = 200, description = "The pools", body = Pools), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::ModelsRead>,
) -> Result<Json<Pools>, Problem> {
    let now_ms = app.now_ms();
    match server.ask(&app, Command::Query(Query::Pools)).await? {
        Reply::Pools(pools) => {
            let pools = pools.iter().map(|pool| wire(pool, now_ms)).collect();
            Ok(Json(Pools { as_of: Moment(now_ms), pools }))
        }
        _ => Err(unexpected()),
    }
}

fn wire(pool: &PoolView, now_ms: i64) -> PoolOut {
    PoolOut {
        pool: Place::shared(pool.name.clone()).pool_name().to_owned(),
        draining: pool.is_draining,
        features: pool.features.iter().map(|feature| wire_feature(feature, now_ms)).collect(),
    }
}

fn wire_feature(feature: &FeatureView, now_ms: i64) -> PoolFeatureOut {
    let sum = |of: fn(&FeaturePart) -> u64| feature.parts.iter().map(of).sum::<u64>();
    let free = |part: &FeaturePart| match part.place.reservation {
        Some(_) => 0,
        None => part.count.saturating_sub(part.in_use),
    };
    let reserved = |part: &FeaturePart| part.place.reservation.map_or(0, |_| part.target);
    let is_served = feature.is_served(now_ms);
    PoolFeatureOut {
        feature_name: feature.terms().name.to_string(),
        feature_version: FeatureVersion(feature.terms().version),
        target: counted(feature, sum(|part| part.target)),
        count: counted(feature, sum(|part| part.count)),
        reserved: sum(reserved),
        used: sum(|part| part.in_use),
        available: if is_served {
            counted(feature, sum(free))
        } else {
            FeatureCountOut::Counted(0)
        },
        activation_id: feature.line.activation_id.to_string(),
    }
}
