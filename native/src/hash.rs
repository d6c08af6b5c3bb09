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

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbouring_numbers_spread_over_all_places() {
        let keyed = Keyed::default();
        let places: HashSet<u64> = (0..4_096u128).map(|i| keyed.hash_one(0xfd7a << 112 | i) % 4_096).collect();
        // Of as many at random 63 % would be taken.
        assert!(places.len() > 2_000, "{}", places.len());
        assert_eq!(keyed.hash_one(7u32), keyed.hash_one(7u32));
        assert_ne!(keyed.hash_one(7u32), Keyed::default().hash_one(7u32));
    }
}
