//! `licet demo`: a server on a scratch store with a sample producer, customers and a crowd.

mod crowd;
mod scenery;
mod ticker;

pub(crate) use crowd::Crowd;
pub(crate) use scenery::{ADMIN_PASSWORD, Scenery};
pub(crate) use ticker::Ticker;
