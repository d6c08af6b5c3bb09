//! Transport data under one key and one direction, many packets at a time (data-plane.md §2.11).
//!
//! The cipher is that of `ring`. Where the processor has wide vectors, packets of equal length are done eight at once by our own
//! kernels, one packet per lane.

use std::sync::atomic::{Ordering, compiler_fence};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

#[cfg(target_arch = "x86_64")]
use super::backend::Lane;
use super::backend::{Backend, LANES};

/// Bytes of an authentication tag.
pub const TAG: usize = 16;
/// Longest packet of which lanes may be left empty; they are pointed at scratch memory of this size.
const MAX_SPARSE: usize = 2048;

/// One packet of a batch within a buffer: text at `at..at + len`, the tag behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Offset of the text in the buffer.
    pub at: usize,
    /// Bytes of text, without the tag.
    pub len: usize,
    /// Nonce counter.
    pub counter: u64,
}

/// Key of one direction; wiped when dropped.
pub struct Key {
    words: [u32; 8],
    single: LessSafeKey,
    backend: Backend,
}

impl Key {
    /// With the best cipher of this machine.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self::with(bytes, Backend::chosen())
    }

    /// With a given cipher, which must be one of [`Backend::supported`].
    pub fn with(bytes: &[u8; 32], backend: Backend) -> Self {
        assert!(backend.is_supported(), "this processor cannot do that");
        let mut words = [0; 8];
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*chunk);
        }
        Self { words, single: single_key(bytes), backend }
    }

    /// Encrypts every text in place and writes its tag behind it. Texts must lie within `buf`, tags included, and not
    /// overlap.
    pub fn seal(&self, buf: &mut [u8], texts: &[Text]) {
        check(buf, texts);
        let mut rest = texts;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(equal_run(rest));
            rest = after;
            if self.run_lanes::<true>(buf, batch).is_some() {
                continue;
            }
            for text in batch {
                let Some((data, tag)) = buf[text.at..text.at + text.len + TAG].split_at_mut_checked(text.len) else {
                    continue;
                };
                // Only a text of 2^38 bytes can fail, and `check` has seen that all are far shorter.
                if let Ok(made) = self.single.seal_in_place_separate_tag(nonce(text.counter), Aad::empty(), data) {
                    tag.copy_from_slice(made.as_ref());
                }
            }
        }
    }

    /// Decrypts every text in place; `good[i]` says whether it was authentic. What is left of one that was not must not be
    /// looked at.
    pub fn open(&self, buf: &mut [u8], texts: &[Text], good: &mut [bool]) {
        check(buf, texts);
        let mut done = 0;
        while done < texts.len() {
            let size = equal_run(&texts[done..]);
            let batch = &texts[done..done + size];
            let verdicts = &mut good[done..done + size];
            done += size;
            if let Some(bits) = self.run_lanes::<false>(buf, batch) {
                for (i, verdict) in verdicts.iter_mut().enumerate() {
                    *verdict = bits >> i & 1 == 1;
                }
                continue;
            }
            for (text, verdict) in batch.iter().zip(verdicts) {
                let sealed = &mut buf[text.at..text.at + text.len + TAG];
                *verdict = self.single.open_in_place(nonce(text.counter), Aad::empty(), sealed).is_ok();
            }
        }
    }

    /// A batch of at most eight texts of equal length on eight lanes: bit i of the result says that text i is authentic, when
    /// opening. None where single packets are better.
    #[cfg(target_arch = "x86_64")]
    fn run_lanes<const SEAL: bool>(&self, buf: &mut [u8], batch: &[Text]) -> Option<u8> {
        let len = batch.first()?.len;
        let has_empty = batch.len() < LANES;
        if batch.len() < self.backend.min_lanes(len) || (has_empty && len > MAX_SPARSE) {
            return None;
        }
        let base = buf.as_mut_ptr();
        // Lanes without a packet share this memory, which nobody reads afterwards.
        let mut scratch;
        let mut lanes = [Lane { data: base, counter: 0 }; LANES];
        if has_empty {
            scratch = [0; MAX_SPARSE + TAG];
            lanes = [Lane { data: scratch.as_mut_ptr(), counter: 0 }; LANES];
        }
        for (lane, text) in lanes.iter_mut().zip(batch) {
            // SAFETY: `check` has seen `at + len + TAG` within the buffer.
            *lane = Lane { data: unsafe { base.add(text.at) }, counter: text.counter };
        }
        // SAFETY: `with` has seen that the processor can; each lane has `len + TAG` bytes, and only empty ones share theirs.
        unsafe { self.backend.run::<SEAL>(&self.words, &lanes, len) }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn run_lanes<const SEAL: bool>(&self, _: &mut [u8], _: &[Text]) -> Option<u8> {
        None
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        for word in &mut self.words {
            // SAFETY: a reference is valid to write through.
            unsafe { std::ptr::write_volatile(word, 0) };
        }
        let place: *mut LessSafeKey = &mut self.single;
        let bytes = place.cast::<u8>();
        for i in 0..size_of::<LessSafeKey>() {
            // SAFETY: within the value, which nobody uses any more: it has no drop glue of its own, as asserted below.
            unsafe { std::ptr::write_volatile(bytes.add(i), 0) };
        }
        compiler_fence(Ordering::SeqCst);
    }
}

const _: () = assert!(!std::mem::needs_drop::<LessSafeKey>());

