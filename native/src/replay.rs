//! Replay window of RFC 6479 over 64-bit counters (data-plane.md §1.6).

use crate::limits::REJECT_AFTER_MESSAGES;

/// A whole word is cleared when the window moves into it, hence one word less than the ring holds.
pub const WINDOW: u64 = 127 * 64;
const WORDS: u64 = 128;

/// Which counters of one keypair have been seen.
pub struct ReplayWindow {
    ring: [u64; WORDS as usize],
    last: u64,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { ring: [0; WORDS as usize], last: 0 }
    }
}

impl ReplayWindow {
    /// A cheap look before decryption: false for what `accept` would refuse, without changing anything.
    pub fn may_accept(&self, counter: u64) -> bool {
        if counter >= REJECT_AFTER_MESSAGES {
            return false;
        }
        if counter > self.last {
            return true;
        }
        self.last - counter <= WINDOW && self.ring[word(counter)] & bit(counter) == 0
    }

    /// Checks and marks a counter; only for authenticated packets.
    pub fn accept(&mut self, counter: u64) -> bool {
        if !self.may_accept(counter) {
            return false;
        }
        if counter > self.last {
            let blocks = (counter >> 6) - (self.last >> 6);
            for i in 1..=blocks.min(WORDS) {
                self.ring[(((self.last >> 6) + i) % WORDS) as usize] = 0;
            }
            self.last = counter;
        }
        self.ring[word(counter)] |= bit(counter);
        true
    }
}

fn word(counter: u64) -> usize {
    ((counter >> 6) % WORDS) as usize
}

fn bit(counter: u64) -> u64 {
    1 << (counter & 63)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::testing::Random;

    const L: u64 = WINDOW + 1;
    const R: u64 = REJECT_AFTER_MESSAGES;

    #[test]
    fn follows_the_vectors_of_data_plane_7_5() {
        let rows = [
            (0, true),
            (1, true),
            (1, false),
            (9, true),
            (8, true),
            (7, true),
            (7, false),
            (L, true),
            (L - 1, true),
            (L - 1, false),
            (L - 2, true),
            (2, true),
            (2, false),
            (L + 16, true),
            (3, false),
            (L + 16, false),
            (4 * L, true),
            (4 * L - (L - 1), true),
            (10, false),
            (4 * L - L, false),
            (4 * L - (L + 1), false),
            (4 * L - (L - 2), true),
            (4 * L + 1 - L, false),
            (0, false),
            (R, false),
            (R - 1, true),
            (R, false),
            (R - 1, false),
            (R - 2, true),
            (R + 1, false),
            (R + 2, false),
            (R - 2, false),
            (R - 3, true),
            (0, false),
        ];
        let mut window = ReplayWindow::default();
        for (i, (counter, expected)) in rows.into_iter().enumerate() {
            assert_eq!(window.may_accept(counter), expected, "row {i}, before");
            assert_eq!(window.accept(counter), expected, "row {i}");
        }
    }

    #[test]
    fn follows_the_bulk_vectors_of_data_plane_7_5() {
        fn all(order: impl Iterator<Item = u64>, then: &[(u64, bool)]) {
            let mut window = ReplayWindow::default();
            for counter in order {
                assert!(window.accept(counter), "{counter}");
            }
            for &(counter, expected) in then {
                assert_eq!(window.accept(counter), expected, "{counter}");
            }
        }
        all(1..=8128, &[(0, true), (0, false)]);
        all(2..=8129, &[(1, true), (0, false)]);
        all((1..=8129).rev(), &[]);
        all((2..=8130).rev(), &[(0, false)]);
        all((1..=8128).rev(), &[(8129, true), (0, false)]);
        all((1..=8128).rev(), &[(0, true), (8129, true)]);
    }

    #[test]
    fn agrees_with_a_set_of_all_counters() {
        let mut random = Random::new(7);
        for _ in 0..40 {
            let mut window = ReplayWindow::default();
            let mut seen = HashSet::new();
            let mut last = 0u64;
            for _ in 0..3000 {
                let counter = match random.below(20) {
                    0 => last.saturating_add(random.below(30_000) as u64),
                    1..=8 => last.saturating_sub(random.below(9_000) as u64),
                    _ => last.saturating_add(random.below(70) as u64),
                };
                let expected = last.saturating_sub(counter) <= WINDOW && !seen.contains(&counter);
                assert_eq!(window.accept(counter), expected, "{counter} after {last}");
                seen.insert(counter);
                last = last.max(counter);
            }
        }
    }
}
