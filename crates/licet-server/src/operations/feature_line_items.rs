//! Line items of features: what an instance is entitled to serve.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use licet_core::{
    Command, CountOverdraft, FeatureLineItem, FeatureLineItemTerms, FeatureTerms, InstanceId,
    LicenseModel, Metered, Query, Reply,
};
use licet_protocol::{
    FeatureEnd, FeatureLineItemIn, FeatureLineItemOut, FeatureLineItems, FeatureOverdraft,
    FeatureProduct, FeatureStart, FeatureVersion, Interval, LicenseModelKind, LineItemFeature,
    MeteredTerms, Moment, SelectorMap, ServerId, SharedName, SharedText, limits::TEXT_CHARS,
};
use serde::Deserialize;

use super::responses::{ChangeProblems, ReadProblems};
use crate::{
    App, Problem, answer,
    extract::JsonBody,
    line_item_state, rights,
    security::{Authorized, Principal, perm},
};

/// `{instanceId}`, and `{activationId}` where the path has it.
pub(super) struct LineItemAt {
    instance: InstanceId,
    activation_id: Arc<str>,
}

impl<S: Send + Sync> FromRequestParts<S> for LineItemAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Segments {
            instance_id: String,
            #[serde(default)]
            activation_id: String,
        }
        let segments = Path::<Segments>::from_request_parts(parts, state).await;
        let Ok(Path(segments)) = segments else { return Err(Problem::not_found("line item")) };
        // What is no id is the id of nothing.
        let ServerId(id) =
            segments.instance_id.parse().map_err(|_| Problem::not_found("instance"))?;
        Ok(Self { instance: InstanceId(id), activation_id: segments.activation_id.into() })
    }
}

/// List the line items of features of an instance, by activation ID.
#[utoipa::path(
    get,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items",
    operation_id = "listFeatureLineItems",
    tag = "feature line items",
    params(("instanceId" = String, Path, description = "The UUID, or its short form")),
    responses(
        (status = 200, description = "The line items", body = FeatureLineItems),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesRead>,
    at: LineItemAt,
) -> Result<Json<FeatureLineItems>, Problem> {
    let as_of = Moment(app.now_ms());
    match app.ask(&caller, at.instance, Command::Query(Query::FeatureLineItems)).await? {
        Reply::FeatureLineItems(lines) => {
            Ok(Json(FeatureLineItems { as_of, line_items: lines.iter().map(wire).collect() }))
        }
        _ => Err(answer::unexpected()),
    }
}

/// Show a line item of features.
#[utoipa::path(
    get,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items/{activationId}",
    operation_id = "getFeatureLineItem",
    tag = "feature line items",
    params(
        ("instanceId" = String, Path, description = "The UUID, or its short form"),
        ("activationId" = String, Path, description = "Key of the line item", example = "act-1"),
    ),
    responses(
        (status = 200, description = "The line item", body = FeatureLineItemOut),
        (status = 404, description = "There is no such line item",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesRead>,
    at: LineItemAt,
) -> Result<Json<FeatureLineItemOut>, Problem> {
    let query = Query::FeatureLineItem(at.activation_id);
    match app.ask(&caller, at.instance, Command::Query(query)).await? {
        Reply::FeatureLineItem(line) => Ok(Json(wire(&line))),
        _ => Err(answer::unexpected()),
    }
}

/// Put a line item of features in place of the one with its activation ID, or add it.
///
/// What is in use stays in use: where less is owned than before, clients keep what they hold until
/// they renew, or their leases end.
#[utoipa::path(
    put,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items/{activationId}",
    operation_id = "putFeatureLineItem",
    tag = "feature line items",
    params(
        ("instanceId" = String, Path, description = "The UUID, or its short form"),
        ("activationId" = String, Path, description = "Key of the line item", example = "act-1"),
    ),
    request_body = FeatureLineItemIn,
    responses(
        (status = 200, description = "Replaced", body = FeatureLineItemOut),
        (status = 201, description = "Added", body = FeatureLineItemOut),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The line item is OBSOLETE, which is final; or this is a \
            local licence server, where rights come with signed files",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn put(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesWrite>,
    at: LineItemAt,
    JsonBody(line_item): JsonBody<FeatureLineItemIn>,
) -> Result<(StatusCode, Json<FeatureLineItemOut>), Problem> {
    let chars = at.activation_id.chars();
    if chars.clone().count() > TEXT_CHARS || chars.clone().any(char::is_control) {
        let what = "must have 1 to 256 characters, none of them a control character";
        return Err(Problem::invalid("activationId", what));
    }
    check_kept_here(&app, &caller, at.instance).await?;
    let terms = terms(at.activation_id, line_item)?;
    let by = caller.name.as_str().into();
    let command = Command::PutFeatureLineItem { terms, by };
    match app.ask(&caller, at.instance, command).await? {
        Reply::FeatureLineItemPut { line_item, is_new } => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(wire(&line_item))))
        }
        _ => Err(answer::unexpected()),
    }
}

