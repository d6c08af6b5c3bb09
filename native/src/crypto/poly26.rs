//! Poly1305 of several packets at once, one packet per lane, in five limbs of 26 bits (RFC 8439 §2.5): the same for vectors of
//! any width.

use super::poly_tail::PolyKey;

const LIMB: i64 = (1 << 26) - 1;
/// The bit above a block of 16 bytes, in the limb that begins at bit 104.
const HIGH_BIT: i64 = 1 << 24;

macro_rules! poly26 {
    ($module:ident, $features:literal, $vector:ident, $lanes:literal, $($name:ident = $intrinsic:ident),+) => {
        pub mod $module {
            use std::arch::x86_64::{$vector, $($intrinsic as $name),+};

            use super::*;

            /// Sums under as many keys as there are lanes.
            pub struct Poly {
                h: [$vector; 5],
                r: [$vector; 5],
                /// 5 r, of which the first is not needed.
                s: [$vector; 5],
            }

            impl Poly {
                /// Nothing absorbed yet.
                #[target_feature(enable = $features)]
                #[inline]
                pub fn new(keys: &[PolyKey]) -> Self {
                    let mut r = [zero(); 5];
                    let mut s = [zero(); 5];
                    for limb in 0..5 {
                        let mut column = [0u64; $lanes];
                        for (word, key) in column.iter_mut().zip(keys) {
                            *word = u64::from(key.r[limb]);
                        }
                        // SAFETY: a column is as large as a vector, and the load needs no alignment.
                        r[limb] = unsafe { load(column.as_ptr().cast()) };
                        s[limb] = add(r[limb], shift_left::<2>(r[limb]));
                    }
                    Self { h: [zero(); 5], r, s }
                }

                /// One block of 16 bytes of every packet, as two little-endian words.
                #[target_feature(enable = $features)]
                #[inline]
                pub fn absorb(&mut self, low: $vector, high: $vector) {
                    let mask = splat(LIMB);
                    let Self { h, r, s } = self;
                    let h0 = add(h[0], and(low, mask));
                    let h1 = add(h[1], and(shift_right::<26>(low), mask));
                    let middle = or(shift_right::<52>(low), shift_left::<12>(high));
                    let h2 = add(h[2], and(middle, mask));
                    let h3 = add(h[3], and(shift_right::<14>(high), mask));
                    let top = or(shift_right::<40>(high), splat(HIGH_BIT));
                    let h4 = add(h[4], top);
                    let sum = |pairs: [($vector, $vector); 5]| {
                        pairs.into_iter().fold(zero(), |total, (a, b)| add(total, multiply(a, b)))
                    };
                    let d0 = sum([(h0, r[0]), (h1, s[4]), (h2, s[3]), (h3, s[2]), (h4, s[1])]);
                    let d1 = sum([(h0, r[1]), (h1, r[0]), (h2, s[4]), (h3, s[3]), (h4, s[2])]);
                    let d2 = sum([(h0, r[2]), (h1, r[1]), (h2, r[0]), (h3, s[4]), (h4, s[3])]);
                    let d3 = sum([(h0, r[3]), (h1, r[2]), (h2, r[1]), (h3, r[0]), (h4, s[4])]);
                    let d4 = sum([(h0, r[4]), (h1, r[3]), (h2, r[2]), (h3, r[1]), (h4, r[0])]);
                    // Two carry chains, 0-1-2 and 3-4-0, that overlap in time.
                    let d1 = add(d1, shift_right::<26>(d0));
                    let d4 = add(d4, shift_right::<26>(d3));
                    let d0 = and(d0, mask);
                    let d3 = and(d3, mask);
                    let carry = shift_right::<26>(d4);
                    let d2 = add(d2, shift_right::<26>(d1));
                    let d0 = add(d0, add(carry, shift_left::<2>(carry)));
                    let d1 = and(d1, mask);
                    let d4 = and(d4, mask);
                    let d3 = add(d3, shift_right::<26>(d2));
                    let d1 = add(d1, shift_right::<26>(d0));
                    let d2 = and(d2, mask);
                    let d0 = and(d0, mask);
                    let d4 = add(d4, shift_right::<26>(d3));
                    let d3 = and(d3, mask);
                    *h = [d0, d1, d2, d3, d4];
                }

                /// The limbs of each packet's sum.
                #[target_feature(enable = $features)]
                #[inline]
                pub fn sums(&self) -> [[u64; 5]; $lanes] {
                    let mut sums = [[0u64; 5]; $lanes];
                    for (limb, vector) in self.h.iter().enumerate() {
                        let mut column = [0u64; $lanes];
                        // SAFETY: a column is as large as a vector, and the store needs no alignment.
                        unsafe { store(column.as_mut_ptr().cast(), *vector) };
                        for (sum, word) in sums.iter_mut().zip(column) {
                            sum[limb] = word;
                        }
                    }
                    sums
                }
            }
        }
    };
}

poly26!(
    avx2,
    "avx2",
    __m256i,
    4,
    zero = _mm256_setzero_si256,
    splat = _mm256_set1_epi64x,
    load = _mm256_loadu_si256,
    store = _mm256_storeu_si256,
    add = _mm256_add_epi64,
    multiply = _mm256_mul_epu32,
    and = _mm256_and_si256,
    or = _mm256_or_si256,
    shift_left = _mm256_slli_epi64,
    shift_right = _mm256_srli_epi64
);
poly26!(
    avx512,
    "avx512f",
    __m512i,
    8,
    zero = _mm512_setzero_si512,
    splat = _mm512_set1_epi64,
    load = _mm512_loadu_si512,
    store = _mm512_storeu_si512,
    add = _mm512_add_epi64,
    multiply = _mm512_mul_epu32,
    and = _mm512_and_si512,
    or = _mm512_or_si512,
    shift_left = _mm512_slli_epi64,
    shift_right = _mm512_srli_epi64
);
