//! When a session sends its heartbeats.
//!
//! After each automatic charge the server waits for one heartbeat, for half a charge period. It is
//! sent within the first quarter of that window, at a moment that differs from client to client.
//! In between the server is asked at least every half minute whether the session still stands,
//! since anybody who may can end it.

/// Interval of heartbeats where the server does not tell when it charges: less than the window of
/// the shortest charge period, which is 5 minutes.
const BLIND_MS: i64 = 4 * 60_000;
/// Longest time between two heartbeats, needed or not: so long a session that was ended from
/// outside can go unnoticed.
const LOOK_MS: i64 = 30_000;
/// Shortest wait before a heartbeat is tried again.
const RETRY_MS: i64 = 1_000;
/// Longest wait before a heartbeat is tried again.
const RETRY_MAX_MS: i64 = 30_000;

/// A session that ended without the application having closed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What kind of end it is.
    pub reason: EndReason,
    /// In words: the server's, or what made it unreachable.
    pub detail: String,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The server says that the session is over, or refuses the heartbeat.
    Terminated,
    /// The server could not be reached for so long that it must have ended the session.
    Unreachable,
}

/// The rhythm of one session. All times are the server's, in POSIX milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Nothing is charged, so there is nothing to confirm.
    Idle,
    /// The server does not tell when it charges.
    Blind { due_ms: i64, last_ms: i64 },
    Charged {
        /// The next automatic charge.
        paid_until_ms: i64,
        period_ms: i64,
        due_ms: i64,
    },
}

/// Why a heartbeat is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The server waits for it, or may do so.
    Needed,
    /// Only to see whether the session still stands.
    Look,
}

impl Pulse {
    /// The rhythm after an access request was granted at `now_ms`, which paid until
    /// `paid_until_ms`. `spread` is from 0 to 1.
    pub(crate) fn new(paid_until_ms: Option<i64>, now_ms: i64, spread: f64) -> Self {
        match paid_until_ms {
            Some(paid_until_ms) if paid_until_ms > now_ms => {
                Self::charged(paid_until_ms, paid_until_ms - now_ms, spread)
            }
            _ => Self::Blind { due_ms: now_ms + BLIND_MS, last_ms: now_ms },
        }
    }

    fn charged(paid_until_ms: i64, period_ms: i64, spread: f64) -> Self {
        let window_ms = window_ms(period_ms);
        // Not at once, since the server makes all charges of a moment one after the other.
        let delay_ms = window_ms / 16 + (window_ms as f64 * 3.0 / 16.0 * spread) as i64;
        Self::Charged { paid_until_ms, period_ms, due_ms: paid_until_ms + delay_ms }
    }

    /// When the server wants the next heartbeat; `None` for not before the next access request.
    fn due_ms(&self) -> Option<i64> {
        match self {
            Self::Idle => None,
            Self::Blind { due_ms, .. } | Self::Charged { due_ms, .. } => Some(*due_ms),
        }
    }

    /// When to send the next heartbeat and why, if the server was last asked at `asked_ms`.
    pub(crate) fn next(&self, asked_ms: i64) -> Option<(i64, Beat)> {
        let (due_ms, look_ms) = (self.due_ms()?, asked_ms + LOOK_MS);
        Some(if due_ms <= look_ms { (due_ms, Beat::Needed) } else { (look_ms, Beat::Look) })
    }

    /// The rhythm after a look at `now_ms` that found the session standing.
    pub(crate) fn after_look(&mut self, now_ms: i64) {
        if let Self::Blind { last_ms, .. } = self {
            *last_ms = now_ms;
        }
    }

    /// The rhythm after a heartbeat at `now_ms`; `paid_until_ms` is what the server told then.
    pub(crate) fn after_heartbeat(
        &self,
        paid_until_ms: Option<i64>,
        now_ms: i64,
        spread: f64,
    ) -> Self {
        match (self, paid_until_ms) {
            (Self::Idle, _) => Self::Idle,
            (Self::Charged { paid_until_ms: before_ms, period_ms, .. }, Some(until_ms)) => {
                if until_ms <= *before_ms {
                    // The charge that was to be confirmed has not been made yet.
                    let due_ms = now_ms + (window_ms(*period_ms) / 16).max(RETRY_MS);
                    let (paid_until_ms, period_ms) = (*before_ms, *period_ms);
                    return Self::Charged { paid_until_ms, period_ms, due_ms };
                }
                Self::charged(until_ms, until_ms - before_ms, spread)
            }
            (Self::Charged { paid_until_ms, period_ms, .. }, None) => {
                Self::charged(paid_until_ms + period_ms, *period_ms, spread)
            }
            (Self::Blind { .. }, until_ms) => Self::new(until_ms, now_ms, spread),
        }
    }

