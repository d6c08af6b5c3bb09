//! Every cipher that this machine can run against `ring`, on batches of any shape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rhumb_engine::crypto::aead::{Key, TAG, Text};
use rhumb_engine::crypto::backend::Backend;
use rhumb_engine_fuzz::Input;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let key: [u8; 32] = input.array();
    let mut texts = Vec::new();
    let mut at = usize::from(input.byte() & 63);
    let common = usize::from(input.u16() % 2_200);
    let mut counter = input.u64();
    for _ in 0..1 + input.below(24) {
        let step = input.byte();
        let len = if step & 3 == 0 { usize::from(input.u16() % 2_200) } else { common };
        counter = if step & 4 == 0 { counter.wrapping_add(1) } else { input.u64() };
        texts.push(Text { at, len, counter });
        at += len + TAG + usize::from(step >> 3 & 7);
    }
    let seed = input.byte();
    let plain: Vec<u8> = (0..at).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed) ^ (i >> 8) as u8).collect();
    let mut sealed = plain.clone();
    Key::with(&key, Backend::Single).seal(&mut sealed, &texts);
    let mut broken = sealed.clone();
    let mut is_broken = vec![false; texts.len()];
    for _ in 0..input.below(4) {
        let which = input.below(texts.len());
        let text = texts[which];
        let place = text.at + usize::from(input.u16()) % (text.len + TAG);
        broken[place] ^= 1 << (input.byte() & 7);
        let range = text.at..text.at + text.len + TAG;
        is_broken[which] = broken[range.clone()] != sealed[range];
    }
    for backend in Backend::supported() {
        let key = Key::with(&key, backend);
        let mut buf = plain.clone();
        key.seal(&mut buf, &texts);
        assert!(buf == sealed, "{} seals", backend.name());
        let mut good = vec![false; texts.len()];
        let mut buf = broken.clone();
        key.open(&mut buf, &texts, &mut good);
        let mut free = 0;
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(good[i], !is_broken[i], "{} opens {i}", backend.name());
            let range = text.at..text.at + text.len;
            assert!(!good[i] || buf[range.clone()] == plain[range], "{} opens {i} to the same", backend.name());
            assert!(buf[free..text.at] == broken[free..text.at], "{} leaves what is between alone", backend.name());
            free = text.at + text.len + TAG;
        }
    }
});
