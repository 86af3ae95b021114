//! The parameter sets last received, for key frames that come without.

use std::fmt;

/// Some NAL units, by kind and identifier. A kind counts from 0, in the order in which decoders need them.
#[derive(Clone, Default)]
pub(super) struct ParameterSets(Vec<ParameterSet>);

#[derive(Clone)]
struct ParameterSet {
    kind: usize,
    id: u32,
    unit: Vec<u8>,
}

impl ParameterSets {
    /// Keeps a unit in place of the one with its identifier; nothing is done when it is the same. One that is too long is not
    /// kept, nor is the one whose place it takes, which no longer holds.
    pub(super) fn keep(&mut self, kind: usize, id: u32, unit: &[u8]) {
        let is_its = |set: &ParameterSet| set.kind == kind && set.id == id;
        if unit.len() > MAX_LEN {
            self.0.retain(|set| !is_its(set));
        } else if let Some(set) = self.0.iter_mut().find(|set| is_its(set)) {
            if set.unit != unit {
                set.unit.clear();
                set.unit.extend_from_slice(unit);
            }
        } else {
            if self.0.len() == MAX_COUNT {
                self.0.remove(0);
            }
            self.0.push(ParameterSet { kind, id, unit: unit.to_vec() });
        }
    }

    /// The units of a kind, in the order of their first coming.
    pub(super) fn of_kind(&self, kind: usize) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |set| set.kind == kind).map(|set| set.unit.as_slice())
    }
}

impl fmt::Debug for ParameterSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|set| (set.kind, set.id, set.unit.len()))).finish()
    }
}

/// Bounds on what a peer makes us keep; real sets have some tens of bytes, and encoders use one or two of a kind.
const MAX_COUNT: usize = 16;
const MAX_LEN: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_takes_the_place_of_the_one_with_its_identifier() {
        let mut sets = ParameterSets::default();
        sets.keep(0, 7, &[1, 2]);
        sets.keep(1, 7, &[3]);
        sets.keep(0, 8, &[4]);
        sets.keep(0, 7, &[5]);
        assert_eq!(sets.of_kind(0).collect::<Vec<_>>(), [&[5][..], &[4]]);
        assert_eq!(sets.of_kind(1).collect::<Vec<_>>(), [&[3][..]]);
    }

    #[test]
    fn what_a_peer_makes_us_keep_is_bounded() {
        let mut sets = ParameterSets::default();
        sets.keep(0, 1000, &[0; MAX_LEN + 1]);
        assert_eq!(sets.of_kind(0).count(), 0);
        for id in 0..1000 {
            sets.keep(0, id, &[9; MAX_LEN]);
        }
        assert_eq!(sets.of_kind(0).count(), MAX_COUNT);
        sets.keep(0, 999, &[9; MAX_LEN + 1]);
        assert_eq!(sets.of_kind(0).count(), MAX_COUNT - 1);
        sets.keep(0, 1000, &[7]);
        assert_eq!(sets.of_kind(0).last().unwrap(), [7]);
        sets.keep(0, 1000, &[9; MAX_LEN]);
        assert!(sets.of_kind(0).all(|unit| unit.len() == MAX_LEN));
        assert!(!format!("{sets:?}").contains("9, 9"));
    }
}
