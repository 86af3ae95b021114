//! Streams by key: constant time, and no key is used twice.

/// Values that come and go.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<(u64, Option<T>)>,
    len: usize,
    free: Vec<usize>,
    serial: u64,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), serial: 0, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds what `make` makes of the new key.
    pub(crate) fn insert(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        self.serial += 1;
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let key = Key(self.serial << SLOT_BITS | slot as u64);
        let entry = (key.0, Some(make(key)));
        match self.slots.get_mut(slot) {
            Some(free) => *free = entry,
            None => self.slots.push(entry),
        }
        self.len += 1;
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.slots.get(key.slot()).filter(|(full, _)| *full == key.0)?.1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slots.get_mut(key.slot()).filter(|(full, _)| *full == key.0)?.1.as_mut()
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let (_, value) = self.slots.get_mut(key.slot()).filter(|(full, _)| *full == key.0)?;
        let removed = value.take()?;
        self.free.push(key.slot());
        self.len -= 1;
        Some(removed)
    }

    /// In the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|(_, value)| value.as_ref())
    }

    /// In the order of their slots.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|(_, value)| value.as_mut())
    }
}

/// The key of one value: its slot in the lower bits, its serial number above. It says nothing once the value is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u64);

/// More slots than any bound on streams allows.
const SLOT_BITS: u32 = 24;

impl Key {
    fn slot(self) -> usize {
        usize::try_from(self.0 & ((1 << SLOT_BITS) - 1)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_used_twice_although_its_slot_is() {
        let mut slab = Slab::new();
        let first = slab.insert(|_| 'a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert(|_| 'b');
        assert_eq!(first.slot(), second.slot());
        assert_eq!((slab.get(first), slab.get(second), slab.len()), (None, Some(&'b'), 1));
        assert_eq!(slab.remove(first), None);
    }
}
