//! Runs instances: gathers commands, asks the core, appends in groups, answers.
//!
//! Each instance in memory is one task that owns its state. It takes all commands that wait,
//! decides them in order, appends their records to the journal in one piece and answers when
//! that piece is durable; what comes meanwhile is the next group. [`Engine`] is the cheap handle
//! to all of them. Beside them run the projector, which keeps the tables that reports read, and
//! the waker, which loads instances that must act while nobody asks.

mod beside;
mod by_id;
mod clock;
mod engine;
mod error;
mod live;
mod mailbox;
mod neighbours;
mod new_ids;
mod projection;
mod projector;
mod runner;
mod section;
mod slots;
mod turns;
mod verify;
mod waker;

pub use clock::{Clock, ManualClock, SystemClock, Wait};
pub use engine::{Engine, Options, Recorded};
pub use error::AskError;
pub use section::{follow, records, section_hash};
pub use slots::{Slot, Slots};
pub use verify::{Finding, Verification, verify};