    /// The rhythm after a heartbeat that nobody answered at `now_ms`; `None` if the server must
    /// have ended the session meanwhile.
    pub(crate) fn after_failure(&self, now_ms: i64) -> Option<Self> {
        let mut next = self.clone();
        let (due_ms, last_chance_ms, window_ms) = match &mut next {
            Self::Idle => return Some(next),
            Self::Blind { due_ms, last_ms } => (due_ms, *last_ms + 2 * BLIND_MS, BLIND_MS),
            Self::Charged { paid_until_ms, period_ms, due_ms } => {
                let window_ms = window_ms(*period_ms);
                (due_ms, *paid_until_ms + window_ms, window_ms)
            }
        };
        if now_ms >= last_chance_ms {
            return None;
        }
        let wait_ms = (window_ms / 16).clamp(RETRY_MS, RETRY_MAX_MS);
        *due_ms = (now_ms + wait_ms).min(last_chance_ms);
        Some(next)
    }
}

fn window_ms(period_ms: i64) -> i64 {
    period_ms / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn heartbeats_fall_in_the_first_quarter_of_the_window() {
        for spread in [0.0, 0.5, 1.0] {
            let pulse = Pulse::new(Some(60 * MINUTE_MS), 0, spread);
            let due_ms = pulse.due_ms().expect("it is charged");
            let quarter_ms = 30 * MINUTE_MS / 4;
            assert!(due_ms > 60 * MINUTE_MS, "{due_ms}");
            assert!(due_ms <= 60 * MINUTE_MS + quarter_ms, "{due_ms}");
        }
    }

    #[test]
    fn a_new_period_is_learned_from_the_next_charge() {
        let pulse = Pulse::new(Some(60 * MINUTE_MS), 0, 0.0);
        let next = pulse.after_heartbeat(Some(70 * MINUTE_MS), 62 * MINUTE_MS, 0.0);
        let wanted = Pulse::Charged {
            paid_until_ms: 70 * MINUTE_MS,
            period_ms: 10 * MINUTE_MS,
            due_ms: 70 * MINUTE_MS + 5 * MINUTE_MS / 16,
        };
        assert_eq!(next, wanted);
    }

    #[test]
    fn the_server_is_asked_every_half_minute_between_charges() {
        let pulse = Pulse::new(Some(60 * MINUTE_MS), 0, 0.0);
        assert_eq!(pulse.next(0), Some((LOOK_MS, Beat::Look)));
        assert_eq!(pulse.next(LOOK_MS), Some((2 * LOOK_MS, Beat::Look)));
        let due_ms = pulse.due_ms().expect("it is charged");
        assert_eq!(pulse.next(due_ms - LOOK_MS - 1), Some((due_ms - 1, Beat::Look)));
        assert_eq!(pulse.next(due_ms - LOOK_MS), Some((due_ms, Beat::Needed)));
        let mut blind = Pulse::new(None, 0, 0.0);
        assert_eq!(blind.next(0), Some((LOOK_MS, Beat::Look)));
        blind.after_look(LOOK_MS);
        assert!(blind.after_failure(2 * BLIND_MS).is_some(), "it was heard from since");
        assert_eq!(Pulse::Idle.next(0), None);
    }

    #[test]
    fn a_charge_that_is_late_is_waited_for() {
        let pulse = Pulse::new(Some(60 * MINUTE_MS), 0, 0.0);
        let now_ms = 62 * MINUTE_MS;
        let next = pulse.after_heartbeat(Some(60 * MINUTE_MS), now_ms, 0.0);
        assert_eq!(next.due_ms(), Some(now_ms + 30 * MINUTE_MS / 16));
    }

    #[test]
    fn a_silent_server_is_tried_until_the_window_ends() {
        let pulse = Pulse::new(Some(10 * MINUTE_MS), 0, 0.0);
        let next = pulse.after_failure(11 * MINUTE_MS).expect("there is time left");
        assert_eq!(next.due_ms(), Some(11 * MINUTE_MS + 5 * MINUTE_MS / 16));
        let last_ms = 15 * MINUTE_MS;
        let next = pulse.after_failure(last_ms - 1).expect("there is time left");
        assert_eq!(next.due_ms(), Some(last_ms));
        assert_eq!(pulse.after_failure(last_ms), None);
    }

    #[test]
    fn without_charge_times_heartbeats_come_often_enough_for_any_period() {
        let pulse = Pulse::new(None, 0, 0.0);
        assert_eq!(pulse.due_ms(), Some(BLIND_MS));
        let next = pulse.after_heartbeat(None, BLIND_MS, 0.0);
        assert_eq!(next.due_ms(), Some(2 * BLIND_MS));
        assert!(next.after_failure(2 * BLIND_MS).is_some());
        assert_eq!(next.after_failure(3 * BLIND_MS), None);
        assert_eq!(Pulse::Idle.due_ms(), None);
    }
}
