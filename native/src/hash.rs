//! A quick keyed hash for what is looked up for each packet: who sends packets cannot tell which of them meet in one place.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map for short keys of numbers.
pub type QuickMap<K, V> = HashMap<K, V, Keyed>;

/// The key; another one for each table.
#[derive(Clone)]
pub struct Keyed {
    start: u64,
    factor: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Self { start: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding { state: self.start, factor: self.factor }
    }
}

/// Takes numbers in one after another: each is multiplied, and the upper half of the product folded onto the lower.
pub struct Folding {
    state: u64,
    factor: u64,
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.state ^ value) * u128::from(self.factor);
        self.state = (product >> 64) as u64 ^ product as u64;
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64((value >> 64) as u64);
        self.write_u64(value as u64);
    }

    /// Once more, and what is best mixed where tables look: under some keys neighbours would share few places otherwise.
    fn finish(&self) -> u64 {
        self.state.wrapping_mul(self.factor).swap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbours_spread_over_all_places_whatever_the_key() {
        for step in [0, 8, 16, 40] {
            for _ in 0..50 {
                let keyed = Keyed::default();
                let place = |i: u128| keyed.hash_one(0xfd7a << 112 | i << step) % 4_096;
                let places: HashSet<u64> = (0..4_096).map(place).collect();
                // Of as many at random 63 % would be taken, which is 2,589.
                assert!(places.len() > 2_400, "{} in steps of 2^{step}", places.len());
            }
        }
    }

    #[test]
    fn the_same_key_gives_the_same_number_and_another_one_another() {
        let keyed = Keyed::default();
        assert_eq!(keyed.hash_one(7u32), keyed.hash_one(7u32));
        assert_ne!(keyed.hash_one(7u32), Keyed::default().hash_one(7u32));
    }
}
