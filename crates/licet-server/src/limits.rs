//! Limits on what a caller may send, and how often.
//!
//! Lengths of lists and texts are those of [`licet_protocol::limits`].

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    num::NonZeroU32,
    time::Duration,
};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    problem::{Code, Problem},
    security::Principal,
};

/// Largest body of most operations, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = licet_protocol::limits::BODY_BYTES;
/// How long a caller may take to send a body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest body of a log-in, in bytes; strangers send these.
pub(crate) const LOG_IN_BODY_BYTES_MAX: usize = 16 * 1024;
/// Largest total of request headers, in bytes: a token of 8 KiB, and room beside it.
pub(crate) const HEADER_BYTES_MAX: usize = 16 * 1024;

const SHARDS: usize = 16;
/// Principals that are remembered per shard.
const ENTRIES_PER_SHARD_MAX: usize = 4096;

/// How often one principal may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in a second, for as long as one likes.
    pub per_second: NonZeroU32,
    /// Requests at once, after a rest; at least one.
    pub burst: NonZeroU32,
}

/// A token bucket for each principal, kept as the one moment at which it is full again.
#[derive(Debug)]
pub struct RateLimiter {
    /// Microseconds in which one request grows back.
    interval_us: i64,
    /// Microseconds in which an empty bucket becomes full.
    bucket_us: i64,
    /// When each bucket is full again, in POSIX microseconds, by hash of the principal.
    full_at_us: Box<[Mutex<HashMap<u64, i64>>]>,
    hasher: RandomState,
}

impl RateLimiter {
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let interval_us = (1_000_000 / i64::from(limit.per_second.get())).max(1);
        Self {
            interval_us,
            bucket_us: interval_us * i64::from(limit.burst.get()),
            full_at_us: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one request of the principal.
    ///
    /// # Errors
    /// 429 `too_many_requests` with the time to wait; the request is not counted.
    pub fn admit(&self, principal: &Principal, now_ms: i64) -> Result<(), Problem> {
        // Two principals of the same hash share a bucket; that is too rare to matter.
        self.count(self.hasher.hash_one((principal.is_user(), principal.name.as_str())), now_ms)
    }

    /// Counts one request of somebody who need not say who it is: all of an instance together.
    ///
    /// # Errors
    /// As [`RateLimiter::admit`].
    pub fn admit_to(&self, instance_id: Uuid, now_ms: i64) -> Result<(), Problem> {
        self.count(self.hasher.hash_one(instance_id), now_ms)
    }

    fn count(&self, key: u64, now_ms: i64) -> Result<(), Problem> {
        let now_us = now_ms.saturating_mul(1000);
        let mut shard = self.full_at_us[key as usize % SHARDS].lock();
        if shard.len() >= ENTRIES_PER_SHARD_MAX && !shard.contains_key(&key) {
            make_room(&mut shard, now_us);
        }
        let full_at_us = shard.entry(key).or_insert(now_us);
        let after_us = (*full_at_us).max(now_us) + self.interval_us;
        if after_us - now_us > self.bucket_us {
            return Err(too_many(after_us - now_us - self.bucket_us));
        }
        *full_at_us = after_us;
        Ok(())
    }
}

/// A full bucket is the same as none. If all are in use, everybody starts anew.
fn make_room(shard: &mut HashMap<u64, i64>, now_us: i64) {
    shard.retain(|_, full_at_us| *full_at_us > now_us);
    if shard.len() >= ENTRIES_PER_SHARD_MAX {
        shard.clear();
    }
}

fn too_many(wait_us: i64) -> Problem {
    let seconds = u32::try_from(wait_us.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX);
    Problem::new(Code::TooManyRequests, "This caller's limit is reached; slow down")
        .with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{Caller, PermissionSet, Role, Scope};

    fn limiter(per_second: u32, burst: u32) -> RateLimiter {
        RateLimiter::new(RateLimit {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        })
    }

    fn caller(name: &str) -> Principal {
        Principal {
            name: name.into(),
            caller: Caller::User(Role::Viewer),
            permissions: PermissionSet::default(),
            scope: Scope::Site,
        }
    }

    fn admitted(limiter: &RateLimiter, who: &Principal, now_ms: i64) -> usize {
        (0..1000).take_while(|_| limiter.admit(who, now_ms).is_ok()).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let (limiter, ada) = (limiter(10, 5), caller("ada"));
        assert_eq!(admitted(&limiter, &ada, 1_000_000), 5);
        assert_eq!(admitted(&limiter, &ada, 1_000_099), 0);
        assert_eq!(admitted(&limiter, &ada, 1_000_100), 1);
        assert_eq!(admitted(&limiter, &ada, 1_000_400), 3);
        assert_eq!(admitted(&limiter, &ada, 9_000_000), 5);
        assert_eq!(admitted(&limiter, &caller("grace"), 9_000_000), 5);
    }

    #[test]
    fn a_key_and_a_user_of_one_name_are_two() {
        let (limiter, ada) = (limiter(1, 1), caller("ada"));
        let key = Principal { caller: Caller::ClientKey, ..ada.clone() };
        assert_eq!(admitted(&limiter, &ada, 0), 1);
        assert_eq!(admitted(&limiter, &key, 0), 1);
    }

    #[test]
    fn unknown_callers_of_an_instance_share_a_limit() {
        let limiter = limiter(1, 3);
        let admitted = |id| (0..9).take_while(|_| limiter.admit_to(id, 0).is_ok()).count();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!([admitted(one), admitted(one), admitted(two)], [3, 0, 3]);
    }

    #[test]
    fn the_answer_says_how_long_to_wait() {
        let (limiter, ada) = (limiter(1, 1), caller("ada"));
        limiter.admit(&ada, 0).unwrap();
        let problem = limiter.admit(&ada, 0).unwrap_err();
        assert_eq!(problem.code(), Code::TooManyRequests);
        assert_eq!(problem.retry_after_s(), Some(2));
        assert!(limiter.admit(&ada, 2000).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = limiter(1, 1);
        for number in 0..SHARDS * ENTRIES_PER_SHARD_MAX * 2 {
            let _ = limiter.admit(&caller(&number.to_string()), 0);
        }
        assert!(limiter.full_at_us.iter().all(|it| it.lock().len() <= ENTRIES_PER_SHARD_MAX));
    }
}
