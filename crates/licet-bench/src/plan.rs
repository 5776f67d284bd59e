//! What is to be measured, and how long.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::Error;

/// Makes the enum of parts with their names and what they measure.
macro_rules! parts {
    ($($variant:ident = $name:literal, $about:literal;)+) => {
        /// A part of the benchmark that can be chosen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Part {
            $(#[doc = $about] $variant,)+
        }

        impl Part {
            /// All parts, in the order in which they are measured.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name that chooses it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it measures.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)+ }
            }
        }
    };
}

parts! {
    Disk = "disk", "fdatasync after appends of 4 and 64 KiB";
    Echo = "echo", "a bare axum echo of the same bodies, the yardstick";
    Hot = "hot", "access requests on one instance, SQLite";
    Spread = "spread", "access requests over many instances, SQLite";
    Arrays = "arrays", "100 access requests in each call, one instance, SQLite";
    Sessions = "sessions", "sessions opened and closed, SQLite";
    Heartbeats = "heartbeats", "heartbeats on live sessions of one instance, SQLite";
    Features = "features", "requests for features, plain and signed, few hosts and many, SQLite";
    Fair = "fair", "a quiet instance, alone and beside one that is flooded, SQLite";
    Items = "items", "one instance with 10 against 10,000 line items";
    Growth = "growth", "an empty store against one that holds many usage records";
    Live = "live", "one instance with 1,000 against many live sessions";
    Million = "million", "many sessions of one instance: memory, all end at once, restart";
    Report = "report", "a year's report from the records at hand";
    PgFunction = "pg-function", "rival: a function in PostgreSQL, under pgbench";
    PgHot = "pg-hot", "access requests on one instance, PostgreSQL";
    PgSpread = "pg-spread", "access requests over many instances, PostgreSQL";
    PgArrays = "pg-arrays", "100 access requests in each call, PostgreSQL";
    PgSessions = "pg-sessions", "sessions opened and closed, PostgreSQL";
    Redis = "redis", "rival: a script in Redis that syncs every command";
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|part| part.name() == text);
        found.ok_or_else(|| "is no part; --list shows them".to_owned())
    }
}

/// What is measured, how long and how large.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Parts to measure, in any order.
    pub parts: Vec<Part>,
    /// Numbers of connections of `echo` and `hot`; the first one counts for all else. Not empty,
    /// each from 1 to 10,000.
    pub connections: Vec<usize>,
    /// For each figure, without warm-up; above zero.
    pub length: Duration,
    /// Figures that are compared take turns so often; at least 1.
    pub rounds: u32,
    /// Instances of the parts that spread; at least 1.
    pub instances: u64,
    /// Usage records that `growth` and `report` fill in.
    pub records: u64,
    /// Sessions of `live` and `million`.
    pub sessions: u64,
    /// Folder in which scratch folders are made.
    pub data: PathBuf,
    /// A PostgreSQL server on which scratch databases may be made.
    pub database: String,
    /// The licet program that is measured.
    pub program: PathBuf,
}

impl Plan {
    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    pub(crate) fn has_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.has(*part))
    }

    /// How long a figure is measured in each round.
    pub(crate) fn round_length(&self) -> Duration {
        self.length / self.rounds.max(1)
    }

    /// Connections of the figures that are measured with one number of them.
    pub(crate) fn connections(&self) -> usize {
        self.connections.first().copied().unwrap_or(1)
    }

    /// # Errors
    /// [`Error::Failed`] if a number is out of its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_right = self.connections.iter().all(|number| (1..=10_000).contains(number))
            && !self.connections.is_empty()
            && !self.length.is_zero()
            && self.rounds > 0
            && self.instances > 0
            && self.records > 0
            && self.sessions > 0;
        let complaint = "connections must be from 1 to 10,000, all other numbers above zero";
        if is_right { Ok(()) } else { Err(Error::Failed(complaint.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_name() {
        for part in Part::ALL {
            assert_eq!(part.name().parse(), Ok(*part));
        }
        "everything".parse::<Part>().unwrap_err();
    }
}
