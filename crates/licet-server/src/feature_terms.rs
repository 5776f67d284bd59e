//! Terms of line items of features, on the wire and in decisions.

use std::sync::Arc;

use licet_core::{
    CountOverdraft, FeatureLineItem, FeatureLineItemTerms, FeatureTerms, LicenseModel, Metered,
};
use licet_protocol::{
    FeatureEnd, FeatureLineItemIn, FeatureLineItemOut, FeatureOverdraft, FeatureProduct,
    FeatureStart, FeatureVersion, Interval, LicenseModelKind, LineItemFeature, MeteredTerms,
    Moment, SelectorMap, SharedName, SharedText,
};

use crate::{Problem, line_item_state};

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
