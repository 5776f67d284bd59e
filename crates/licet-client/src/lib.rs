//! SDK for applications: sessions, access requests, administration.
//!
//! [`Client`] has a method for each call, in a file for each noun. [`Session`] holds items for as
//! long as it lives: it sends the heartbeats and gives the items back when it is dropped.
//!
//! ```no_run
//! use licet_client::{Client, Session};
//! use licet_protocol::{RequestedItem, Requester, SessionAccessRequest};
//!
//! # fn main() -> Result<(), licet_client::Error> {
//! # let (token, instance_id) = (String::new(), uuid::Uuid::nil());
//! let client = Client::new("http://127.0.0.1:7070")?.with_token(token);
//! let request = SessionAccessRequest {
//!     requester: Requester { kind: "user".into(), value: "ada".into(), dictionary: None },
//!     rollback_on_deny: true,
//!     requested_items: vec![RequestedItem {
//!         item: "Render".into(),
//!         version: "2.0".into(),
//!         count: "1".parse().unwrap_or_default(),
//!         meta_data: None,
//!         variables: None,
//!     }],
//! };
//! let session = Session::open(&client, instance_id, &request, |ended| {
//!     // Stop using the items.
//!     let _ = ended.reason;
//! })?;
//! // Use them.
//! session.close()?;
//! # Ok(())
//! # }
//! ```

mod access;
mod audit;
mod client;
mod configuration;
mod error;
mod heartbeat;
mod instances;
mod keys;
mod line_items;
mod model;
mod path;
mod rate_tables;
mod retry;
mod rights;
mod rules;
mod session;
mod sessions;
mod signing_keys;
mod transport;
mod usage;
mod users;

pub use access::AccessOptions;
pub use client::Client;
pub use error::Error;
pub use heartbeat::{EndReason, Ended};
pub use instances::InstanceQuery;
pub use session::Session;
pub use transport::Timed;
pub use usage::{MeterGroup, MeterQuery, PeriodQuery, RollupQuery, RollupSpan, UsageQuery};
