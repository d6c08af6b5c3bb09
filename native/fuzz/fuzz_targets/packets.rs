//! Datagrams and packets from everywhere into a working engine; what is inside is sealed here, so that it is looked at.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use rhumb_engine::crypto::aead::{Key, TAG, Text};
use rhumb_engine::crypto::backend::Backend;
use rhumb_engine::inner::Inner;
use rhumb_engine_fuzz::abi::*;
use rhumb_engine_fuzz::{Input, packet};

/// What a peer sent and the filter let through.
const TO_HOST: u16 = 10;

struct State {
    engine: u64,
    key: Key,
    out: Vec<u8>,
    counter: u64,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State {
        engine: engine(),
        key: Key::with(&RECEIVE_KEY, Backend::Single),
        out: vec![0; 1 << 20],
        counter: 0,
    });
}

fuzz_target!(|data: &[u8]| {
    STATE.with_borrow_mut(|state| {
        let mut input = Input(data);
        start_anew(state, input.byte());
        while !input.is_done() {
            step(state, &mut input);
        }
    });
});

/// The same peer, without a past; what differs from input to input is how it came to its keys and what watches.
fn start_anew(state: &mut State, kind: u8) {
    let all = operations();
    let role = u32::from(kind & 1);
    let keys = [vec![0xa1; 32], RECEIVE_KEY.to_vec(), 1_000u64.to_le_bytes().to_vec()].concat();
    let flags = u32::from(kind >> 1 & 3);
    let ops = [
        framed(29, 0, &1_000u64.to_le_bytes()),
        framed(8, 0, &numbers(&[0])),
        framed(2, 0, &[numbers(&[PEER, flags]), vec![7; 32]].concat()),
        all[2].clone(),
        all[4].clone(),
        all[6].clone(),
        framed(5, 0, &[numbers(&[PEER, role, LOCAL_INDEX, 2]), keys].concat()),
        framed(6, 0, &numbers(&[77, PEER])),
        framed(12, u16::from(kind >> 3 & 1), &all[9][if kind & 8 == 0 { 8 } else { all[9].len() }..]),
        all[10].clone(),
        framed(17, 0, &numbers(&[u32::from(kind >> 4 & 1)])),
    ]
    .concat();
    // Of the input before.
    apply(state.engine, &framed(3, 0, &numbers(&[PEER])));
    assert_eq!(apply(state.engine, &ops), 0);
    drain(state.engine, &mut state.out, |_, _| {});
    state.counter = 0;
}

fn step(state: &mut State, input: &mut Input) {
    let step = input.byte();
    let mut is_from_peer = false;
    let record = match step % 12 {
        0 => framed(70, 0, &[numbers(&[0]), address(2, 41_641), packet(input)].concat()),
        1 => {
            let size = usize::from(input.byte());
            framed(70, 0, &[numbers(&[0]), address(step >> 4, 9), input.take(size).to_vec()].concat())
        }
        2 => {
            let head = [step >> 4 & 7, 0, 0, 0, input.byte(), 0, 0, 0];
            let size = input.pick(&[148, 92, 64, 32, 60]) - 8;
            let mut bytes = input.take(size).to_vec();
            bytes.resize(size, 0);
            framed(70, 0, &[numbers(&[0]), address(3, 9), head.to_vec(), bytes].concat())
        }
        3 => framed(71, 0, &packet(input)),
        4 => framed(67, 0, &packet(input)),
        5 => framed(68, 0, &[numbers(&[PEER]), packet(input)].concat()),
        6 => framed(29, 0, &(1_000 + u64::from(input.u32() >> 8)).to_le_bytes()),
        kind => {
            is_from_peer = true;
            let mut datagram = sealed(state, input);
            if step & 0xf0 == 0xf0 {
                input.change(&mut datagram);
            }
            match kind {
                7 => framed(65, 0, &[numbers(&[PEER, 3]), datagram].concat()),
                _ => framed(70, 0, &[numbers(&[0]), address(step >> 4 & 1 | 2, 41_641), datagram].concat()),
            }
        }
    };
    assert_ne!(inject(state.engine, &record), PANICKED);
    drain(state.engine, &mut state.out, |kind, bytes| {
        if kind == TO_HOST && is_from_peer {
            let inner = Inner::parse(bytes).expect("a packet");
            assert_eq!(inner.bytes.len(), bytes.len(), "without padding");
            let source = inner.source().to_string();
            assert!(source.starts_with("10.1.0.") || source.starts_with("fd7a:"), "from its own addresses: {source}");
        }
    });
}

/// A message that opens.
fn sealed(state: &mut State, input: &mut Input) -> Vec<u8> {
    let inner = packet(input);
    let shape = input.byte();
    state.counter = state.counter.wrapping_add(match shape & 7 {
        0 => 0,
        1 => u64::from(input.u16()),
        2 => input.u64(),
        _ => 1,
    });
    let len = inner.len().next_multiple_of(if shape & 8 == 0 { 16 } else { 1 });
    let mut datagram = [&[4, 0, 0, 0][..], &LOCAL_INDEX.to_le_bytes(), &state.counter.to_le_bytes(), &inner].concat();
    datagram.resize(16 + len + TAG, 0);
    state.key.seal(&mut datagram, &[Text { at: 16, len, counter: state.counter }]);
    datagram
}
