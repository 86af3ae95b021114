//! A set of TSNs as sorted runs.

use std::collections::VecDeque;

use crate::serial::Tsn;

/// Disjoint runs in ascending order, none touching the next; both ends included.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    runs: VecDeque<(Tsn, Tsn)>,
}

impl Ranges {
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (Tsn, Tsn)> + '_ {
        self.runs.iter().copied()
    }

    pub(crate) fn last(&self) -> Option<Tsn> {
        self.runs.back().map(|&(_, end)| end)
    }

    pub(crate) fn contains(&self, tsn: Tsn) -> bool {
        let after = self.runs.partition_point(|&(start, _)| start <= tsn);
        after.checked_sub(1).and_then(|index| self.runs.get(index)).is_some_and(|&(_, end)| tsn <= end)
    }

    /// Adds `start..=end`; each part that was not there is handed to `new`. Steps: the logarithm of the runs, plus the
    /// runs swallowed.
    pub(crate) fn insert(&mut self, start: Tsn, end: Tsn, mut new: impl FnMut(Tsn, Tsn)) {
        // The first run that touches or follows `start`.
        let first = self.runs.partition_point(|&(_, run_end)| run_end.next() < start);
        let (mut from, mut to, mut fresh) = (start, end, start);
        let mut after = first;
        while let Some(&(run_start, run_end)) = self.runs.get(after) {
            if run_start > end.next() {
                break;
            }
            from = from.min(run_start);
            to = to.max(run_end);
            if fresh < run_start && fresh <= end {
                new(fresh, run_start.previous().min(end));
            }
            fresh = fresh.max(run_end.next());
            after = after.saturating_add(1);
        }
        if fresh <= end {
            new(fresh, end);
        }
        if let Some(run) = self.runs.get_mut(first).filter(|_| after > first) {
            *run = (from, to);
            if after > first.saturating_add(1) {
                self.runs.drain(first.saturating_add(1)..after);
            }
        } else {
            self.runs.insert(first, (from, to));
        }
    }

    /// Forgets everything up to `cum`; returns the new cumulative TSN, which absorbs a run that touches it.
    pub(crate) fn advance(&mut self, cum: Tsn) -> Tsn {
        while let Some(run) = self.runs.front_mut() {
            if run.0 > cum.next() {
                break;
            }
            let end = run.1;
            self.runs.pop_front();
            if end > cum {
                return end;
            }
        }
        cum
    }

    /// Forgets everything up to `cum` without absorbing.
    pub(crate) fn trim(&mut self, cum: Tsn) {
        while let Some(run) = self.runs.front_mut() {
            if run.1 <= cum {
                self.runs.pop_front();
            } else {
                run.0 = run.0.max(cum.next());
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_set(ops in prop::collection::vec((0u64..60, 0u64..8), 0..60), cut in 0u64..40) {
            let base = Tsn::initial(u32::MAX - 10);
            let mut set = BTreeSet::new();
            let mut ranges = Ranges::default();
            for (start, len) in ops {
                let mut fresh = Vec::new();
                ranges.insert(base.plus(start), base.plus(start + len), |a, b| {
                    assert!(a <= b);
                    fresh.extend((a.since(base)..=b.since(base)).collect::<Vec<_>>());
                });
                let expected: Vec<u64> = (start..=start + len).filter(|n| set.insert(*n)).collect();
                prop_assert_eq!(fresh, expected);
                for n in 0..70 {
                    prop_assert_eq!(ranges.contains(base.plus(n)), set.contains(&n));
                }
                let runs: Vec<_> = ranges.iter().collect();
                prop_assert!(runs.windows(2).all(|w| w[0].1.next() < w[1].0));
            }
            let mut cum = cut;
            while set.contains(&(cum + 1)) { cum += 1; }
            prop_assert_eq!(ranges.advance(base.plus(cut)).since(base), cum);
            set.retain(|n| *n > cum);
            prop_assert_eq!(ranges.iter().map(|(a, b)| b.since(a) + 1).sum::<u64>(), set.len() as u64);
        }
    }
}
