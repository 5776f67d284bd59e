//! Signed answers: the site's own keys, and what is signed with them.
//!
//! Keys are kept in the store, their private halves sealed under the master key. [`Signer`] has
//! them ready in memory; the clock says which of them signs. A new key is published at once and
//! signs some minutes later, an old one stays published for as long as something that it signed is
//! to be verified.

mod changes;
mod crew;
mod key_pair;
mod ring;
mod rotation;
mod signer;
mod verify;

pub use signer::Signer;
pub(crate) use verify::{VerifyError, verified};
