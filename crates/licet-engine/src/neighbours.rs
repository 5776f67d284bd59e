//! Other processes that append to the same journal, and what to do about them.

/// How a group is decided on a shared journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approach {
    /// Memory is most likely what the journal holds; if not, the append is refused.
    Trust,
    /// Reads what others appended first, so that an append is seldom refused.
    Look,
    /// Keeps the others waiting from the reading to the append, so that it cannot be refused and
    /// everybody gets on in turn.
    Hold,
}

/// What a task knows of its neighbours. Whatever it believes, heads decide: it can only be slow.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// When memory was last known to be what the journal holds.
    sure_at_ms: Option<i64>,
    /// When another process was last in the way.
    met_at_ms: Option<i64>,
}

/// How long nobody else is expected after the last look or append. Behind a load balancer a quiet
/// instance is asked at any server, a busy one is worth the risk.
const SURE_MS: i64 = 3_000;
/// How long another that was met is expected again.
const MET_MS: i64 = 5_000;

impl Neighbours {
    /// `commands` is how many were gathered; none means that the instance acts by itself, which
    /// it does in every process at the same moment.
    pub(crate) fn approach(&self, now_ms: i64, commands: usize) -> Approach {
        let within = |at_ms: Option<i64>, window_ms| {
            at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < window_ms)
        };
        if commands == 0 || within(self.met_at_ms, MET_MS) {
            Approach::Hold
        } else if within(self.sure_at_ms, SURE_MS) {
            Approach::Trust
        } else {
            Approach::Look
        }
    }

    /// After an own append, or a look.
    pub(crate) fn made_sure(&mut self, now_ms: i64) {
        self.sure_at_ms = Some(now_ms);
    }

    pub(crate) fn met_another(&mut self, now_ms: i64) {
        self.met_at_ms = Some(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_trusted_in_a_run_of_own_appends_and_not_for_long_after_it() {
        let mut neighbours = Neighbours::default();
        assert_eq!(neighbours.approach(0, 1), Approach::Look);
        neighbours.made_sure(10);
        assert_eq!(neighbours.approach(3_009, 1), Approach::Trust);
        assert_eq!(neighbours.approach(3_010, 1), Approach::Look);
    }

    #[test]
    fn who_met_another_holds_until_it_has_not_been_seen_for_a_while() {
        let mut neighbours = Neighbours::default();
        neighbours.met_another(0);
        neighbours.made_sure(4_999);
        assert_eq!(neighbours.approach(4_999, 1), Approach::Hold);
        assert_eq!(neighbours.approach(5_000, 1), Approach::Trust);
    }

    #[test]
    fn what_an_instance_does_by_itself_is_done_by_one_process() {
        let mut neighbours = Neighbours::default();
        neighbours.made_sure(0);
        assert_eq!(neighbours.approach(0, 0), Approach::Hold);
    }
}
