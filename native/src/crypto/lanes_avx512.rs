//! ChaCha20-Poly1305 of eight packets at once, one packet per lane, for AVX-512 (data-plane.md §2.11, RFC 8439).
//!
//! Sixteen vectors of sixteen words; lanes 0 to 7 are one block of each packet, 8 to 15 the next block. No branch and no index
//! depends on a secret: lengths and counters are public.

use std::arch::x86_64::*;

use super::backend::{LANES, Lane};
use super::chacha::{beginning, rounds};
use super::poly_tail::{PolyKey, end};
use super::{poly26, poly44};

const BLOCK: usize = 64;

/// Whether this machine has what the kernels are compiled for, the operating system's part included.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
}

/// Whether it also multiplies 52-bit numbers.
pub fn has_ifma() -> bool {
    is_supported() && is_x86_feature_detected!("avx512ifma")
}

/// The kernel for one way to multiply; everything else is the same.
macro_rules! kernels {
    ($name:ident, $features:literal, $poly:ty) => {
        pub mod $name {
            use super::*;

            /// Seals eight packets of `len` bytes each in place and appends their tags; or opens them, and bit i of the result
            /// says that packet i is authentic. What is left of one that isn't must not be looked at.
            ///
            /// # Safety
            /// `is_supported()` must have been true. Each lane's `data` must be valid for reads and writes of `len + 16` bytes; lanes
            /// may share memory only where nobody reads what they leave there.
            #[target_feature(enable = $features)]
            pub unsafe fn run<const SEAL: bool>(key: &[u32; 8], lanes: &[Lane; LANES], len: usize) -> u8 {
                let initial = state(key, lanes);
                let first = blocks(&initial, 0);
                let mut keys = [[0u8; BLOCK]; LANES];
                for (row, bytes) in first.iter().zip(keys.iter_mut()) {
                    // SAFETY: `bytes` is 64 bytes of our own.
                    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), *row) };
                }
                let keys = keys.map(|bytes| PolyKey::of(&bytes));
                let mut poly = <$poly>::new(&keys);
                let mut at = 0;
                let mut rows = first;
                let mut half = 1;
                let mut block = 0;
                while at < len {
                    if half == 2 {
                        block += 2;
                        rows = blocks(&initial, block);
                        half = 0;
                    }
                    let size = (len - at).min(BLOCK);
                    // SAFETY: `at + size <= len`, for which the caller vouches.
                    unsafe { chunk::<SEAL>(&mut poly, lanes, at, size, &rows, half * LANES) };
                    half += 1;
                    at += BLOCK;
                }
                poly.absorb(_mm512_setzero_si512(), _mm512_set1_epi64(len as i64));
                // SAFETY: the tag's 16 bytes follow the packet's `len`, for which the caller vouches.
                unsafe { end::<SEAL>(lanes, len, &poly.sums(), &keys) }
            }

            /// One chunk of up to 64 bytes of every packet: xor with the key stream, and the ciphertext into the sums.
            ///
            /// # Safety
            /// Bytes `at..at + size` of every lane must be valid, `size` from 1 to 64.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn chunk<const SEAL: bool>(
                poly: &mut $poly,
                lanes: &[Lane; LANES],
                at: usize,
                size: usize,
                rows: &[__m512i; 16],
                first: usize,
            ) {
                let mask: __mmask64 = if size == BLOCK { !0 } else { (1 << size) - 1 };
                let mut cipher = [_mm512_setzero_si512(); LANES];
                for i in 0..LANES {
                    // SAFETY: the mask keeps the access within `size` bytes, for which the caller vouches.
                    let place = unsafe { lanes[i].data.add(at) };
                    // SAFETY: as above.
                    let input = unsafe { _mm512_maskz_loadu_epi8(mask, place.cast()) };
                    let output = _mm512_xor_si512(input, rows[first + i]);
                    cipher[i] = if SEAL { _mm512_maskz_mov_epi8(mask, output) } else { input };
                    // SAFETY: as above.
                    unsafe { _mm512_mask_storeu_epi8(place.cast(), mask, output) };
                }
                let words = transpose64(&cipher);
                for b in 0..size.div_ceil(16) {
                    poly.absorb(words[2 * b], words[2 * b + 1]);
                }
            }
        }
    };
}

kernels!(plain, "avx512f,avx512bw,avx512vl,avx512dq", poly26::avx512::Poly);
kernels!(ifma, "avx512f,avx512bw,avx512vl,avx512dq,avx512ifma", poly44::Poly44);

