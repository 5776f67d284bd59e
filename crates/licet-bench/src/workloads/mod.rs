//! What is asked, a file for each kind.

pub(crate) mod access;
pub(crate) mod echo;
pub(crate) mod features;
pub(crate) mod heartbeats;
pub(crate) mod script;
pub(crate) mod sessions;

use crate::http::Answer;

/// # Errors
/// The answer has another status.
pub(crate) fn expect(status: u16, answer: Answer<'_>) -> Result<(), String> {
    if answer.status == status { Ok(()) } else { Err(format!("{status} was expected")) }
}

/// A small generator, the same at every run: enough to spread requests.
#[derive(Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
