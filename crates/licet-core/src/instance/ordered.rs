//! An ordered map for very many entries whose keys mostly ascend.

use std::sync::Arc;

/// Most entries of a part.
const PART_MAX: usize = 64;
/// A part with fewer entries joins its neighbour.
const PART_MIN: usize = PART_MAX / 4;

/// A map in the order of its keys. Ascending inserts fill its parts to the last place, and a clone
/// shares them: a part is copied when one of the two changes it.
#[derive(Debug, Clone)]
pub(super) struct Ordered<K, V> {
    /// None of them is empty.
    parts: Vec<Part<K, V>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Part<K, V> {
    /// Its keys are not below this one, and those of the parts before it are.
    from: K,
    entries: Arc<Vec<(K, V)>>,
}

/// Where a key is, or where it would be put.
struct Place {
    part: usize,
    at: usize,
    is_taken: bool,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { parts: Vec::new(), len: 0 }
    }
}

impl<K, V> Ordered<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<&(K, V)> {
        self.parts.first()?.entries.first()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &(K, V)> {
        self.parts.iter().flat_map(|part| part.entries.iter())
    }
}

impl<K: Ord + Copy, V: Clone> Ordered<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let Place { part, at, is_taken } = self.place_of(key);
        is_taken.then(|| &self.parts[part].entries[at].1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let Place { part, at, is_taken } = self.place_of(key);
        is_taken.then(|| &mut self.parts[part].entries_mut()[at].1)
    }

    /// Entries whose keys are not below this one.
    pub(super) fn from(&self, key: K) -> impl Iterator<Item = &(K, V)> {
        let Place { part, at, .. } = self.place_of(&key);
        let parts = self.parts.get(part..).unwrap_or_default();
        parts.iter().flat_map(|part| part.entries.iter()).skip(at)
    }

    /// Puts a value in place of the one that stood there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let Place { part: index, at, is_taken } = self.place_of(&key);
        if is_taken {
            self.parts[index].entries_mut()[at].1 = value;
            return;
        }
        self.len += 1;
        match self.parts.get_mut(index) {
            None => self.parts.push(Part::new(vec![(key, value)])),
            Some(part) if part.entries.len() < PART_MAX => part.insert(at, (key, value)),
            Some(part) if at == 0 => {
                part.from = part.entries[0].0;
                self.parts.insert(index, Part::new(vec![(key, value)]));
            }
            Some(part) => {
                let rest = part.entries_mut().split_off(at);
                self.parts.insert(index + 1, Part::new(with_first((key, value), rest)));
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let Place { part, at, is_taken } = self.place_of(key);
        if !is_taken {
            return None;
        }
        self.len -= 1;
        let entries = self.parts[part].entries_mut();
        let (_, value) = entries.remove(at);
        if entries.is_empty() {
            self.parts.remove(part);
        } else if entries.len() < PART_MIN {
            self.join_next(part);
            self.join_next(part.saturating_sub(1));
        }
        Some(value)
    }

    /// Takes up the part after this one if both together leave room.
    fn join_next(&mut self, part: usize) {
        let Some(next) = self.parts.get(part + 1) else { return };
        if self.parts[part].entries.len() + next.entries.len() > PART_MAX / 2 {
            return;
        }
        let next = self.parts.remove(part + 1);
        self.parts[part].entries_mut().extend(Arc::unwrap_or_clone(next.entries));
    }

    fn place_of(&self, key: &K) -> Place {
        let after = self.parts.partition_point(|part| part.from <= *key);
        let part = after.saturating_sub(1);
        let Some(Part { entries, .. }) = self.parts.get(part) else {
            return Place { part, at: 0, is_taken: false };
        };
        match entries.binary_search_by(|(held, _)| held.cmp(key)) {
            Ok(at) => Place { part, at, is_taken: true },
            Err(at) => Place { part, at, is_taken: false },
        }
    }
}

impl<K: Ord + Copy, V: Clone> Part<K, V> {
    /// A part of entries, of which there are some.
    fn new(entries: Vec<(K, V)>) -> Self {
        Self { from: entries[0].0, entries: Arc::new(entries) }
    }

    fn entries_mut(&mut self) -> &mut Vec<(K, V)> {
        Arc::make_mut(&mut self.entries)
    }

    /// Puts an entry in and takes no more memory than a full part needs.
    fn insert(&mut self, at: usize, entry: (K, V)) {
        self.from = self.from.min(entry.0);
        let entries = self.entries_mut();
        let len = entries.len();
        if len == entries.capacity() {
            entries.reserve_exact((2 * len).min(PART_MAX) - len);
        }
        entries.insert(at, entry);
    }
}

fn with_first<T>(first: T, rest: Vec<T>) -> Vec<T> {
    let mut all = Vec::with_capacity((rest.len() + 1).next_power_of_two());
    all.push(first);
    all.extend(rest);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_plain_map_holds_and_a_clone_keeps_what_it_had(
            steps in prop::collection::vec((any::<bool>(), 0..600_u32), 0..2_000),
            cloned_after in 0..2_000_usize,
        ) {
            let mut ordered = Ordered::default();
            let mut plain = BTreeMap::new();
            let mut clones = None;
            for (step, (is_insert, key)) in steps.into_iter().enumerate() {
                if step == cloned_after {
                    clones = Some((ordered.clone(), plain.clone()));
                }
                if is_insert {
                    ordered.insert(key, step);
                    plain.insert(key, step);
                } else {
                    prop_assert_eq!(ordered.remove(&key), plain.remove(&key));
                }
                prop_assert_eq!(ordered.len(), plain.len());
            }
            for (ordered, plain) in [Some((ordered, plain)), clones].into_iter().flatten() {
                prop_assert!(ordered.iter().map(|(key, _)| key).eq(plain.keys()));
                prop_assert!(ordered.iter().rev().map(|(key, _)| key).eq(plain.keys().rev()));
                prop_assert_eq!(ordered.first().map(|(key, _)| key), plain.keys().next());
                for key in 0..600 {
                    prop_assert_eq!(ordered.get(&key), plain.get(&key));
                }
            }
        }
    }

    #[test]
    fn ascending_keys_leave_no_place_empty() {
        let mut ordered = Ordered::default();
        for key in 0..10_000 {
            ordered.insert(key, ());
        }
        let places: usize = ordered.parts.iter().map(|part| part.entries.capacity()).sum();
        assert!(places < 10_000 + PART_MAX, "{places}");
    }

    #[test]
    fn parts_that_empty_are_given_up() {
        let mut ordered = Ordered::default();
        for key in 0..10_000 {
            ordered.insert(key, ());
        }
        for key in (0..10_000).filter(|key| key % 100 != 0) {
            ordered.remove(&key);
        }
        assert!(ordered.parts.len() <= 100 / PART_MIN + 1, "{}", ordered.parts.len());
    }

    #[test]
    fn a_change_after_a_clone_copies_one_part() {
        let mut ordered = Ordered::default();
        for key in 0..10_000 {
            ordered.insert(key, 0);
        }
        let clone = ordered.clone();
        *ordered.get_mut(&5_000).expect("it is there") = 1;
        let parts = ordered.parts.iter().zip(&clone.parts);
        let own = parts.filter(|(part, other)| !Arc::ptr_eq(&part.entries, &other.entries));
        assert_eq!(own.count(), 1);
        assert_eq!(clone.get(&5_000), Some(&0));
    }
}
