//! The HTTP doors of licet.
//!
//! A folder for each door: it parses and authenticates, asks the engine or the store, and maps
//! the reply to the wire. No licence question is decided here.

mod address;
mod answer;
mod app;
mod der;
mod disk;
mod elastic;
mod extract;
mod feature_terms;
mod follower;
mod idempotency;
mod instance_settings;
mod license_server;
mod limits;
mod line_item_state;
mod local_instance;
mod operations;
mod problem;
mod refusal;
mod request_id;
mod rights;
pub mod security;
mod serve;
mod server;
mod service;
mod signing;
mod silence;
mod terms;
mod usage;

pub use app::App;
pub use instance_settings::RIGHTS_TRUST;
pub use limits::{RateLimit, RateLimiter};
pub use problem::{Code, Problem};
pub use serve::{Listener, router};
pub use server::{Server, ServerOptions, StartError};
pub use signing::Signer;