/// Delete an OBSOLETE line item of features.
#[utoipa::path(
    delete,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items/{activationId}",
    operation_id = "deleteFeatureLineItem",
    tag = "feature line items",
    params(
        ("instanceId" = String, Path, description = "The UUID, or its short form"),
        ("activationId" = String, Path, description = "Key of the line item", example = "act-1"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such line item",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The line item is not OBSOLETE; or this is a local licence \
            server, where rights come with signed files",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesWrite>,
    at: LineItemAt,
) -> Result<StatusCode, Problem> {
    check_kept_here(&app, &caller, at.instance).await?;
    let (activation_id, by) = (at.activation_id, caller.name.as_str().into());
    app.ask(&caller, at.instance, Command::DeleteFeatureLineItem { activation_id, by }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// On a local licence server line items come with signed rights alone.
async fn check_kept_here(app: &App, caller: &Principal, id: InstanceId) -> Result<(), Problem> {
    let instance = app.instance(caller, id).await?;
    match app.local_instance.is(InstanceId(instance.id)) {
        true => Err(rights::comes_from_documents()),
        false => Ok(()),
    }
}

/// The core's terms of a line item.
///
/// # Errors
/// 400 if a feature has what does not belong to its model.
pub(crate) fn terms(
    activation_id: Arc<str>,
    line_item: FeatureLineItemIn,
) -> Result<FeatureLineItemTerms, Problem> {
    let complaints: Vec<String> = line_item.features.iter().zip(0..).flat_map(complaints).collect();
    if !complaints.is_empty() {
        return Err(Problem::validation(complaints));
    }
    let product = line_item.product.unwrap_or_default();
    Ok(FeatureLineItemTerms {
        activation_id,
        state: line_item_state::from_wire(line_item.state),
        starts_at_ms: line_item.start.0,
        ends_at_ms: line_item.end.0,
        copies: line_item.copies,
        product_name: product.name.0,
        product_version: text(product.version),
        entitlement_id: text(line_item.entitlement_id),
        features: line_item.features.into_iter().map(feature).collect(),
    })
}

/// What of a feature does not belong to its model.
fn complaints((feature, index): (&LineItemFeature, usize)) -> Vec<String> {
    let is_metered = feature.model == LicenseModelKind::Metered;
    let is_uncounted = feature.model == LicenseModelKind::Uncounted;
    let mut complaints = Vec::new();
    let mut complain = |is_wrong: bool, member: &str, what: &str| {
        if is_wrong {
            complaints.push(format!("$.features[{index}].{member}: {what}"));
        }
    };
    complain(
        feature.metered.is_some() && !is_metered,
        "metered",
        "belongs to the model METERED alone; leave it out, or change the model",
    );
    complain(
        feature.overdraft != FeatureOverdraft::None && (is_metered || is_uncounted),
        "overdraft",
        "belongs to features that are held; of a metered one it stands in metered.overdraft",
    );
    complain(
        feature.count.is_some_and(|count| count > 0) && is_uncounted,
        "count",
        "belongs to features that are counted; leave it out, or change the model",
    );
    let metered = feature.metered.as_ref();
    let is_unlimited = metered.is_some_and(|it| it.overdraft == FeatureOverdraft::Unlimited);
    complain(
        feature.count.is_none() && !is_uncounted && !is_unlimited,
        "count",
        "is missing; say how many are owned, 0 for none",
    );
    complaints
}

fn text(text: Option<SharedText>) -> Arc<str> {
    text.map_or_else(|| "".into(), |text| text.0)
}

fn feature(feature: LineItemFeature) -> FeatureTerms {
    let metered = feature.metered.unwrap_or_default();
    let undo_interval_ms = metered.undo_interval.map_or(0, |interval| interval.0);
    let (model, overdraft) = match feature.model {
        LicenseModelKind::Concurrent => (LicenseModel::Concurrent, feature.overdraft),
        LicenseModelKind::NodeLocked => (LicenseModel::NodeLocked, feature.overdraft),
        LicenseModelKind::Uncounted => (LicenseModel::Uncounted, FeatureOverdraft::None),
        LicenseModelKind::Metered => {
            let reusable = metered.reusable;
            (LicenseModel::Metered(Metered { reusable, undo_interval_ms }), metered.overdraft)
        }
    };
    FeatureTerms {
        name: feature.name.0,
        version: feature.version.0,
        model,
        count: feature.count.unwrap_or(0),
        overdraft: overdraft_in(overdraft),
        borrow_interval_ms: feature.borrow_interval.map(|it| it.0).filter(|it| *it > 0),
        renew_percent: feature.renew_percent,
        grace_ms: feature.grace.map_or(0, |grace| grace.0),
        vendor_string: text(feature.vendor_string),
        serial_number: text(feature.serial_number),
        issuer: text(feature.issuer),
        notice: text(feature.notice),
        selectors: feature.selectors.unwrap_or_default().0,
    }
}

fn overdraft_in(overdraft: FeatureOverdraft) -> CountOverdraft {
    match overdraft {
        FeatureOverdraft::None => CountOverdraft::None,
        FeatureOverdraft::Count(count) => CountOverdraft::Count(count),
        FeatureOverdraft::Percent(percent) => CountOverdraft::Percent(percent),
        FeatureOverdraft::Unlimited => CountOverdraft::Unlimited,
    }
}

fn overdraft_out(overdraft: CountOverdraft) -> FeatureOverdraft {
    match overdraft {
        CountOverdraft::None => FeatureOverdraft::None,
        CountOverdraft::Count(count) => FeatureOverdraft::Count(count),
        CountOverdraft::Percent(percent) => FeatureOverdraft::Percent(percent),
        CountOverdraft::Unlimited => FeatureOverdraft::Unlimited,
    }
}

/// A line item as it is shown.
pub(crate) fn wire(line: &FeatureLineItem) -> FeatureLineItemOut {
    let terms = &line.terms;
    FeatureLineItemOut {
        activation_id: terms.activation_id.to_string(),
        line_item: FeatureLineItemIn {
            state: line_item_state::to_wire(terms.state),
            start: FeatureStart(terms.starts_at_ms),
            end: FeatureEnd(terms.ends_at_ms),
            copies: terms.copies,
            product: Some(FeatureProduct {
                name: shared(&terms.product_name),
                version: Some(shared(&terms.product_version)),
            }),
            entitlement_id: Some(shared(&terms.entitlement_id)),
            features: terms.features.iter().map(feature_out).collect(),
        },
        created: Moment(line.created_ms),
        modified: Moment(line.modified_ms),
    }
}

fn feature_out(terms: &FeatureTerms) -> LineItemFeature {
    let (model, metered) = match terms.model {
        LicenseModel::Concurrent => (LicenseModelKind::Concurrent, None),
        LicenseModel::NodeLocked => (LicenseModelKind::NodeLocked, None),
        LicenseModel::Uncounted => (LicenseModelKind::Uncounted, None),
        LicenseModel::Metered(Metered { reusable, undo_interval_ms }) => {
            let undo_interval = (undo_interval_ms > 0).then_some(Interval(undo_interval_ms));
            let overdraft = overdraft_out(terms.overdraft);
            (LicenseModelKind::Metered, Some(MeteredTerms { reusable, undo_interval, overdraft }))
        }
    };
    let overdraft = match &metered {
        Some(_) => FeatureOverdraft::None,
        None => overdraft_out(terms.overdraft),
    };
    let given = |text: &Arc<str>| (!text.is_empty()).then(|| shared(text));
    let selectors = (!terms.selectors.is_empty()).then(|| SelectorMap(terms.selectors.clone()));
    LineItemFeature {
        name: SharedName::from(&*terms.name),
        version: FeatureVersion(terms.version),
        model,
        count: Some(terms.count),
        overdraft,
        borrow_interval: terms.borrow_interval_ms.map(Interval),
        renew_percent: terms.renew_percent,
        grace: (terms.grace_ms > 0).then_some(Interval(terms.grace_ms)),
        vendor_string: given(&terms.vendor_string),
        serial_number: given(&terms.serial_number),
        issuer: given(&terms.issuer),
        notice: given(&terms.notice),
        selectors,
        metered,
    }
}

fn shared(text: &Arc<str>) -> SharedText {
    SharedText::from(&**text)
}
