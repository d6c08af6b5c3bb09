//! The cipher alone: nanoseconds of processor time per packet of a run of 48 under each back end, `ring` and RustCrypto beside, in turns.
//!
//! Prints one JSON object: `{"<back end>": {"<bytes>": [seal, open], …}, …}`, medians over rounds.

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use rhumb_engine::crypto::aead::{Key, TAG, Text};
use rhumb_engine::crypto::backend::Backend;

const SIZES: [usize; 6] = [64, 256, 512, 1024, 1296, 1424];
/// What one large packet of the host is cut into.
const PACKETS: usize = 48;
const ROUNDS: usize = 15;

struct Run {
    buf: Vec<u8>,
    texts: Vec<Text>,
}

fn run(size: usize) -> Run {
    let texts: Vec<Text> =
        (0..PACKETS).map(|i| Text { at: i * (size + 32) + 16, len: size, counter: i as u64 }).collect();
    Run { buf: vec![7; PACKETS * (size + 32)], texts }
}

/// What this thread has used so far, nanoseconds: neighbours on the machine do not count.
fn used() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills in the structure that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds per packet, sealing and opening.
fn measure(seal: &mut dyn FnMut(&mut Run), open: &mut dyn FnMut(&mut Run), size: usize) -> (f64, f64) {
    let mut run = run(size);
    let times = 200_000 / (size + 200) + 1;
    let (mut sealing, mut opening) = (0, 0);
    for _ in 0..times {
        let began = used();
        seal(&mut run);
        let sealed = used();
        open(&mut run);
        sealing += sealed - began;
        opening += used() - sealed;
    }
    let packets = (times * PACKETS) as f64;
    (sealing as f64 / packets, opening as f64 / packets)
}

fn ours(backend: Backend, size: usize) -> (f64, f64) {
    let key = Key::with(&[9; 32], backend);
    let mut good = vec![false; PACKETS];
    measure(
        &mut |run| key.seal(&mut run.buf, &run.texts),
        &mut |run| {
            key.open(&mut run.buf, &run.texts, &mut good);
            assert!(good.iter().all(|one| *one), "every packet is authentic");
        },
        size,
    )
}

fn rust_crypto(size: usize) -> (f64, f64) {
    let key = ChaCha20Poly1305::new(&[9; 32].into());
    let nonce = |text: &Text| {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&text.counter.to_le_bytes());
        bytes
    };
    measure(
        &mut |run| {
            for text in &run.texts {
                let (data, tag) = run.buf[text.at..text.at + text.len + TAG].split_at_mut(text.len);
                if let Ok(made) = key.encrypt_in_place_detached(&nonce(text).into(), b"", data) {
                    tag.copy_from_slice(&made);
                }
            }
        },
        &mut |run| {
            for text in &run.texts {
                let (data, tag) = run.buf[text.at..text.at + text.len + TAG].split_at_mut(text.len);
                let result = key.decrypt_in_place_detached(&nonce(text).into(), b"", data, (&*tag).into());
                assert!(result.is_ok(), "every packet is authentic");
            }
        },
        size,
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let backends = Backend::supported();
    let names: Vec<String> =
        backends.iter().map(|backend| format!("{backend:?}")).chain(["RustCrypto".to_owned()]).collect();
    // By back end, then by size.
    let mut found: Vec<Vec<Vec<(f64, f64)>>> = vec![vec![Vec::new(); SIZES.len()]; names.len()];
    for _ in 0..ROUNDS {
        for (which, of_one) in found.iter_mut().enumerate() {
            for (size, rounds) in SIZES.iter().zip(of_one) {
                rounds.push(backends.get(which).map_or_else(|| rust_crypto(*size), |backend| ours(*backend, *size)));
            }
        }
    }
    let lines: Vec<String> = names
        .iter()
        .zip(&found)
        .map(|(name, of_one)| {
            let figures: Vec<String> = SIZES
                .iter()
                .zip(of_one)
                .map(|(size, rounds)| {
                    let seal = median(rounds.iter().map(|one| one.0).collect());
                    let open = median(rounds.iter().map(|one| one.1).collect());
                    format!("\"{size}\":[{seal:.1},{open:.1}]")
                })
                .collect();
            format!("\"{name}\":{{{}}}", figures.join(","))
        })
        .collect();
    println!("{{{}}}", lines.join(","));
}
