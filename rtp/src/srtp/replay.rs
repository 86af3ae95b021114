//! Replay windows (RFC 3711, Section 3.3.2).

/// Which of the last packet indices have been received: at least the last `64 * (WORDS - 1)`, and up to 63 more.
/// `WORDS` is a bitmap's length, used as a ring.
#[derive(Debug, Clone)]
pub(crate) struct ReplayWindow<const WORDS: usize> {
    highest: u64,
    /// An index is bit `index % 64` of the word `index / 64 % WORDS`.
    seen: [u64; WORDS],
}

/// What a window says of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    Seen,
    /// Below the window.
    Old,
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    /// A window in which `first` alone has been received.
    pub(crate) fn new(first: u64) -> Self {
        let mut window = Self { highest: first, seen: [0; WORDS] };
        window.note(first);
        window
    }

    /// The highest index received.
    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    pub(crate) fn judge(&self, index: u64) -> Verdict {
        if index > self.highest {
            return Verdict::New;
        }
        if self.highest / 64 - index / 64 >= WORDS as u64 {
            return Verdict::Old;
        }
        let word = self.seen.get(slot::<WORDS>(index / 64)).copied().unwrap_or(u64::MAX);
        if word & bit(index) == 0 { Verdict::New } else { Verdict::Seen }
    }

    /// Notes a packet that is new, once it has proved to be authentic.
    pub(crate) fn note(&mut self, index: u64) {
        let (from, to) = (self.highest / 64, index / 64);
        if to > from {
            // At most each word once, however far the index jumps.
            for number in (from + 1..=to).take(WORDS) {
                if let Some(word) = self.seen.get_mut(slot::<WORDS>(number)) {
                    *word = 0;
                }
            }
        }
        self.highest = self.highest.max(index);
        if let Some(word) = self.seen.get_mut(slot::<WORDS>(to)) {
            *word |= bit(index);
        }
    }
}

/// Where the `number`th word of 64 indices is.
fn slot<const WORDS: usize>(number: u64) -> usize {
    // Below WORDS, so that it never fails.
    usize::try_from(number % WORDS as u64).unwrap_or_default()
}

const fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn agrees<const WORDS: usize>(first: u64, spread: u64, jump: u64) {
        let mut window = ReplayWindow::<WORDS>::new(first);
        let (mut seen, mut highest) = (BTreeSet::from([first]), first);
        let mut number = 1u64;
        let mut verdicts = [0; 3];
        for _ in 0..20_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let index = (highest + jump).saturating_sub((number >> 33) % spread);
            let verdict = window.judge(index);
            match verdict {
                Verdict::New => {
                    assert!(!seen.contains(&index));
                    window.note(index);
                    seen.insert(index);
                    highest = highest.max(index);
                    verdicts[0] += 1;
                }
                Verdict::Seen => {
                    assert!(seen.contains(&index));
                    verdicts[1] += 1;
                }
                Verdict::Old => {
                    assert!(highest - index >= 64 * (WORDS as u64 - 1));
                    verdicts[2] += 1;
                }
            }
            assert_eq!(window.highest(), highest);
            assert_ne!(window.judge(index), Verdict::New);
        }
        assert!(verdicts.iter().all(|count| *count > 0), "{verdicts:?}");
    }

    #[test]
    fn the_window_agrees_with_a_list_of_what_was_received() {
        agrees::<17>(40_000, 1500, 20);
        agrees::<17>(0, 3000, 900);
        agrees::<17>((1 << 48) - 4000, 1500, 1);
        agrees::<3>(0, 300, 30);
    }

    #[test]
    fn a_jump_empties_the_window() {
        let mut window = ReplayWindow::<3>::new(7);
        for index in 0..7 {
            window.note(index);
        }
        window.note((1 << 48) - 1);
        assert_eq!(window.judge(7), Verdict::Old);
        for back in 1..128 {
            assert_eq!(window.judge((1 << 48) - 1 - back), Verdict::New, "{back}");
        }
        assert_eq!(window.judge((1 << 48) - 1), Verdict::Seen);
    }
}
