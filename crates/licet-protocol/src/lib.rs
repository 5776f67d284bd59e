//! Wire types shared by server, SDK and command line.
//!
//! A file for each noun of the field. Requests are read with [`parse`], which checks size, nesting,
//! types and lengths and says where in the body something is wrong; what is left is a decision and
//! not made here. Numbers of tokens and counts never pass through a binary float, so requests are
//! read from bytes, not from a `serde_json::Value`.

mod object;

mod access_request;
mod account;
mod action;
mod audit;
mod body;
mod condition;
mod configuration;
mod feature;
mod feature_answer;
mod feature_line_item;
mod feature_request;
mod feature_version;
mod flag;
mod instance;
mod instance_rights;
mod instance_setting;
mod instance_user;
mod interval;
mod item_code;
mod jwk;
mod jws;
mod key;
mod license_server;
mod licensing_key;
pub mod limits;
mod line_item;
mod list;
mod model;
mod number;
mod pool;
mod problem;
mod producer_user;
mod rate_table;
mod reservation;
mod scalar;
#[cfg(test)]
mod schema_tests;
mod served_client;
mod server_id;
mod session;
mod signing_key;
mod summary;
mod text;
mod time;
mod usage;
mod user;
mod version;

pub use access_request::{
    AccessAnswer, AccessRequest, AccessRequests, Dictionary, ItemAnswer, ItemStatus,
    LineItemCharge, MetaData, RequestedItem, Requester, RequesterAnswer, SessionAccessRequest,
    Variables,
};
pub use account::{AccountOut, AccountPage};
pub use action::{
    ActionEffect, ActionIn, ActionOut, ActionsIn, LineItemActions, LineItemActionsPage,
};
pub use audit::{AuditEntry, AuditPage};
pub use body::{Malformed, parse};
pub use condition::{
    ConditionIn, ConditionOperator, ConditionOut, ConditionPart, ConditionTest, ConditionsIn,
};
pub use configuration::{ConfigurationChange, ConfigurationEntry, ConfigurationPatch};
pub use feature::{FeatureOut, FeatureShare, FeatureState, FeatureSummary};
pub use feature_answer::{
    End, FeatureAnswer, FeatureCountOut, FeatureGrant, FeatureStatus, FinalExpiry, LineItemInfoOut,
};
pub use feature_line_item::{
    FeatureEnd, FeatureLineItemIn, FeatureLineItemOut, FeatureLineItems, FeatureOverdraft,
    FeatureProduct, FeatureStart, LicenseModelKind, LineItemFeature, MeteredTerms,
};
pub use feature_request::{
    FeatureIn, FeatureRequest, GranularityKind, HostIdIn, OperationKind, SelectorMap,
};
pub use feature_version::FeatureVersion;
pub use instance::{InstanceDetail, InstanceIn, InstanceOut, InstancePage};
pub use instance_rights::{
    INSTANCE_RIGHTS_TYP, InstanceRights, RightsExportIn, RightsExportOut, RightsImportIn,
    RightsImported,
};
pub use instance_setting::{InstanceSetting, InstanceSettings, SettingValues};
pub use instance_user::{
    AdminPassword, InstanceRole, InstanceToken, InstanceUserIn, InstanceUserOut, InstanceUserPatch,
    InstanceUsers,
};
pub use interval::Interval;
pub use item_code::{describe, item_code, read_item_code};
pub use jwk::{JwkSet, KeyUse, PublicJwk, PublishedJwk};
pub use jws::{NotSigned, ProtectedHeader, SignedDocument, UnsignedDocument};
pub use key::{KeyIn, KeyOut, KeyPage, KeyType, KeysIn};
pub use license_server::{
    DatabaseHealth, HostIdOut, HostIds, LicenseServerHealth, LicenseServerStatus,
    LicenseServerVersion, ServerHealth,
};
pub use licensing_key::{LicensingKeyOut, LicensingKeys};
pub use line_item::{
    LineItemAttributes, LineItemIn, LineItemOut, LineItemState, OverdraftType, ResetFrequency,
};
pub use model::{ModelIn, ModelOut};
pub use number::{CountNumber, TokenNumber};
pub use pool::{PoolFeatureOut, PoolOut, Pools};
pub use problem::{ErrorText, ErrorTexts, Message, MessageTexts, Problem};
pub use producer_user::{ProducerUserIn, ProducerUserOut};
pub use rate_table::{PriceIn, RateItem, RateTableIn, RateTableOut};
pub use reservation::{
    ReservationEntryIn, ReservationEntryOut, ReservationGroupIn, ReservationGroupOut,
    ReservationGroups, ReservationIn, ReservationOut,
};
pub use scalar::Scalar;
pub use served_client::{
    ClientFeature, ClientHostId, ClientOut, HostFeature, HostKind, HostOut, ServedStatus,
};
pub use server_id::{NoInstanceId, ServerId};
pub use session::{
    SessionCreated, SessionDetail, SessionEvent, SessionIn, SessionItem, SessionListed,
    SessionState,
};
pub use signing_key::{
    SigningAlgorithm, SigningKeyIn, SigningKeyOut, SigningKeyState, SigningKeys,
};
pub use summary::{
    CalendarUnit, Denial, Denials, MeterOverview, MeterUsage, Overview, SUMMARY_COLUMNS, Summaries,
    Summary,
};
pub use text::{Name, SharedName, SharedText, Text};
pub use time::{Millis, Moment};
pub use usage::{
    Balance, Balances, ConsumerDay, Consumers, RollupRow, Rollups, USAGE_COLUMNS, UsageHeader,
    UsageLinks, UsageReport, UsageRow,
};
pub use user::{
    AuthorizeAnswer, AuthorizeRequest, Me, Password, PasswordChange, UserIn, UserOut, UserPage,
    UserPatch,
};
pub use version::ApiVersion;
