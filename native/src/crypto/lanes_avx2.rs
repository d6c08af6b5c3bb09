//! ChaCha20-Poly1305 of eight packets at once, one packet per lane, for AVX2 (data-plane.md §2.11, RFC 8439).
//!
//! ChaCha: sixteen vectors of eight words, one block of each packet. Poly1305: two halves of four lanes each. No branch and no
//! index depends on a secret: lengths and counters are public.

use std::arch::x86_64::*;

use super::backend::{LANES, Lane};
use super::chacha::{beginning, rounds};
use super::poly_tail::{PolyKey, end};
use super::poly26::avx2::Poly;

const BLOCK: usize = 64;

/// Whether this machine has what the kernels are compiled for.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Seals eight packets of `len` bytes each in place and appends their tags; or opens them, and bit i of the result says that
/// packet i is authentic. What is left of one that isn't must not be looked at.
///
/// # Safety
/// `is_supported()` must have been true. Each lane's `data` must be valid for reads and writes of `len + 16` bytes; lanes
/// may share memory only where nobody reads what they leave there.
#[target_feature(enable = "avx2")]
pub unsafe fn run<const SEAL: bool>(key: &[u32; 8], lanes: &[Lane; LANES], len: usize) -> u8 {
    let initial = state(key, lanes);
    let first = blocks(&initial, 0);
    let keys: [PolyKey; LANES] = std::array::from_fn(|i| {
        let mut bytes = [0; BLOCK];
        // SAFETY: 32 of the 64 bytes are written, which are all that a key is made of.
        unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), first[i][0]) };
        PolyKey::of(&bytes)
    });
    let mut halves = [Poly::new(&keys[..4]), Poly::new(&keys[4..])];
    let mut at = 0;
    let mut block = 0;
    while at < len {
        block += 1;
        let rows = blocks(&initial, block);
        let size = (len - at).min(BLOCK);
        // SAFETY: `at + size <= len`, for which the caller vouches.
        unsafe { chunk::<SEAL>(&mut halves, lanes, at, size, &rows) };
        at += BLOCK;
    }
    let mut sums = [[0; 5]; LANES];
    for (half, sums) in halves.iter_mut().zip(sums.as_chunks_mut::<4>().0) {
        half.absorb(_mm256_setzero_si256(), _mm256_set1_epi64x(len as i64));
        *sums = half.sums();
    }
    // SAFETY: the tag's 16 bytes follow the packet's `len`, for which the caller vouches.
    unsafe { end::<SEAL>(lanes, len, &sums, &keys) }
}

/// One chunk of up to 64 bytes of every packet: xor with the key stream, and the ciphertext into the sums.
///
/// # Safety
/// Bytes `at..at + size` of every lane must be valid, `size` from 1 to 64.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn chunk<const SEAL: bool>(
    halves: &mut [Poly; 2],
    lanes: &[Lane; LANES],
    at: usize,
    size: usize,
    rows: &[[__m256i; 2]; LANES],
) {
    let mut cipher = [[_mm256_setzero_si256(); 2]; LANES];
    for i in 0..LANES {
        // SAFETY: within the packet, for which the caller vouches.
        let place = unsafe { lanes[i].data.add(at) };
        if size == BLOCK {
            for part in 0..2 {
                // SAFETY: the packet has 64 bytes from here; neither load nor store needs alignment.
                let input = unsafe { _mm256_loadu_si256(place.add(32 * part).cast()) };
                let output = _mm256_xor_si256(input, rows[i][part]);
                cipher[i][part] = if SEAL { output } else { input };
                // SAFETY: as above.
                unsafe { _mm256_storeu_si256(place.add(32 * part).cast(), output) };
            }
        } else {
            // SAFETY: as above.
            cipher[i] = unsafe { tail::<SEAL>(place, size, &rows[i]) };
        }
    }
    for (four, poly) in cipher.as_chunks::<4>().0.iter().zip(halves) {
        let parts = [four.map(|packet| packet[0]), four.map(|packet| packet[1])];
        for (part, packets) in parts.into_iter().enumerate().take(size.div_ceil(32)) {
            let words = transpose64(packets);
            poly.absorb(words[0], words[1]);
            if size > 32 * part + 16 {
                poly.absorb(words[2], words[3]);
            }
        }
    }
}

