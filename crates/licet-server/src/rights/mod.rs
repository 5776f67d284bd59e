//! Rights of an instance on their way from a hosted server to a local one.
//!
//! The hosted server signs what an instance is entitled to serve, for one host ([`export`]). A
//! server that was started for its local instance verifies it with the keys that it was told to
//! trust, and serves that from then on ([`import`]).

mod export;
mod import;
mod state;

pub(crate) use export::export;
pub(crate) use import::{are_there, import, is_trusting, trust};
use tokio::sync::Mutex;

use crate::{Code, Problem};

/// One document at a time is signed or taken by this process, so that their numbers follow the
/// states that they show.
static CHANGING: Mutex<()> = Mutex::const_new(());

/// 409: what the local instance is entitled to comes with signed documents alone.
pub(crate) fn comes_from_documents() -> Problem {
    Problem::new(
        Code::RightsFromDocument,
        "This is a local licence server: its line items come with a signed file of the hosted \
         instance (licet instance import FILE); change them there and export them again",
    )
}