fn single_key(bytes: &[u8; 32]) -> LessSafeKey {
    match UnboundKey::new(&CHACHA20_POLY1305, bytes) {
        Ok(key) => LessSafeKey::new(key),
        Err(_) => unreachable!("a ChaCha20-Poly1305 key has 32 bytes"),
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Everything unsafe below rests on this. In order of position and without overlap is what the engine makes anyway.
fn check(buf: &[u8], texts: &[Text]) {
    let mut free = 0;
    for text in texts {
        let end = text.at.checked_add(text.len).and_then(|end| end.checked_add(TAG));
        assert!(text.at >= free && end.is_some_and(|end| end <= buf.len()), "a text lies outside its buffer");
        free = text.at + text.len + TAG;
    }
}

/// How many texts at the beginning have the same length, at most a kernel's worth.
fn equal_run(texts: &[Text]) -> usize {
    let len = texts.first().map_or(0, |text| text.len);
    texts.iter().take(LANES).take_while(|text| text.len == len).count()
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::aead::AeadInPlace;
    use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

    use super::*;
    use crate::testing::{Random, hex};

    fn backends() -> Vec<Backend> {
        Backend::supported()
    }

    #[test]
    fn seals_the_example_of_rfc_8439_2_8_2_without_its_additional_data() {
        // The RFC's key, counter part of the nonce and text; expected bytes from the dev-dependency, which passes the RFC's own.
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let mut expected = text.to_vec();
        let tag = ChaCha20Poly1305::new(&key.into())
            .encrypt_in_place_detached(
                &[0, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47].into(),
                b"",
                &mut expected,
            )
            .expect("encrypts");
        expected.extend_from_slice(&tag);
        for backend in backends() {
            let mut buf = text.to_vec();
            buf.resize(text.len() + TAG, 0);
            let counter = u64::from_le_bytes([0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47]);
            Key::with(&key, backend).seal(&mut buf, &[Text { at: 0, len: text.len(), counter }]);
            assert_eq!(buf, expected, "{}", backend.name());
        }
    }

    #[test]
    fn seals_the_runs_of_data_plane_7_4() {
        let key = std::array::from_fn(|i| 0x20 + i as u8);
        let rows: [(usize, [&str; 2]); 5] = [
            (16, ["7ea3c32245bccb26e5dcf0184c87d762", "9b1b7c582bf752fa33a671437663e364"]),
            (64, ["6009005f63728c8831f276cb1b8d650e", "5fcf244fbbb03fa06eb9e41bd0907ddf"]),
            (80, ["e8a3fe04b7c1b1069b9cb296af0f82bb", "deb8fadce671189381278b1be1d72c62"]),
            (512, ["318e92226dad165c5cb2c0bd13cc62b8", "4faa4f848e98704e5d5bcf38878eabcd"]),
            (1296, ["4634f6aae97d246ca808ffee91881299", "32efc615e78a4da247cf716f16665d76"]),
        ];
        for backend in backends() {
            for (len, [first, last]) in rows {
                let mut buf = vec![0; 8 * (len + TAG)];
                let texts: [Text; 8] =
                    std::array::from_fn(|i| Text { at: i * (len + TAG), len, counter: 1000 + i as u64 });
                for (i, text) in texts.iter().enumerate() {
                    for j in 0..len {
                        buf[text.at + j] = (7 * j + 31 * i) as u8;
                    }
                }
                Key::with(&key, backend).seal(&mut buf, &texts);
                let tag = |i: usize| buf[texts[i].at + len..texts[i].at + len + TAG].to_vec();
                assert_eq!((tag(0), tag(7)), (hex(first), hex(last)), "{} {len}", backend.name());
            }
        }
    }

    #[test]
    fn every_backend_agrees_with_another_implementation_on_arbitrary_batches() {
        let mut random = Random::new(0x5eed);
        for round in 0..400 {
            let bytes: [u8; 32] = std::array::from_fn(|_| random.byte());
            let count = 1 + random.below(20);
            let common = random.below(1500);
            let mut texts = Vec::new();
            let mut at = 0;
            for _ in 0..count {
                let len = if random.below(4) == 0 { random.below(1500) } else { common };
                texts.push(Text { at, len, counter: random.next() });
                at += len + TAG + random.below(3);
            }
            let plain: Vec<u8> = (0..at).map(|_| random.byte()).collect();
            let mut expected = plain.clone();
            for text in &texts {
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&text.counter.to_le_bytes());
                let (data, tag) = expected[text.at..text.at + text.len + TAG].split_at_mut(text.len);
                let made = ChaCha20Poly1305::new(&bytes.into())
                    .encrypt_in_place_detached(&nonce.into(), b"", data)
                    .expect("encrypts");
                tag.copy_from_slice(&made);
            }
            for backend in backends() {
                let key = Key::with(&bytes, backend);
                let mut buf = plain.clone();
                key.seal(&mut buf, &texts);
                assert!(buf == expected, "{} in round {round}", backend.name());
                let broken = random.below(texts.len());
                let victim = texts[broken];
                buf[victim.at + random.below(victim.len + TAG)] ^= 1 << random.below(8);
                let mut good = vec![false; texts.len()];
                key.open(&mut buf, &texts, &mut good);
                for (i, text) in texts.iter().enumerate() {
                    assert_eq!(good[i], i != broken, "{} packet {i} in round {round}", backend.name());
                    if i != broken {
                        assert!(buf[text.at..text.at + text.len] == plain[text.at..text.at + text.len]);
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside its buffer")]
    fn refuses_a_text_that_does_not_fit() {
        Key::new(&[0; 32]).seal(&mut [0; 40], &[Text { at: 0, len: 30, counter: 0 }]);
    }
}
