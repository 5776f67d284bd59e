//! The published schemas hang together.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::OpenApi;

use crate::*;

#[derive(OpenApi)]
#[openapi(components(schemas(
    AccessRequests,
    SessionAccessRequest,
    AccessAnswer,
    ActionsIn,
    LineItemActionsPage,
    AccountPage,
    AuditPage,
    Balances,
    Consumers,
    InstanceDetail,
    InstanceRights,
    RightsExportIn,
    RightsExportOut,
    RightsImportIn,
    RightsImported,
    InstanceSettings,
    SettingValues,
    AdminPassword,
    InstanceToken,
    InstanceUserIn,
    InstanceUserPatch,
    InstanceUsers,
    LicenseServerHealth,
    LicenseServerStatus,
    LicenseServerVersion,
    HostIds,
    FeatureOut,
    FeatureSummary,
    ClientOut,
    HostOut,
    ReservationGroupIn,
    ReservationGroups,
    ModelIn,
    ModelOut,
    Pools,
    LicensingKeys,
    ProducerUserIn,
    ProducerUserOut,
    Me,
    PasswordChange,
    ConditionsIn,
    ConditionOut,
    ConfigurationEntry,
    ConfigurationPatch,
    InstanceIn,
    InstancePage,
    KeysIn,
    KeyPage,
    LineItemIn,
    LineItemOut,
    RateTableIn,
    RateTableOut,
    Rollups,
    SessionCreated,
    SessionDetail,
    SessionEvent,
    SessionIn,
    SessionListed,
    JwkSet,
    SignedDocument,
    SigningKeyIn,
    SigningKeys,
    UsageReport,
    AuthorizeAnswer,
    AuthorizeRequest,
    UserPatch,
    UserIn,
    UserPage,
    Problem,
    Message,
    MessageTexts,
    ErrorText,
    ErrorTexts,
)))]
struct Document;

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference);
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(Document::openapi()).expect("it is JSON");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn what_may_be_left_out_is_not_required() {
    let document = serde_json::to_value(Document::openapi()).expect("it is JSON");
    let required = |name: &str| {
        let fields = &document["components"]["schemas"][name]["required"];
        fields.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
    };
    assert_eq!(required("RequestedItem"), ["item", "count"]);
    assert_eq!(required("Requester"), ["type", "value"]);
    assert_eq!(required("SessionAccessRequest"), ["requester", "rollbackOnDeny", "requestedItems"]);
    assert_eq!(required("LineItemIn"), ["activationId", "state", "quantity", "start", "end"]);
    assert_eq!(required("RateTableIn"), ["effectiveFrom", "items"]);
    assert_eq!(required("ConditionIn"), Vec::<&str>::new());
    assert_eq!(required("ActionIn"), ["name", "action"]);
}
