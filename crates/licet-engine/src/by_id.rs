//! Maps by instance.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use licet_core::InstanceId;

/// A map whose keys are instances' ids. The server makes these, and the half that is hashed is
/// random, so nobody can choose ids that collide.
pub(crate) type ById<V> = HashMap<InstanceId, V, BuildHasherDefault<RandomHalf>>;

/// Takes the last eight bytes of an id as they are.
#[derive(Debug, Default)]
pub(crate) struct RandomHalf(u64);

impl Hasher for RandomHalf {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk::<8>() {
            // The table takes its place from the low bits, and those of the first of these bytes
            // are the same in every UUID.
            self.0 = u64::from_be_bytes(*last);
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
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_are_told_apart_by_their_random_half() {
        let mut map = ById::default();
        for low in 0..1_000_u64 {
            map.insert(InstanceId(Uuid::from_u64_pair(7, low)), low);
        }
        assert_eq!(map.len(), 1_000);
        assert_eq!(map.get(&InstanceId(Uuid::from_u64_pair(7, 999))), Some(&999));
        let mut hasher = RandomHalf::default();
        std::hash::Hash::hash(&InstanceId(Uuid::from_u64_pair(7, 999)), &mut hasher);
        assert_eq!(hasher.finish(), 999, "the whole half is used, its last byte lowest");
    }
}