/// The sixteen state words of all lanes, with the block counter at 0 and 1.
#[target_feature(enable = "avx512f")]
#[inline]
fn state(key: &[u32; 8], lanes: &[Lane; LANES]) -> [__m512i; 16] {
    let mut state = [_mm512_setzero_si512(); 16];
    for (vector, word) in state.iter_mut().zip(beginning(key)) {
        *vector = _mm512_set1_epi32(word as i32);
    }
    state[12] = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    for (vector, shift) in state[14..].iter_mut().zip([0, 32]) {
        let words: [u32; 16] = std::array::from_fn(|i| (lanes[i % LANES].counter >> shift) as u32);
        // SAFETY: sixteen words are 64 bytes, and the load needs no alignment.
        *vector = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    }
    state
}

/// Key stream: rows 0 to 7 are block `block` of the packets, rows 8 to 15 the one after.
#[target_feature(enable = "avx512f")]
#[inline]
fn blocks(initial: &[__m512i; 16], block: u32) -> [__m512i; 16] {
    let mut v = *initial;
    v[12] = _mm512_add_epi32(v[12], _mm512_set1_epi32(block as i32));
    let counter = v[12];
    macro_rules! rotate {
        ($word:expr, $by:literal) => {
            _mm512_rol_epi32::<$by>($word)
        };
    }
    rounds!(v, _mm512_add_epi32, _mm512_xor_si512, rotate);
    for i in 0..16 {
        let start = if i == 12 { counter } else { initial[i] };
        v[i] = _mm512_add_epi32(v[i], start);
    }
    transpose32(&v)
}

/// From word-major to lane-major: row i becomes the sixteen words of lane i.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose32(w: &[__m512i; 16]) -> [__m512i; 16] {
    let mut u = [_mm512_setzero_si512(); 16];
    for g in 0..4 {
        let low = _mm512_unpacklo_epi32(w[4 * g], w[4 * g + 1]);
        let high = _mm512_unpackhi_epi32(w[4 * g], w[4 * g + 1]);
        let low2 = _mm512_unpacklo_epi32(w[4 * g + 2], w[4 * g + 3]);
        let high2 = _mm512_unpackhi_epi32(w[4 * g + 2], w[4 * g + 3]);
        u[4 * g] = _mm512_unpacklo_epi64(low, low2);
        u[4 * g + 1] = _mm512_unpackhi_epi64(low, low2);
        u[4 * g + 2] = _mm512_unpacklo_epi64(high, high2);
        u[4 * g + 3] = _mm512_unpackhi_epi64(high, high2);
    }
    // Vector 4g + k holds, in its quarter q, words 4g to 4g+3 of lane 4q + k.
    let mut rows = [_mm512_setzero_si512(); 16];
    for k in 0..4 {
        [rows[k], rows[4 + k], rows[8 + k], rows[12 + k]] = transpose128([u[k], u[4 + k], u[8 + k], u[12 + k]]);
    }
    rows
}

/// Eight packets' 64 bytes each to eight vectors, of which vector j holds 64-bit word j of every packet.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose64(p: &[__m512i; LANES]) -> [__m512i; LANES] {
    let mut t = [_mm512_setzero_si512(); LANES];
    for i in 0..4 {
        t[2 * i] = _mm512_unpacklo_epi64(p[2 * i], p[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi64(p[2 * i], p[2 * i + 1]);
    }
    // t[2i + k] holds, in its quarter q, word 2q + k of packets 2i and 2i + 1.
    let mut words = [_mm512_setzero_si512(); LANES];
    for k in 0..2 {
        [words[k], words[2 + k], words[4 + k], words[6 + k]] = transpose128([t[k], t[2 + k], t[4 + k], t[6 + k]]);
    }
    words
}

/// Vector q gets quarter q of each.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose128(v: [__m512i; 4]) -> [__m512i; 4] {
    let even = _mm512_shuffle_i64x2::<0x88>(v[0], v[1]);
    let odd = _mm512_shuffle_i64x2::<0xdd>(v[0], v[1]);
    let even2 = _mm512_shuffle_i64x2::<0x88>(v[2], v[3]);
    let odd2 = _mm512_shuffle_i64x2::<0xdd>(v[2], v[3]);
    [
        _mm512_shuffle_i64x2::<0x88>(even, even2),
        _mm512_shuffle_i64x2::<0x88>(odd, odd2),
        _mm512_shuffle_i64x2::<0xdd>(even, even2),
        _mm512_shuffle_i64x2::<0xdd>(odd, odd2),
    ]
}
