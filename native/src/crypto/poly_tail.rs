//! Beginning and end of Poly1305 that are the same for every lane: reading the key, and the last reduction (RFC 8439 §2.5).

use super::backend::{LANES, Lane};

const LIMB: u64 = (1 << 26) - 1;

/// A one-time key: r in limbs of 26 bits, clamped, and s.
pub struct PolyKey {
    /// Limbs of r, lowest first.
    pub r: [u32; 5],
    s: u128,
}

impl PolyKey {
    /// From the first 32 bytes of key stream block 0.
    pub fn of(block: &[u8; 64]) -> Self {
        let half = |at: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&block[at..at + 16]);
            u128::from_le_bytes(bytes)
        };
        let r = half(0) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
        let limb = |i: u32| ((r >> (26 * i)) as u64 & LIMB) as u32;
        Self { r: [limb(0), limb(1), limb(2), limb(3), limb(4)], s: half(16) }
    }

    /// r in limbs of 44 bits.
    pub fn r44(&self) -> [u64; 3] {
        let r = self.r.iter().rev().fold(0u128, |all, limb| all << 26 | u128::from(*limb));
        let limb = |shift: u32| (r >> shift) as u64 & ((1 << 44) - 1);
        [limb(0), limb(44), limb(88)]
    }
}

/// Writes the tags of all lanes behind their `len` bytes; or compares them with those that are there, and bit i of the result
/// says that lane i has the right one.
///
/// # Safety
/// Each lane's `data` must be valid for reads and writes of `len + 16` bytes.
pub unsafe fn end<const SEAL: bool>(
    lanes: &[Lane; LANES],
    len: usize,
    sums: &[[u64; 5]; LANES],
    keys: &[PolyKey; LANES],
) -> u8 {
    let mut good = 0;
    for (i, lane) in lanes.iter().enumerate() {
        let tag = finish(&sums[i], &keys[i]);
        // SAFETY: within the lane, for which the caller vouches; bytes need no alignment.
        let place = unsafe { &mut *lane.data.add(len).cast::<[u8; 16]>() };
        if SEAL {
            *place = tag;
        } else {
            let diff = place.iter().zip(&tag).fold(0, |all, (a, b)| all | (a ^ b));
            good |= u8::from(diff == 0) << i;
        }
    }
    good
}

/// The tag for a sum whose limbs may still be a little above 26 bits.
pub fn finish(sum: &[u64; 5], key: &PolyKey) -> [u8; 16] {
    let mut h = *sum;
    // Twice around, so that what the top limb carries over is carried on as well.
    for _ in 0..2 {
        for i in 0..4 {
            h[i + 1] += h[i] >> 26;
            h[i] &= LIMB;
        }
        h[0] += (h[4] >> 26) * 5;
        h[4] &= LIMB;
    }
    h[1] += h[0] >> 26;
    h[0] &= LIMB;
    // h + 5 - 2^130 is h - p: taken when it did not become negative, without a branch.
    let mut g = [0u64; 5];
    let mut carry = 5;
    for i in 0..5 {
        g[i] = h[i] + carry;
        carry = g[i] >> 26;
        g[i] &= LIMB;
    }
    let take = 0u64.wrapping_sub(carry);
    let mut low = 0u128;
    for i in 0..5 {
        let limb = (h[i] & !take) | (g[i] & take);
        low = low.wrapping_add(u128::from(limb).wrapping_shl(26 * i as u32));
    }
    low.wrapping_add(key.s).to_le_bytes()
}
