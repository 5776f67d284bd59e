//! Ids of what decisions make: unique everywhere, and ascending within an instance.

use uuid::{Builder, Uuid};

/// Ids that one command may take. An array of a thousand requests takes far fewer, with all that
/// falls due before it.
const EACH: u128 = 1 << 16;
/// Bits of a UUID of version 7 that follow its time.
const RANDOM: u128 = (1 << 80) - 1;

/// The ids of one instance's task: UUIDs of version 7. Their random part is drawn once and counted
/// on from there, since a draw costs as much as a decision.
#[derive(Debug)]
pub(crate) struct NewIds {
    next: u128,
}

impl NewIds {
    pub(crate) fn draw() -> Self {
        Self { next: Uuid::new_v4().as_u128() & RANDOM }
    }

    /// The first of the ids for a command that is decided at `now_ms`.
    pub(crate) fn first(&mut self, now_ms: i64) -> Uuid {
        let random = self.next.to_be_bytes();
        let [.., a, b, c, d, e, f, g, h, i, j] = random;
        self.next = self.next.wrapping_add(EACH) & RANDOM;
        let time_ms = u64::try_from(now_ms).unwrap_or_default();
        Builder::from_unix_timestamp_millis(time_ms, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_time_and_each_command_has_its_own() {
        let mut ids = NewIds::draw();
        let (first, second) = (ids.first(1_700_000_000_000), ids.first(1_700_000_000_000));
        assert_eq!(first.get_version_num(), 7);
        let (seconds, nanos) = first.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_700_000_000, 0));
        assert_eq!(second.as_u128().wrapping_sub(first.as_u128()), EACH);
        assert_ne!(first, NewIds::draw().first(1_700_000_000_000));
    }
}
