//! Ids of instances on the command line.

use uuid::Uuid;

/// Reads an id; says where it is to be found if there is none.
pub(crate) fn parse(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "give the UUID from `licet instance list`".to_owned())
}
