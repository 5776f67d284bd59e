//! Values that are looked up by names they have.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Values up to which none is hashed.
const FEW: usize = 8;

/// Values in the order in which they came, looked up by what a caller has borrowed. What was found
/// last is often what is looked for next.
///
/// Callers of the service choose the names, so the hashes are keyed.
#[derive(Debug)]
pub(super) struct ByNames<V> {
    values: Vec<(u64, V)>,
    /// Places of the values by hash, once there are more than few.
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    last: usize,
}

impl<V> Default for ByNames<V> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: 0,
        }
    }
}

impl<V> ByNames<V> {
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().map(|(_, value)| value)
    }

    /// Forgets all values, and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.places.clear();
        self.last = 0;
    }

    /// The value with these names, of which `is_it` is true; `make` makes it if it is not there.
    pub(super) fn find_or_put(
        &mut self,
        names: impl Hash,
        is_it: impl Fn(&V) -> bool,
        make: impl FnOnce() -> V,
    ) -> &mut V {
        let is_last = self.values.get(self.last).is_some_and(|(_, value)| is_it(value));
        if !is_last {
            self.last = match self.place(&names, is_it) {
                Some(place) => place,
                None => self.put(&names, make()),
            };
        }
        &mut self.values[self.last].1
    }

    fn place(&self, names: impl Hash, is_it: impl Fn(&V) -> bool) -> Option<usize> {
        if self.values.len() <= FEW {
            return self.values.iter().position(|(_, value)| is_it(value));
        }
        let is_there = |place: &u32| is_it(&self.values[*place as usize].1);
        self.places.find(self.hasher.hash_one(names), is_there).map(|place| *place as usize)
    }

    fn put(&mut self, names: impl Hash, value: V) -> usize {
        let place = self.values.len();
        self.values.push((self.hasher.hash_one(names), value));
        if self.values.len() > FEW {
            // The first few come along with the one that makes them many.
            let from = if place == FEW { 0 } else { place };
            for place in from..self.values.len() {
                let hash = |place: &u32| self.values[*place as usize].0;
                self.places.insert_unique(self.values[place].0, place as u32, hash);
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_names_few_or_many() {
        let mut values = ByNames::default();
        for round in 0..3 {
            for number in 0..100 {
                let name = format!("name-{number}");
                let value = values.find_or_put(
                    (&*name, 7),
                    |(known, _): &(String, u32)| *known == name,
                    || (name.clone(), 0),
                );
                assert_eq!(*value, (name, round));
                value.1 += 1;
            }
        }
        let names: Vec<_> = values.values().map(|(name, _)| &**name).collect();
        assert_eq!((names.len(), names[0], names[99]), (100, "name-0", "name-99"));
        values.clear();
        assert_eq!(values.values().count(), 0);
        values.find_or_put("name-0", |_| true, || ("name-0".to_owned(), 0));
        assert_eq!(values.values().count(), 1);
    }
}
