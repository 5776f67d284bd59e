use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;

use super::{digest::Digest, principal::Principal};

const SHARDS: usize = 64;

/// Verified credentials by their hash, bounded in number.
///
/// An entry dies at its time, and all die together when the generation changes because a key or
/// a user did. Who verifies reads [`PrincipalCache::generation`] *before* it looks at keys or
/// users and hands it to [`PrincipalCache::insert`]: what was verified against the old ones is
/// then dead on arrival, however the threads interleave.
#[derive(Debug)]
pub(super) struct PrincipalCache {
    shards: Box<[RwLock<Shard>]>,
    generation: AtomicU64,
    entries_per_shard_max: usize,
}

type Shard = HashMap<Digest, Entry, BuildHasherDefault<TakeFirst>>;

#[derive(Debug)]
struct Entry {
    principal: Arc<Principal>,
    expires_ms: i64,
    generation: u64,
}

impl PrincipalCache {
    /// A cache for about `entries_max` entries.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            generation: AtomicU64::new(0),
            entries_per_shard_max: entries_max.div_ceil(SHARDS).max(1),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whose credentials have this hash. No allocation, one shared lock.
    pub(super) fn get(&self, digest: &Digest, now_ms: i64) -> Option<Arc<Principal>> {
        let shard = self.shard(digest).read();
        let entry = shard.get(digest)?;
        (entry.expires_ms > now_ms && entry.generation == self.generation())
            .then(|| Arc::clone(&entry.principal))
    }

    /// Keeps a principal that was verified in `generation`.
    pub(super) fn insert(
        &self,
        digest: Digest,
        principal: Arc<Principal>,
        generation: u64,
        expires_ms: i64,
        now_ms: i64,
    ) {
        let mut shard = self.shard(&digest).write();
        if shard.len() >= self.entries_per_shard_max {
            self.make_room(&mut shard, now_ms);
        }
        shard.insert(digest, Entry { principal, expires_ms, generation });
    }

    /// Ends every entry at once, also those that are being verified just now.
    pub(super) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        for shard in &self.shards {
            shard.write().clear();
        }
    }

    /// Drops the dead, and if that is not enough an eighth of the living: only the holder of a
    /// valid token can fill the cache, so nothing cleverer is needed.
    fn make_room(&self, shard: &mut Shard, now_ms: i64) {
        let generation = self.generation();
        shard.retain(|_, entry| entry.expires_ms > now_ms && entry.generation == generation);
        let wanted = self.entries_per_shard_max - self.entries_per_shard_max.div_ceil(8);
        let mut surplus = shard.len().saturating_sub(wanted);
        if shard.len() >= self.entries_per_shard_max {
            shard.retain(|_, _| {
                let keep = surplus == 0;
                surplus = surplus.saturating_sub(1);
                keep
            });
        }
    }

    fn shard(&self, digest: &Digest) -> &RwLock<Shard> {
        &self.shards[usize::from(digest[31]) % SHARDS]
    }
}

/// The key is a hash already, and nobody can choose it: its first bytes will do.
#[derive(Debug, Default)]
struct TakeFirst(u64);

impl Hasher for TakeFirst {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // An array writes its length first.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{
        permission::PermissionSet,
        principal::{Caller, Scope},
    };

    fn somebody() -> Arc<Principal> {
        Arc::new(Principal {
            name: "k".into(),
            caller: Caller::AdministrationKey,
            permissions: PermissionSet::ALL,
            scope: Scope::Site,
        })
    }

    fn digest(number: u64) -> Digest {
        crate::security::digest::sha256(&number.to_le_bytes())
    }

    #[test]
    fn entries_die_at_their_time() {
        let cache = PrincipalCache::new(10);
        cache.insert(digest(1), somebody(), cache.generation(), 100, 0);
        assert!(cache.get(&digest(1), 99).is_some());
        assert!(cache.get(&digest(1), 100).is_none());
        assert!(cache.get(&digest(2), 0).is_none());
    }

    #[test]
    fn entries_die_with_their_generation() {
        let cache = PrincipalCache::new(10);
        let before = cache.generation();
        cache.insert(digest(1), somebody(), before, 100, 0);
        cache.forget_all();
        assert!(cache.get(&digest(1), 0).is_none());
        cache.insert(digest(1), somebody(), before, 100, 0);
        assert!(cache.get(&digest(1), 0).is_none(), "verified before, inserted after");
        cache.insert(digest(1), somebody(), cache.generation(), 100, 0);
        assert!(cache.get(&digest(1), 0).is_some());
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let cache = PrincipalCache::new(SHARDS * 16);
        for number in 0..20_000 {
            cache.insert(digest(number), somebody(), cache.generation(), 100, 0);
            assert!(cache.get(&digest(number), 0).is_some(), "the newest is always there");
        }
        let kept: usize = cache.shards.iter().map(|shard| shard.read().len()).sum();
        assert!(kept <= SHARDS * 16, "{kept}");
        assert!(kept > SHARDS * 12, "{kept}");
    }

    #[test]
    fn the_dead_make_room_first() {
        let cache = PrincipalCache::new(1);
        cache.insert(digest(1), somebody(), cache.generation(), 10, 0);
        for number in 2..200 {
            cache.insert(digest(number), somebody(), cache.generation(), 100, 20);
        }
        let kept: usize = cache.shards.iter().map(|shard| shard.read().len()).sum();
        assert!(kept <= SHARDS);
    }
}
