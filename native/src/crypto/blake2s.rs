//! BLAKE2s, keyed and not, for mac1, mac2 and cookies (RFC 7693).

const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const SIGMA: [[u8; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const BLOCK: usize = 64;

/// The unkeyed hash of several pieces one after another.
pub fn hash(pieces: &[&[u8]]) -> [u8; 32] {
    digest::<32>(&[], pieces)
}

/// The keyed hash of 16 bytes; the key has at most 32.
pub fn mac(key: &[u8], data: &[u8]) -> [u8; 16] {
    digest::<16>(key, &[data])
}

fn digest<const OUT: usize>(key: &[u8], pieces: &[&[u8]]) -> [u8; OUT] {
    assert!(key.len() <= 32, "a BLAKE2s key has at most 32 bytes");
    let mut h = IV;
    h[0] ^= 0x0101_0000 ^ (key.len() as u32) << 8 ^ OUT as u32;
    let mut block = [0; BLOCK];
    let mut filled = 0;
    let mut total = 0u64;
    if !key.is_empty() {
        block[..key.len()].copy_from_slice(key);
        filled = BLOCK;
    }
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            // The last block is compressed differently, so a full one waits until more is known to come.
            if filled == BLOCK {
                total += BLOCK as u64;
                compress(&mut h, &block, total, false);
                filled = 0;
            }
            let take = rest.len().min(BLOCK - filled);
            block[filled..filled + take].copy_from_slice(&rest[..take]);
            filled += take;
            rest = &rest[take..];
        }
    }
    block[filled..].fill(0);
    compress(&mut h, &block, total + filled as u64, true);
    let mut out = [0; OUT];
    for (bytes, word) in out.chunks_mut(4).zip(h) {
        bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
    }
    out
}

fn compress(h: &mut [u32; 8], block: &[u8; BLOCK], total: u64, is_last: bool) {
    let mut m = [0; 16];
    for (word, bytes) in m.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let mut v = [0; 16];
    v[..8].copy_from_slice(h);
    v[8..].copy_from_slice(&IV);
    v[12] ^= total as u32;
    v[13] ^= (total >> 32) as u32;
    if is_last {
        v[14] = !v[14];
    }
    for s in &SIGMA {
        let mut mix = |a: usize, b: usize, c: usize, d: usize, i: usize| {
            v[a] = v[a].wrapping_add(v[b]).wrapping_add(m[usize::from(s[2 * i])]);
            v[d] = (v[d] ^ v[a]).rotate_right(16);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = (v[b] ^ v[c]).rotate_right(12);
            v[a] = v[a].wrapping_add(v[b]).wrapping_add(m[usize::from(s[2 * i + 1])]);
            v[d] = (v[d] ^ v[a]).rotate_right(8);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = (v[b] ^ v[c]).rotate_right(7);
        };
        mix(0, 4, 8, 12, 0);
        mix(1, 5, 9, 13, 1);
        mix(2, 6, 10, 14, 2);
        mix(3, 7, 11, 15, 3);
        mix(0, 5, 10, 15, 4);
        mix(1, 6, 11, 12, 5);
        mix(2, 7, 8, 13, 6);
        mix(3, 4, 9, 14, 7);
    }
    for i in 0..8 {
        h[i] ^= v[i] ^ v[i + 8];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn hashes_the_vectors_of_data_plane_7_4() {
        let empty = "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9";
        let abc = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
        assert_eq!(hash(&[]).to_vec(), hex(empty));
        assert_eq!(hash(&[b"a", b"", b"bc"]).to_vec(), hex(abc));
    }

    #[test]
    fn macs_the_vectors_of_data_plane_7_4() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        assert_eq!(mac(&key, b"abc").to_vec(), hex("61ba5f165c194692e09d12520cc4c74a"));
        let data: Vec<u8> = (0..132).collect();
        assert_eq!(mac(&key[..16], &data).to_vec(), hex("b03d1196bdcfaad40f911db86b79ac7e"));
    }
}