/// The end of one packet; gives its ciphertext, padded with zeros.
///
/// # Safety
/// `size` bytes from `place` must be valid, less than 64.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn tail<const SEAL: bool>(place: *mut u8, size: usize, row: &[__m256i; 2]) -> [__m256i; 2] {
    let mut stream = [0u8; BLOCK];
    let mut cipher = [0u8; BLOCK];
    for (part, half) in row.iter().enumerate() {
        // SAFETY: the array has 64 bytes.
        unsafe { _mm256_storeu_si256(stream.as_mut_ptr().add(32 * part).cast(), *half) };
    }
    // SAFETY: `size` bytes are valid and nobody else holds them.
    let text = unsafe { std::slice::from_raw_parts_mut(place, size) };
    if !SEAL {
        cipher[..size].copy_from_slice(text);
    }
    for (byte, key) in text.iter_mut().zip(stream) {
        *byte ^= key;
    }
    if SEAL {
        cipher[..size].copy_from_slice(text);
    }
    // SAFETY: the array has 64 bytes.
    unsafe { [_mm256_loadu_si256(cipher.as_ptr().cast()), _mm256_loadu_si256(cipher.as_ptr().add(32).cast())] }
}

/// The sixteen state words of all lanes, with the block counter at 0.
#[target_feature(enable = "avx2")]
#[inline]
fn state(key: &[u32; 8], lanes: &[Lane; LANES]) -> [__m256i; 16] {
    let mut state = [_mm256_setzero_si256(); 16];
    for (vector, word) in state.iter_mut().zip(beginning(key)) {
        *vector = _mm256_set1_epi32(word as i32);
    }
    for (vector, shift) in state[14..].iter_mut().zip([0, 32]) {
        let words = lanes.map(|lane| (lane.counter >> shift) as u32);
        // SAFETY: eight words are 32 bytes, and the load needs no alignment.
        *vector = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
    }
    state
}

/// Key stream block `block` of every packet, in two halves of 32 bytes.
#[target_feature(enable = "avx2")]
#[inline]
fn blocks(initial: &[__m256i; 16], block: u32) -> [[__m256i; 2]; LANES] {
    let mut v = *initial;
    let counter = _mm256_set1_epi32(block as i32);
    v[12] = counter;
    let by16 = _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    let by8 = _mm256_broadcastsi128_si256(_mm_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
    macro_rules! rotate {
        ($word:expr, 16) => {
            _mm256_shuffle_epi8($word, by16)
        };
        ($word:expr, 8) => {
            _mm256_shuffle_epi8($word, by8)
        };
        ($word:expr, $by:literal) => {{
            let word = $word;
            _mm256_or_si256(_mm256_slli_epi32::<$by>(word), _mm256_srli_epi32::<{ 32 - $by }>(word))
        }};
    }
    rounds!(v, _mm256_add_epi32, _mm256_xor_si256, rotate);
    for i in 0..16 {
        v[i] = _mm256_add_epi32(v[i], if i == 12 { counter } else { initial[i] });
    }
    let first = transpose32([v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]]);
    let second = transpose32([v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15]]);
    std::array::from_fn(|i| [first[i], second[i]])
}

/// From word-major to lane-major: row i becomes the eight words of lane i.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose32(w: [__m256i; LANES]) -> [__m256i; LANES] {
    let mut u = [_mm256_setzero_si256(); LANES];
    for g in 0..2 {
        let low = _mm256_unpacklo_epi32(w[4 * g], w[4 * g + 1]);
        let high = _mm256_unpackhi_epi32(w[4 * g], w[4 * g + 1]);
        let low2 = _mm256_unpacklo_epi32(w[4 * g + 2], w[4 * g + 3]);
        let high2 = _mm256_unpackhi_epi32(w[4 * g + 2], w[4 * g + 3]);
        u[4 * g] = _mm256_unpacklo_epi64(low, low2);
        u[4 * g + 1] = _mm256_unpackhi_epi64(low, low2);
        u[4 * g + 2] = _mm256_unpacklo_epi64(high, high2);
        u[4 * g + 3] = _mm256_unpackhi_epi64(high, high2);
    }
    // Vector 4g + k holds, in its half q, words 4g to 4g+3 of lane 4q + k.
    let mut rows = [_mm256_setzero_si256(); LANES];
    for k in 0..4 {
        rows[k] = _mm256_permute2x128_si256::<0x20>(u[k], u[4 + k]);
        rows[4 + k] = _mm256_permute2x128_si256::<0x31>(u[k], u[4 + k]);
    }
    rows
}

/// Four packets' 32 bytes each to four vectors, of which vector j holds 64-bit word j of every packet.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose64(p: [__m256i; 4]) -> [__m256i; 4] {
    let low = _mm256_unpacklo_epi64(p[0], p[1]);
    let high = _mm256_unpackhi_epi64(p[0], p[1]);
    let low2 = _mm256_unpacklo_epi64(p[2], p[3]);
    let high2 = _mm256_unpackhi_epi64(p[2], p[3]);
    [
        _mm256_permute2x128_si256::<0x20>(low, low2),
        _mm256_permute2x128_si256::<0x20>(high, high2),
        _mm256_permute2x128_si256::<0x31>(low, low2),
        _mm256_permute2x128_si256::<0x31>(high, high2),
    ]
}
