//! The replay window (RFC 6347, Section 4.1.2.6).

/// Which of the last 128 record numbers have been received.
#[derive(Debug, Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest number received.
    next: u64,
    /// Bit `i` stands for the number `next - 1 - i`.
    seen: u128,
}

impl ReplayWindow {
    /// Whether `number` is new and not older than the window.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        let Some(age) = self.next.checked_sub(number).and_then(|age| age.checked_sub(1)) else {
            return true;
        };
        age < u64::from(u128::BITS) && self.seen & (1 << age) == 0
    }

    /// Notes a record, once it has proved to be authentic.
    pub(crate) fn note(&mut self, number: u64) {
        match self.next.checked_sub(number).and_then(|age| age.checked_sub(1)) {
            Some(age) if age < u64::from(u128::BITS) => self.seen |= 1 << age,
            Some(_) => {}
            None => {
                let step =
                    u32::try_from(number.saturating_sub(self.next).saturating_add(1)).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
                self.next = number.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_in_any_order_within_the_window() {
        let mut window = ReplayWindow::default();
        for number in [0, 5, 3, 130, 4, 131] {
            assert!(window.is_new(number), "{number}");
            window.note(number);
            assert!(!window.is_new(number), "{number}");
        }
        assert!(window.is_new(6) && !window.is_new(3) && !window.is_new(2), "2 has left the window");
        assert!(window.is_new(132) && window.is_new(u64::MAX >> 16));
    }

    #[test]
    fn a_jump_empties_the_window() {
        let mut window = ReplayWindow::default();
        window.note(7);
        window.note((1 << 48) - 1);
        assert!(!window.is_new(7) && window.is_new((1 << 48) - 2) && !window.is_new((1 << 48) - 1));
    }

    #[test]
    fn the_window_agrees_with_a_list_of_what_was_received() {
        let mut window = ReplayWindow::default();
        let (mut seen, mut highest, mut number) = (std::collections::BTreeSet::new(), 0, 1u64);
        for _ in 0..5000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let candidate = (highest + 40u64).saturating_sub((number >> 33) % 220);
            let expected = !seen.contains(&candidate) && candidate + 128 > highest;
            assert_eq!(window.is_new(candidate), expected || seen.is_empty());
            if window.is_new(candidate) {
                window.note(candidate);
                seen.insert(candidate);
                highest = highest.max(candidate);
            }
        }
    }
}
