//! XChaCha20-Poly1305, which cookie replies are sealed with (data-plane.md §1.2): seldom used, so one block at a time.

use std::ops::BitXor;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::chacha::{beginning, rounds};
use crate::inner::le32;

/// Seals 16 bytes: ciphertext and tag.
pub fn seal16(key: &[u8; 32], nonce: &[u8; 24], text: &[u8; 16], additional: &[u8]) -> [u8; 32] {
    let mut head = [0; 16];
    head.copy_from_slice(&nonce[..16]);
    let mut inner = [0; 12];
    inner[4..].copy_from_slice(&nonce[16..]);
    let Ok(unbound) = UnboundKey::new(&CHACHA20_POLY1305, &hchacha20(key, &head)) else {
        unreachable!("a ChaCha20-Poly1305 key has 32 bytes")
    };
    let mut sealed = [0; 32];
    sealed[..16].copy_from_slice(text);
    let (data, tag) = sealed.split_at_mut(16);
    let cipher = LessSafeKey::new(unbound);
    let made = cipher.seal_in_place_separate_tag(Nonce::assume_unique_for_key(inner), Aad::from(additional), data);
    match made {
        Ok(made) => tag.copy_from_slice(made.as_ref()),
        Err(_) => unreachable!("only a text of 2^38 bytes cannot be sealed"),
    }
    sealed
}

fn hchacha20(key: &[u8; 32], nonce: &[u8; 16]) -> [u8; 32] {
    let mut v = [0u32; 16];
    v[..12].copy_from_slice(&beginning(&std::array::from_fn(|i| le32(key, 4 * i))));
    for (i, word) in v[12..].iter_mut().enumerate() {
        *word = le32(nonce, 4 * i);
    }
    macro_rules! rotate {
        ($word:expr, $by:literal) => {
            $word.rotate_left($by)
        };
    }
    rounds!(v, u32::wrapping_add, BitXor::bitxor, rotate);
    let mut out = [0; 32];
    for (bytes, i) in out.chunks_mut(4).zip([0, 1, 2, 3, 12, 13, 14, 15]) {
        bytes.copy_from_slice(&v[i].to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn derives_and_seals_the_vectors_of_data_plane_7_4() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
        let mut head = [0; 16];
        head.copy_from_slice(&nonce[..16]);
        let subkey = "001b38f1bc654a0470f0172049103eccb67d8bb16b11d2a468db66a2dd53d47d";
        assert_eq!(hchacha20(&key, &head).to_vec(), hex(subkey));
        let additional: Vec<u8> = (0..16).collect();
        let sealed = "b7566a1bb9854927bdc7b38b99ab5dab458c618d8f50cf193bbf156afa10e2d3";
        assert_eq!(seal16(&key, &nonce, b"cookie0123456789", &additional).to_vec(), hex(sealed));
    }
}
