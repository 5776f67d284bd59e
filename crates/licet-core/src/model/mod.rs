//! Named pools: how the counts of an instance's features are divided, and who may use which.
//!
//! A licence administrator writes a model in the model definition language. It is read by
//! [`Model::parse`], divides the counts by [`Model::allocate`] when it is uploaded, and says by
//! [`Model::access`] which pools a requester may use.
//!
//! ```text
//! model      = "model" name "{" [ partitions ] { rule } "}"
//! partitions = "partitions" "{" { "partition" name "{" { feature } "}" } "}"
//! feature    = name version amount { clause }
//! amount     = integer | integer "%" | "remainder"
//! clause     = "max" integer
//!            | ( "vendor" "string" | "product" "name" | "activation" "ID" ) "matches" value
//! rule       = "on" condition "{" [ use ] [ unasked ] [ "accept" | "continue" | "deny" ] "}"
//! condition  = all { ( "OR" | "||" ) all }
//! all        = negatable { ( "AND" | "&&" ) negatable }
//! negatable  = ( "NOT" | "!" ) negatable | "(" condition ")" | test
//! test       = ( "hostid" | "hostname" | "hosttype" ) "(" value { "," value } ")"
//!            | "dictionary" "(" name ":" entry { "," name ":" entry } ")" | "any" "(" ")"
//! entry      = value | integer | "*"
//! value      = text | "~/" regular expression "/"
//! use        = "use" name { "," name }
//! unasked    = "without" "requested" "features" "{" { "all" "from" name { "," name }
//!            | name version integer } "}"
//! ```
//!
//! So NOT binds tightest, then AND, then OR. Names are quoted texts; those of features may go
//! without quotes if they are letters, digits, `_`, `-` and `.` and begin with a letter or `_`.
//! In a text `\"` is a quote and `\\` a backslash; in a regular expression `\/` is a slash.
//! Comments are `// …` and `/* … */`. Upper and lower case are the same in keywords, not in names.

mod access;
mod allocation;
mod display;
mod error;
mod lexer;
mod matching;
mod parser;
mod pool;
mod requester;
mod rule;
mod slice;
#[cfg(test)]
mod tests;
mod version;

pub use access::Access;
pub use allocation::{Allocation, Share};
pub use error::{Mistake, ModelError, ModelErrors};
pub use matching::{Matcher, Pattern, PatternError};
pub use pool::{Amount, Pool, PoolFeature, PoolRef};
pub use requester::{HostId, Requester};
pub use rule::{Action, Condition, DictionaryEntry, Rule, Unasked};
pub use slice::Slice;
pub use version::{Version, VersionError};

/// The longest text of a model, in bytes.
pub const MAX_LENGTH: usize = 256 << 10;
/// The most named pools of a model.
pub const MAX_POOLS: usize = 200;
/// The most features in all pools of a model.
pub const MAX_FEATURES: usize = 2_000;
/// The most rules of a model.
pub const MAX_RULES: usize = 500;
/// The most tests and values to compare with, in all rules of a model.
pub const MAX_VALUES: usize = 10_000;
/// The most things that one rule names after `use` and in `without requested features`.
pub const MAX_GIVEN: usize = 1_000;
/// The most parentheses and negations inside each other.
pub const MAX_DEPTH: usize = 16;
/// The longest name or value, in characters.
pub const MAX_NAME: usize = 256;
/// The longest regular expression, in characters.
pub const MAX_PATTERN: usize = 256;
/// The most regular expressions of a model.
pub const MAX_PATTERNS: usize = 100;
/// The most memory that a regular expression may take, in bytes.
pub const MAX_PATTERN_BYTES: usize = 128 << 10;
/// The largest count of a feature.
pub const MAX_COUNT: u64 = i64::MAX as u64;
/// How many errors of a text are told at most.
pub const MAX_ERRORS: usize = 20;

/// The pool that holds what no named pool got. It is always there and cannot be defined.
pub const DEFAULT_POOL: &str = "default";
/// Names that no model can have.
pub const RESERVED_MODEL_NAMES: [&str; 2] = ["reservations", DEFAULT_POOL];

/// A model: pools, and rules on who may use them. Written in its canonical form by `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    name: Box<str>,
    pools: Vec<Pool>,
    rules: Vec<Rule>,
}

impl Model {
    /// Reads a model.
    ///
    /// # Errors
    /// [`ModelErrors`]: all that can be told apart safely, at most [`MAX_ERRORS`].
    pub fn parse(source: &str) -> Result<Self, ModelErrors> {
        parser::parse(source)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The named pools in their order.
    #[must_use]
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The rules in their order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The name of a pool that this model referred to.
    #[must_use]
    pub fn pool_name(&self, pool: PoolRef) -> &str {
        match pool {
            PoolRef::Named(index) => self.pools.get(index).map_or(DEFAULT_POOL, |pool| &pool.name),
            PoolRef::Default => DEFAULT_POOL,
        }
    }
}
