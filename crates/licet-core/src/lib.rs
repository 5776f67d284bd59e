//! The domain of licet as plain data and pure functions: what is asked, what is held, what is
//! decided.
//!
//! Nothing here reads a clock, draws a random number, does I/O or awaits, and nothing knows JSON,
//! HTTP or SQL. The same state, command and time give the same decision.
//!
//! The way through the crate: a [`Command`] comes to an [`Instance`], which answers with a
//! [`Reply`] and the [`Record`]s of what changed; folding the records into an empty instance
//! gives the same state again.

mod access_request;
mod answer;
mod bill;
mod charge;
mod command;
mod draft;
mod feature;
mod feature_answer;
mod feature_request;
mod fixed;
pub mod formula;
mod ids;
mod instance;
mod lease;
mod line_item;
pub mod model;
mod policies;
mod rate_table;
mod record;
mod record_view;
mod refusal;
mod reservation;
mod rule;
mod serving;
mod session;
mod site;

pub use access_request::{AccessRequest, ItemCode, ItemOutcome, Outcome, RequestedItem, Requester};
pub use answer::{IdempotencyKey, KeptAnswer};
pub use charge::{ChargedLine, LineCharge, Refund, RefundedLine};
pub use command::{Command, Query, Reply};
pub use feature::{
    COUNT_MAX, CountOverdraft, FeatureId, FeatureLineItem, FeatureLineItemTerms, FeatureTerms,
    LicenseModel, Metered, Selectors,
};
pub use feature_answer::{
    FeatureAnswer, FeatureCount, FeatureOutcome, GrantedFeature, LineItemInfo, StatusCode,
};
pub use feature_request::{Asker, FeatureRequest, Operation, WantedFeature};
pub use fixed::{AmountError, Count, MICROS, Tokens, divide_half_even};
pub use formula::Formula;
pub use ids::{ActionId, ConditionId, CorrelationId, InstanceId, SessionId};
pub use instance::{
    Client, ClientFilter, ClientView, FeaturePart, FeatureView, HeldFeature, HostFilter, HostPlace,
    HostView, HostedFeature, Instance, ModelView, PoolView, Report, ReservationsView, Still,
};
pub use lease::{ClientId, Hold, Move, Place, ReservationId};
pub use line_item::{LineItem, LineItemState, LineItemTerms, Overdraft, ResetFrequency};
pub use policies::{Granularity, Policies};
pub use rate_table::{Price, RateItem, RateTable, RateTables};
pub use record::{DecodeError, EndReason, Record, SessionAccess, SessionResult};
pub use record_view::{
    AccessView, ItemOutcomeView, LineChargeView, OutcomeView, RecordView, RecordViews, RefundView,
    RefundedLineView, RequesterView, SessionAccessView, SessionEndedView,
};
pub use refusal::Refusal;
pub use reservation::{
    Reservation, ReservationEntry, ReservationError, ReservationErrors, ReservationGroup,
    ReservationGroupDraft, ReservationGroupId, ReservationMistake, Shortage,
};
pub use rule::{
    Action, ActionDraft, Condition, ConditionDraft, Dictionary, Effect, Expression, Membership,
};
pub use serving::{Division, FeatureLevel, LeaseEnd, LeasesEnded, MeteredUse, Served, Share};
pub use session::{Paid, Phase, Session, SessionState};
pub use site::{Context, Site};
