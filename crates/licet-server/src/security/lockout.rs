use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    net::{IpAddr, Ipv6Addr},
};

use parking_lot::Mutex;

use crate::problem::{Code, Problem};

/// How long a lock holds, and after how long a failure is forgotten, in milliseconds.
const LOCK_MS: i64 = 15 * 60 * 1000;
/// Longest pause between two tries before the lock, in seconds.
const PAUSE_S_MAX: i64 = 60;
/// Names or addresses that are remembered at most; about 40 bytes each.
const ENTRIES_MAX: usize = 16_384;

/// When failures begin to hurt.
#[derive(Debug, Clone, Copy)]
struct Policy {
    /// Failures without a pause; after that each pause is twice the one before, from a second.
    free: u32,
    /// Failures after which there is a lock.
    lock_after: u32,
}

/// Ten failures lock a user.
const USER: Policy = Policy { free: 3, lock_after: 10 };
/// Many users may sit behind one address, and one program with an old password must not lock
/// out its whole office at once.
const ADDRESS: Policy = Policy { free: 10, lock_after: 30 };

/// Counts failed log-ins per user name and per address, slows them down and locks for a while.
///
/// Names are counted whether or not there is such a user, so that the answer tells nothing.
#[derive(Debug, Default)]
pub(super) struct Lockout {
    users: Mutex<Table>,
    addresses: Mutex<Table>,
    hasher: RandomState,
}

type Table = HashMap<u64, Failures>;

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    last_ms: i64,
    blocked_until_ms: i64,
}

impl Lockout {
    /// Whether a try is allowed now; changes nothing.
    ///
    /// # Errors
    /// 429 `log_in_locked` with the time to wait.
    pub(super) fn check(
        &self,
        user: &str,
        address: Option<IpAddr>,
        now_ms: i64,
    ) -> Result<(), Problem> {
        let user_until = blocked_until(&self.users.lock(), self.user_key(user));
        let address_until =
            self.address_key(address).map_or(0, |key| blocked_until(&self.addresses.lock(), key));
        match user_until.max(address_until) {
            until_ms if until_ms > now_ms => Err(locked(until_ms - now_ms)),
            _ => Ok(()),
        }
    }

    /// Counts a try as failed, before its password is looked at: tries side by side, or given
    /// up half-way, then count too. [`Lockout::succeeded`] takes it back.
    ///
    /// # Errors
    /// 429 `log_in_locked` with the time to wait; the try is not counted.
    pub(super) fn begin(
        &self,
        user: &str,
        address: Option<IpAddr>,
        now_ms: i64,
    ) -> Result<(), Problem> {
        self.check(user, address, now_ms)?;
        count(&mut self.users.lock(), self.user_key(user), USER, now_ms);
        if let Some(key) = self.address_key(address) {
            count(&mut self.addresses.lock(), key, ADDRESS, now_ms);
        }
        Ok(())
    }

    /// The password was right: forgets the user's failures, and this try of the address. Its
    /// other failures stay, or somebody could guess on and on between log-ins of his own.
    pub(super) fn succeeded(&self, user: &str, address: Option<IpAddr>) {
        self.users.lock().remove(&self.user_key(user));
        let Some(key) = self.address_key(address) else { return };
        let mut addresses = self.addresses.lock();
        if let Some(failures) = addresses.get_mut(&key) {
            failures.count = failures.count.saturating_sub(1);
            failures.blocked_until_ms = 0;
            if failures.count == 0 {
                addresses.remove(&key);
            }
        }
    }

    fn user_key(&self, user: &str) -> u64 {
        self.hasher.hash_one(user)
    }

