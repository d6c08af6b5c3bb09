//! Poly1305 of eight packets at once, one packet per lane, for AVX-512 that multiplies 52-bit numbers (RFC 8439 §2.5).

use std::arch::x86_64::*;

use super::backend::LANES;
use super::poly_tail::PolyKey;

const LIMB26: u64 = (1 << 26) - 1;
const LIMB44: i64 = (1 << 44) - 1;
const LIMB42: i64 = (1 << 42) - 1;
/// The bit above a block of 16 bytes, in the limb that begins at bit 88.
const HIGH_BIT44: i64 = 1 << 40;

/// Sums in limbs of 44, 44 and 42 bits, with 52-bit multiplication.
pub struct Poly44 {
    h: [__m512i; 3],
    r: [__m512i; 3],
    /// 20 r: what is carried around from bit 132 counts 5 times 4. The first is not needed.
    s: [__m512i; 3],
}

impl Poly44 {
    /// Nothing absorbed yet.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub fn new(keys: &[PolyKey; LANES]) -> Self {
        let zero = _mm512_setzero_si512();
        let mut r = [zero; 3];
        let mut s = [zero; 3];
        for limb in 0..3 {
            let column: [u64; LANES] = std::array::from_fn(|lane| keys[lane].r44()[limb]);
            let times20: [u64; LANES] = column.map(|word| word * 20);
            // SAFETY: eight words are 64 bytes, and the load needs no alignment.
            r[limb] = unsafe { _mm512_loadu_si512(column.as_ptr().cast()) };
            // SAFETY: as above.
            s[limb] = unsafe { _mm512_loadu_si512(times20.as_ptr().cast()) };
        }
        Self { h: [zero; 3], r, s }
    }

    /// One block of 16 bytes of every packet, as two little-endian words.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn absorb(&mut self, low: __m512i, high: __m512i) {
        let mask = _mm512_set1_epi64(LIMB44);
        let Self { h, r, s } = self;
        let middle = _mm512_or_si512(_mm512_srli_epi64::<44>(low), _mm512_slli_epi64::<20>(high));
        let top = _mm512_or_si512(_mm512_srli_epi64::<24>(high), _mm512_set1_epi64(HIGH_BIT44));
        // All below 2^46, and 20 r below 2^49: what is multiplied fits into 52 bits.
        let h0 = _mm512_add_epi64(h[0], _mm512_and_si512(low, mask));
        let h1 = _mm512_add_epi64(h[1], _mm512_and_si512(middle, mask));
        let h2 = _mm512_add_epi64(h[2], top);
        macro_rules! sum {
            ($multiply:ident, $(($a:expr, $b:expr)),+) => {{
                let mut total = _mm512_setzero_si512();
                $(total = $multiply(total, $a, $b);)+
                total
            }};
        }
        let low0 = sum!(_mm512_madd52lo_epu64, (h2, s[1]), (h1, s[2]), (h0, r[0]));
        let high0 = sum!(_mm512_madd52hi_epu64, (h2, s[1]), (h1, s[2]), (h0, r[0]));
        let low1 = sum!(_mm512_madd52lo_epu64, (h2, s[2]), (h0, r[1]), (h1, r[0]));
        let high1 = sum!(_mm512_madd52hi_epu64, (h2, s[2]), (h0, r[1]), (h1, r[0]));
        let low2 = sum!(_mm512_madd52lo_epu64, (h0, r[2]), (h1, r[1]), (h2, r[0]));
        let high2 = sum!(_mm512_madd52hi_epu64, (h0, r[2]), (h1, r[1]), (h2, r[0]));
        // Bit 52 of a product is bit 8 of the next limb, or bit 10 after the one of 42 bits.
        let carry = _mm512_add_epi64(_mm512_srli_epi64::<44>(low0), _mm512_slli_epi64::<8>(high0));
        let low1 = _mm512_add_epi64(low1, carry);
        let carry = _mm512_add_epi64(_mm512_srli_epi64::<44>(low1), _mm512_slli_epi64::<8>(high1));
        let low2 = _mm512_add_epi64(low2, carry);
        let carry = _mm512_add_epi64(_mm512_srli_epi64::<42>(low2), _mm512_slli_epi64::<10>(high2));
        let around = _mm512_add_epi64(carry, _mm512_slli_epi64::<2>(carry));
        let low0 = _mm512_add_epi64(_mm512_and_si512(low0, mask), around);
        let low1 = _mm512_and_si512(low1, mask);
        *h = [
            _mm512_and_si512(low0, mask),
            _mm512_add_epi64(low1, _mm512_srli_epi64::<44>(low0)),
            _mm512_and_si512(low2, _mm512_set1_epi64(LIMB42)),
        ];
    }

    /// The limbs of each packet's sum, of 26 bits.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub fn sums(&self) -> [[u64; 5]; LANES] {
        let columns = self.h.map(|vector| {
            let mut column = [0u64; LANES];
            // SAFETY: eight words are 64 bytes, and the store needs no alignment.
            unsafe { _mm512_storeu_si512(column.as_mut_ptr().cast(), vector) };
            column
        });
        std::array::from_fn(|lane| {
            let limb = |word: u128| word as u64 & LIMB26;
            let low = u128::from(columns[0][lane]) + (u128::from(columns[1][lane]) << 44);
            let high = (low >> 78) + (u128::from(columns[2][lane]) << 10);
            [limb(low), limb(low >> 26), limb(low >> 52), limb(high), (high >> 26) as u64]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes_avx512::{has_ifma, is_supported};
    use super::super::poly_tail::finish;
    use super::super::{lanes_avx2, poly26};
    use super::*;
    use crate::testing::Random;

    /// The definition, bit by bit: (a + b) * r modulo 2^130 - 5, in words of 32 bits.
    fn reference(blocks: &[[u64; 2]], r: u128) -> [u32; 5] {
        let mut sum = [0u32; 5];
        for [low, high] in blocks {
            let words = [*low as u32, (*low >> 32) as u32, *high as u32, (*high >> 32) as u32, 1];
            sum = add(&sum, &words);
            let mut product = [0u32; 5];
            for bit in (0..128).rev() {
                product = add(&product, &product);
                if r >> bit & 1 == 1 {
                    product = add(&product, &sum);
                }
            }
            sum = product;
        }
        sum
    }

    /// Below 2^131 in, below 2^131 out.
    fn add(a: &[u32; 5], b: &[u32; 5]) -> [u32; 5] {
        let mut sum = [0u32; 5];
        let mut carry = 0u64;
        for i in 0..5 {
            carry += u64::from(a[i]) + u64::from(b[i]);
            sum[i] = carry as u32;
            carry >>= 32;
        }
        // What is above bit 130 counts five times.
        let mut carry = u64::from(sum[4] >> 2) * 5;
        sum[4] &= 3;
        for word in &mut sum {
            carry += u64::from(*word);
            *word = carry as u32;
            carry >>= 32;
        }
        sum
    }

    /// As `finish` takes it, without the key's second half.
    fn limbs(words: &[u32; 5]) -> [u64; 5] {
        let low = words.iter().take(4).rev().fold(0u128, |all, word| all << 32 | u128::from(*word));
        let limb = |shift: u32| (low >> shift) as u64 & LIMB26;
        [limb(0), limb(26), limb(52), limb(78), (low >> 104) as u64 | u64::from(words[4]) << 24]
    }

    #[test]
    fn every_shape_is_right_for_the_largest_numbers_and_for_any() {
        let mut random = Random::new(11);
        for round in 0..60 {
            let word = |random: &mut Random| [0, u64::MAX, random.next()][(round + random.below(2)) % 3];
            let count = 1 + random.below(40);
            let keys: [[u8; 64]; LANES] = std::array::from_fn(|_| {
                let mut bytes = [if round % 2 == 0 { 0xff } else { random.byte() }; 64];
                bytes[16..].fill(0);
                bytes
            });
            let blocks: Vec<[[u64; 2]; LANES]> =
                (0..count).map(|_| std::array::from_fn(|_| [word(&mut random), word(&mut random)])).collect();
            let poly = keys.each_ref().map(PolyKey::of);
            for (lane, tag) in tags(&poly, &blocks).iter().enumerate() {
                let mut half = [0; 16];
                half.copy_from_slice(&keys[lane][..16]);
                let r = u128::from_le_bytes(half) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
                let own: Vec<[u64; 2]> = blocks.iter().map(|row| row[lane]).collect();
                let expected = finish(&limbs(&reference(&own, r)), &poly[lane]);
                for (shape, tag) in tag.iter().enumerate() {
                    assert_eq!(*tag, expected, "shape {shape} lane {lane} in round {round}");
                }
            }
        }
    }

    /// Of every lane, in the shapes that this processor can do.
    fn tags(keys: &[PolyKey; LANES], blocks: &[[[u64; 2]; LANES]]) -> Vec<Vec<[u8; 16]>> {
        let mut of_shapes = Vec::new();
        if lanes_avx2::is_supported() {
            // SAFETY: the processor has what they need.
            of_shapes.push(unsafe { sums_avx2(keys, blocks) });
        }
        if is_supported() {
            // SAFETY: as above.
            of_shapes.push(unsafe { sums26(keys, blocks) });
        }
        if has_ifma() {
            // SAFETY: as above.
            of_shapes.push(unsafe { sums44(keys, blocks) });
        }
        (0..LANES).map(|lane| of_shapes.iter().map(|sums| finish(&sums[lane], &keys[lane])).collect()).collect()
    }

    #[target_feature(enable = "avx512f")]
    fn column(row: &[[u64; 2]; LANES], half: usize) -> __m512i {
        let words: [u64; LANES] = std::array::from_fn(|lane| row[lane][half]);
        // SAFETY: eight words are 64 bytes, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn sums_avx2(keys: &[PolyKey; LANES], blocks: &[[[u64; 2]; LANES]]) -> [[u64; 5]; LANES] {
        let mut sums = [[0; 5]; LANES];
        for (first, sums) in [0, 4].into_iter().zip(sums.chunks_mut(4)) {
            let mut poly = poly26::avx2::Poly::new(&keys[first..first + 4]);
            for row in blocks {
                let column = |half: usize| {
                    let words: [u64; 4] = std::array::from_fn(|lane| row[first + lane][half]);
                    // SAFETY: four words are 32 bytes, and the load needs no alignment.
                    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
                };
                poly.absorb(column(0), column(1));
            }
            sums.copy_from_slice(&poly.sums());
        }
        sums
    }

    #[target_feature(enable = "avx512f")]
    fn sums26(keys: &[PolyKey; LANES], blocks: &[[[u64; 2]; LANES]]) -> [[u64; 5]; LANES] {
        let mut poly = poly26::avx512::Poly::new(keys);
        blocks.iter().for_each(|row| poly.absorb(column(row, 0), column(row, 1)));
        poly.sums()
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn sums44(keys: &[PolyKey; LANES], blocks: &[[[u64; 2]; LANES]]) -> [[u64; 5]; LANES] {
        let mut poly = Poly44::new(keys);
        blocks.iter().for_each(|row| poly.absorb(column(row, 0), column(row, 1)));
        poly.sums()
    }
}
