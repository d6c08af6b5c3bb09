//! Every function of the C interface, in any order, with operations that are nearly right and with any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rhumb_engine::abi::*;
use rhumb_engine_fuzz::abi::*;
use rhumb_engine_fuzz::{Input, packet};

/// Engines that live at once.
const ENGINES: usize = 3;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut engines = vec![engine()];
    let mut out = vec![0; 1 << 18];
    while !input.is_done() {
        let which = input.byte();
        // Most calls go to one that lives, some to one that never did.
        let handle = engines.get(usize::from(which) % ENGINES).copied().unwrap_or(u64::from(which) << 32);
        let result = call(handle, &mut engines, &mut out, &mut input);
        assert_ne!(result, PANICKED);
    }
    for engine in engines {
        assert!(matches!(pe_destroy(engine), 0 | -2));
        assert_eq!(pe_destroy(engine), -2);
    }
});

fn call(handle: u64, engines: &mut Vec<u64>, out: &mut [u8], input: &mut Input) -> i32 {
    let cap = u32::from(input.u16());
    match input.below(24) {
        0..9 => {
            let batch = batch(input);
            let mut result = [0; 12];
            let room = cap.min(12);
            // SAFETY: two buffers of ours.
            unsafe { pe_apply(handle, batch.as_ptr(), batch.len() as u32, result.as_mut_ptr(), room) }
        }
        9..14 => inject(handle, &records(input)),
        // SAFETY: a buffer of ours.
        14 => unsafe { pe_poll(handle, out.as_mut_ptr(), cap) },
        15 => pe_start(handle),
        16 => pe_stop(handle),
        17 => {
            if input.byte() & 1 == 0 {
                // It stays in the list: later calls come after its end.
                return pe_destroy(handle);
            }
            if engines.len() < ENGINES {
                engines.push(pe_create() as u64);
            }
            0
        }
        18 => pe_start_from(handle, engines[input.below(engines.len())]),
        // SAFETY: a buffer of ours.
        19 => unsafe { pe_stats(handle, out.as_mut_ptr(), cap) },
        20 => {
            let ids = input.take(16).to_vec();
            // SAFETY: two buffers of ours.
            unsafe { pe_peers(handle, ids.as_ptr(), ids.len() as u32 / 4, out.as_mut_ptr(), cap) }
        }
        // SAFETY: a buffer of ours.
        21 => unsafe { pe_rules(handle, out.as_mut_ptr(), cap) },
        // SAFETY: a buffer of ours.
        22 => unsafe { pe_ends(handle, out.as_mut_ptr(), cap) },
        _ => {
            drain(handle, out, |_, _| {});
            (pe_now(handle) == i64::from(PANICKED)).into()
        }
    }
}

fn batch(input: &mut Input) -> Vec<u8> {
    let all = operations();
    let mut batch = Vec::new();
    for _ in 0..1 + input.below(5) {
        let choice = input.byte();
        let mut op = if choice == 0xff {
            let size = input.byte();
            framed(u16::from(input.byte() % 32), 0, input.take(usize::from(size)))
        } else {
            all[usize::from(choice) % all.len()].clone()
        };
        // Numbers within, then the whole.
        for _ in 0..input.byte().saturating_sub(0xc0) / 8 {
            let at = 8 + input.below(64);
            let byte = input.byte();
            op.get_mut(at).into_iter().for_each(|place| *place = byte);
        }
        let mut body = op.split_off(8);
        input.change(&mut body);
        let is_configuration = op[..2] == [28, 0];
        if is_configuration {
            // No device and no socket of the system's.
            for side in body.iter_mut().take(8) {
                *side &= !1;
            }
        }
        let length = if input.byte() < 0xf0 { body.len() as u32 } else { input.u32() >> 8 };
        op[2] = input.byte() & 1;
        op[4..].copy_from_slice(&length.to_le_bytes());
        batch.extend(op);
        batch.extend(body);
    }
    without_system_ends(batch)
}

/// A wrong length can make a configuration of what was meant to be something else.
fn without_system_ends(batch: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(head) = batch.get(at..at + 8) {
        let body = at + 8..(at + 8).saturating_add(u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize);
        let Some(bytes) = batch.get(body.clone()) else { break };
        let asks = |side: &[u8]| side == [1, 0, 0, 0];
        if head[..2] == [28, 0] && bytes.len() >= 8 && (asks(&bytes[..4]) || asks(&bytes[4..8])) {
            return batch[..at].to_vec();
        }
        at = body.end;
    }
    batch
}

fn records(input: &mut Input) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..1 + input.below(4) {
        let choice = input.byte();
        let peer = u32::from(input.byte() % 8);
        let bytes = packet(input);
        let mut record = match choice % 9 {
            0 => framed(64, 0, &[numbers(&[peer]), address(2, 9), bytes].concat()),
            1 => framed(65, 0, &[numbers(&[peer, 3]), bytes].concat()),
            2 => framed(66, 0, &bytes),
            3 => framed(67, 0, &bytes),
            4 => framed(68, 0, &[numbers(&[peer]), bytes].concat()),
            5 => framed(69, 0, &[numbers(&[peer, 0]), address(2, 9), bytes].concat()),
            6 => framed(70, 0, &[numbers(&[peer]), address(2, 9), bytes].concat()),
            7 => framed(71, 0, &bytes),
            _ => framed(u16::from(choice), 0, &bytes),
        };
        input.change(&mut record);
        all.extend(record);
    }
    all
}
