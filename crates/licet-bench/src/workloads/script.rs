//! Requests that are made one after the other until there are no more, for setting things up.

use std::collections::HashMap;

use crate::{http::Answer, load::Workload};

type Ask = Box<dyn FnMut(u64) -> Option<Vec<u8>>>;
type Take = Box<dyn FnMut(u64, &[u8]) -> Result<(), String>>;

/// Asks what `ask` says for each number from 0 on, until it says nothing; hands each body to
/// `take` with the number.
pub(crate) struct Script {
    next: u64,
    in_flight: HashMap<usize, u64>,
    ask: Ask,
    take: Take,
}

impl Script {
    pub(crate) fn new(
        ask: impl FnMut(u64) -> Option<Vec<u8>> + 'static,
        take: impl FnMut(u64, &[u8]) -> Result<(), String> + 'static,
    ) -> Self {
        let (ask, take) = (Box::new(ask), Box::new(take));
        Self { next: 0, in_flight: HashMap::new(), ask, take }
    }

    /// How many requests were made.
    pub(crate) fn asked(&self) -> u64 {
        self.next
    }
}

impl Workload for Script {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let Some(request) = (self.ask)(self.next) else { return false };
        out.extend_from_slice(&request);
        self.in_flight.insert(connection, self.next);
        self.next += 1;
        true
    }

    fn take(&mut self, connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        if !(200..300).contains(&answer.status) {
            return Err("a set-up was refused".to_owned());
        }
        let number = self.in_flight.remove(&connection).ok_or("nothing was asked")?;
        (self.take)(number, &answer.content())?;
        Ok(1)
    }
}