    fn address_key(&self, address: Option<IpAddr>) -> Option<u64> {
        address.map(|address| self.hasher.hash_one(network(address)))
    }
}

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 host owns whole.
fn network(address: IpAddr) -> impl Hash {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

fn blocked_until(table: &Table, key: u64) -> i64 {
    table.get(&key).map_or(0, |failures| failures.blocked_until_ms)
}

fn count(table: &mut Table, key: u64, policy: Policy, now_ms: i64) {
    if table.len() >= ENTRIES_MAX && !table.contains_key(&key) {
        make_room(table, now_ms);
    }
    let failures = table.entry(key).or_default();
    if now_ms - failures.last_ms >= LOCK_MS {
        *failures = Failures::default();
    }
    failures.count += 1;
    failures.last_ms = now_ms;
    failures.blocked_until_ms = now_ms + pause_ms(failures.count, policy);
}

/// How long the next try has to wait after so many failures.
fn pause_ms(failures: u32, policy: Policy) -> i64 {
    if failures >= policy.lock_after {
        return LOCK_MS;
    }
    match failures.checked_sub(policy.free) {
        None => 0,
        Some(beyond) => 1000 * (1_i64 << beyond.min(10)).min(PAUSE_S_MAX),
    }
}

/// Drops what is forgotten; if nothing is, the entry that hurts least. Flooding with made-up
/// names therefore does not set anybody's counter back.
fn make_room(table: &mut Table, now_ms: i64) {
    table.retain(|_, failures| now_ms - failures.last_ms < LOCK_MS);
    if table.len() < ENTRIES_MAX {
        return;
    }
    let least = table.iter().min_by_key(|(_, it)| (it.count, it.last_ms)).map(|(key, _)| *key);
    if let Some(key) = least {
        table.remove(&key);
    }
}

fn locked(wait_ms: i64) -> Problem {
    let seconds = u32::try_from(wait_ms.div_euclid(1000) + 1).unwrap_or(u32::MAX);
    let detail = format!("Too many failed log-ins; the next try is possible in {seconds} s");
    Problem::new(Code::LogInLocked, detail).with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "ada";
    const T0: i64 = 1_767_225_600_000;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Fails once at the first moment at which that is possible, and returns that moment.
    fn fail(lockout: &Lockout, user: &str, from: Option<IpAddr>, mut now_ms: i64) -> i64 {
        while lockout.begin(user, from, now_ms).is_err() {
            now_ms += 1000;
        }
        now_ms
    }

    #[test]
    fn pauses_grow_and_end_in_a_lock() {
        let lockout = Lockout::default();
        let mut now_ms = T0;
        let mut pauses_s = Vec::new();
        for _ in 0..10 {
            let at_ms = fail(&lockout, ADA, None, now_ms);
            pauses_s.push((at_ms - now_ms) / 1000);
            now_ms = at_ms;
        }
        assert_eq!(pauses_s, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60]);
        let problem = lockout.check(ADA, None, now_ms).unwrap_err();
        assert_eq!(problem.code(), Code::LogInLocked);
        assert_eq!(problem.retry_after_s(), Some(901));
        assert!(lockout.check(ADA, None, now_ms + LOCK_MS - 1).is_err());
        assert!(lockout.check(ADA, None, now_ms + LOCK_MS).is_ok());
        assert!(lockout.check("grace", None, now_ms).is_ok(), "others are not locked");
        assert!(lockout.begin(ADA, None, now_ms + LOCK_MS).is_ok());
        assert!(lockout.begin(ADA, None, now_ms + LOCK_MS).is_ok(), "counted from one again");
    }

    #[test]
    fn success_forgets_the_user_but_not_the_address() {
        let lockout = Lockout::default();
        let office = address("192.0.2.7");
        let mut now_ms = T0;
        for number in 0..29 {
            now_ms = fail(&lockout, &format!("user{number}"), office, now_ms);
        }
        now_ms = fail(&lockout, ADA, office, now_ms);
        lockout.succeeded(ADA, office);
        assert!(lockout.check(ADA, None, now_ms).is_ok());
        now_ms = fail(&lockout, "grace", office, now_ms);
        assert!(lockout.check("anybody", office, now_ms + PAUSE_S_MAX * 1000).is_err());
        assert!(lockout.check("anybody", address("192.0.2.8"), now_ms).is_ok());
    }

    #[test]
    fn tries_side_by_side_all_count() {
        let lockout = Lockout::default();
        let begun = (0..5).filter(|_| lockout.begin(ADA, None, T0).is_ok()).count();
        assert_eq!(begun, 3);
    }

    #[test]
    fn an_ipv6_network_and_a_mapped_address_count_as_one() {
        let lockout = Lockout::default();
        let key = |text| lockout.address_key(address(text));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
    }

    #[test]
    fn memory_is_bounded_and_floods_set_nobody_back() {
        let lockout = Lockout::default();
        let now_ms = (0..10).fold(T0, |now_ms, _| fail(&lockout, ADA, None, now_ms));
        for number in 0..ENTRIES_MAX + 100 {
            lockout.begin(&format!("made up {number}"), None, now_ms).unwrap();
        }
        assert_eq!(lockout.users.lock().len(), ENTRIES_MAX);
        assert!(lockout.check(ADA, None, now_ms).is_err());
        lockout.begin("later", None, now_ms + LOCK_MS).unwrap();
        assert_eq!(lockout.users.lock().len(), 1, "the forgotten make room");
    }
}
