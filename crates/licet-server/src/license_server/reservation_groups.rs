//! Groups of reservations.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use licet_core::{
    Command, Query, Reply, Reservation, ReservationEntry, ReservationGroup, ReservationGroupDraft,
    ReservationGroupId, ReservationId, ReservationsView, Shortage,
    model::{DEFAULT_POOL, HostId, Version},
};
use licet_protocol::{
    FeatureVersion, HostIdOut, Moment, ReservationEntryIn, ReservationEntryOut, ReservationGroupIn,
    ReservationGroupOut, ReservationGroups, ReservationIn, ReservationOut,
};
use utoipa_axum::routes;

use super::{LicenseServer, Operations, numbered::Numbered};
use crate::{
    App, Problem,
    answer::unexpected,
    extract::JsonBody,
    operations::{ChangeProblems, ReadProblems},
    security::perm,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list, post), routes!(get, delete)]
}

/// What an id that is none is told to be missing.
const GROUP: &str = "reservation group";

/// List the groups of reservations in the order in which they were posted.
#[utoipa::path(
    get, path = "/reservationgroups", operation_id = "listReservationGroups",
    tag = "reservations",
    responses((status = 200, description = "The groups", body = ReservationGroups), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::ReservationsRead>,
) -> Result<Json<ReservationGroups>, Problem> {
    let as_of = Moment(app.now_ms());
    let ReservationsView { groups, disabled } = read(&app, &server).await?;
    let groups = groups.iter().map(|group| wire(group, &disabled)).collect();
    Ok(Json(ReservationGroups { as_of, groups }))
}

/// Post a group of reservations, whole or not at all.
///
/// All counts must be there beside what other groups keep; what is in use of them comes to the
/// reservation when it comes home. A device or user can have one reservation on the instance. To
/// change a group, delete it and post it anew.
#[utoipa::path(
    post, path = "/reservationgroups", operation_id = "postReservationGroup",
    tag = "reservations",
    request_body = ReservationGroupIn,
    responses(
        (status = 201, description = "The group", body = ReservationGroupOut),
        (status = 409, description = "There is a group of that name, or there are too few counts",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn post(
    State(app): State<App>,
    server: LicenseServer<perm::ReservationsWrite>,
    JsonBody(group): JsonBody<ReservationGroupIn>,
) -> Result<(StatusCode, Json<ReservationGroupOut>), Problem> {
    let complaints: Vec<_> = group.complaints().iter().map(ToString::to_string).collect();
    if !complaints.is_empty() {
        return Err(Problem::validation(complaints));
    }
    let command = Command::PostReservationGroup { draft: draft(group)?, by: server.by() };
    match server.ask(&app, command).await? {
        Reply::ReservationGroupPosted(group) => {
            Ok((StatusCode::CREATED, Json(wire(&group, &HashMap::new()))))
        }
        _ => Err(unexpected()),
    }
}

/// Show a group of reservations, as it can be posted again.
#[utoipa::path(
    get, path = "/reservationgroups/{id}", operation_id = "getReservationGroup",
    tag = "reservations",
    params(("id" = u64, Path, description = "Number of the group", example = 3)),
    responses(
        (status = 200, description = "The group", body = ReservationGroupOut),
        (status = 404, description = "There is no such group",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn get(
    State(app): State<App>,
    server: LicenseServer<perm::ReservationsRead>,
    id: Numbered,
) -> Result<Json<ReservationGroupOut>, Problem> {
    let id = ReservationGroupId(id.of(GROUP)?);
    let ReservationsView { groups, disabled } = read(&app, &server).await?;
    let group = groups.iter().find(|group| group.id == id);
    let group = group.ok_or_else(|| Problem::not_found(GROUP))?;
    Ok(Json(wire(group, &disabled)))
}

/// Delete a group of reservations; what it kept is free for all.
#[utoipa::path(
    delete, path = "/reservationgroups/{id}", operation_id = "deleteReservationGroup",
    tag = "reservations",
    params(("id" = u64, Path, description = "Number of the group", example = 3)),
    responses(
        (status = 204, description = "The group is gone"),
        (status = 404, description = "There is no such group",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn delete(
    State(app): State<App>,
    server: LicenseServer<perm::ReservationsWrite>,
    id: Numbered,
) -> Result<StatusCode, Problem> {
    let id = ReservationGroupId(id.of(GROUP)?);
    server.ask(&app, Command::DeleteReservationGroup { id, by: server.by() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read(
    app: &App,
    server: &LicenseServer<perm::ReservationsRead>,
) -> Result<ReservationsView, Problem> {
    match server.ask(app, Command::Query(Query::Reservations)).await? {
        Reply::Reservations(view) => Ok(*view),
        _ => Err(unexpected()),
    }
}

/// What a group that has no mistakes is to the core.
fn draft(group: ReservationGroupIn) -> Result<ReservationGroupDraft, Problem> {
    let reservations = group.reservations.into_iter().map(reservation);
    Ok(ReservationGroupDraft {
        name: group.name.map(|name| name.as_str().into()),
        reservations: reservations.collect::<Result<_, _>>()?,
    })
}

fn reservation(
    ReservationIn { host_id, reservation_entries }: ReservationIn,
) -> Result<(HostId, Vec<ReservationEntry>), Problem> {
    let host = HostId::new(&host_id.value, &host_id.kind);
    let entries = reservation_entries.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok((host, entries))
}

fn entry(entry: ReservationEntryIn) -> Result<ReservationEntry, Problem> {
    let version = entry.feature_version.parse::<Version>();
    let count = u64::try_from(entry.feature_count);
    Ok(ReservationEntry {
        feature: entry.feature_name.as_str().into(),
        version: version.map_err(|error| Problem::internal(&error))?,
        count: count.map_err(|error| Problem::internal(&error))?,
        pool: pool(entry.pool.as_deref()),
    })
}

/// A pool as places have it.
fn pool(name: Option<&str>) -> Option<Arc<str>> {
    name.filter(|name| *name != DEFAULT_POOL).map(Arc::from)
}

fn wire(
    group: &ReservationGroup,
    disabled: &HashMap<ReservationId, Shortage>,
) -> ReservationGroupOut {
    let reservation = |reservation: &Reservation| ReservationOut {
        id: reservation.id.0,
        host_id: HostIdOut {
            kind: reservation.host.kind().to_owned(),
            value: reservation.host.value().to_owned(),
        },
        disabled: disabled.contains_key(&reservation.id),
        reason: disabled.get(&reservation.id).map(ToString::to_string),
        reservation_entries: reservation.entries.iter().map(wire_entry).collect(),
    };
    ReservationGroupOut {
        id: group.id.0,
        name: group.name.to_string(),
        created: Moment(group.created_ms),
        reservations: group.reservations.iter().map(reservation).collect(),
    }
}

fn wire_entry(entry: &ReservationEntry) -> ReservationEntryOut {
    ReservationEntryOut {
        feature_name: entry.feature.to_string(),
        feature_version: FeatureVersion(entry.version),
        feature_count: entry.count,
        pool: entry.pool.as_deref().map(str::to_owned),
    }
}
