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
mod instance;
mod item_code;
mod key;
pub mod limits;
mod line_item;
mod list;
mod number;
mod problem;
mod rate_table;
mod scalar;
#[cfg(test)]
mod schema_tests;
mod server_id;
mod session;
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
pub use instance::{InstanceDetail, InstanceIn, InstanceOut, InstancePage};
pub use item_code::{describe, item_code, read_item_code};
pub use key::{KeyIn, KeyOut, KeyPage, KeyType, KeysIn};
pub use line_item::{
    LineItemAttributes, LineItemIn, LineItemOut, LineItemState, OverdraftType, ResetFrequency,
};
pub use number::{CountNumber, TokenNumber};
pub use problem::{ErrorText, ErrorTexts, Message, MessageTexts, Problem};
pub use rate_table::{PriceIn, RateItem, RateTableIn, RateTableOut};
pub use scalar::Scalar;
pub use server_id::{NoInstanceId, ServerId};
pub use session::{
    SessionCreated, SessionDetail, SessionEvent, SessionIn, SessionItem, SessionListed,
    SessionState,
};
pub use summary::{
    CalendarUnit, Denial, Denials, MeterOverview, MeterUsage, Overview, SUMMARY_COLUMNS, Summaries,
    Summary,
};
pub use text::{Name, SharedName, SharedText, Text};
pub use time::Millis;
pub use usage::{
    Balance, Balances, ConsumerDay, Consumers, RollupRow, Rollups, USAGE_COLUMNS, UsageHeader,
    UsageLinks, UsageReport, UsageRow,
};
pub use user::{
    AuthorizeAnswer, AuthorizeRequest, Me, Password, PasswordChange, UserIn, UserOut, UserPage,
    UserPatch,
};
pub use version::ApiVersion;
