//! The engine as its C interface shows it, with both ends played by records.

use rhumb_engine::abi::{pe_apply, pe_create, pe_inject, pe_poll, pe_start};

/// The number of a panic. The fuzzer ends at the panic itself; this is for one that came before.
pub const PANICKED: i32 = -9;
/// Of the peer that is there.
pub const PEER: u32 = 5;
pub const LOCAL_INDEX: u32 = 1;
pub const RECEIVE_KEY: [u8; 32] = [0xb2; 32];

/// One operation or packet: number, flags, length, bytes.
pub fn framed(number: u16, flags: u16, bytes: &[u8]) -> Vec<u8> {
    let mut out = number.to_le_bytes().to_vec();
    out.extend(flags.to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    out
}

pub fn address(host: u8, port: u16) -> Vec<u8> {
    let mut block = vec![0; 28];
    block[0] = 4;
    block[2..4].copy_from_slice(&port.to_le_bytes());
    block[12..16].copy_from_slice(&[192, 0, 2, host]);
    block
}

pub fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub fn prefix4(bits: u8, ip: [u8; 4]) -> Vec<u8> {
    [&[4, bits][..], &ip, &[0; 12]].concat()
}

pub fn prefix6(bits: u8, first: u16) -> Vec<u8> {
    [&[6, bits][..], &first.to_be_bytes(), &[0; 14]].concat()
}

/// Operations that make a working engine, one of each kind; the first one before it is started.
pub fn operations() -> Vec<Vec<u8>> {
    let theirs = prefix4(24, [10, 1, 0, 0]);
    let theirs6 = prefix6(64, 0xfd7a);
    let ours = prefix4(24, [10, 1, 1, 0]);
    let sources = [numbers(&[1, 2]), theirs.clone(), theirs6.clone()].concat();
    let targets = [ours.clone(), vec![0, 0, 255, 255], prefix6(16, 0xfd7a), vec![1, 0, 9, 0]].concat();
    let keys = [vec![0xa1; 32], RECEIVE_KEY.to_vec(), 1_000u64.to_le_bytes().to_vec()].concat();
    vec![
        framed(28, 0, &numbers(&[2, 2, 1_280, 0, 0, 0, 0, 0])),
        framed(29, 0, &1_000u64.to_le_bytes()),
        framed(1, 0, &[9; 32]),
        framed(2, 0, &[numbers(&[PEER, 0]), vec![7; 32]].concat()),
        framed(4, 0, &[theirs.clone(), numbers(&[PEER]), theirs6, numbers(&[PEER])].concat()),
        framed(20, 0, &[numbers(&[1]), theirs.clone(), theirs, numbers(&[PEER])].concat()),
        framed(10, 0, &[numbers(&[PEER, 2, 1, 3, 0]), vec![0; 8], address(2, 41_641)].concat()),
        framed(6, 0, &numbers(&[77, PEER])),
        framed(5, 0, &[numbers(&[PEER, 0, LOCAL_INDEX, 2]), keys].concat()),
        framed(12, 0, &[sources, numbers(&[1, 0, 2, 2]), vec![6, 17], targets].concat()),
        framed(13, 0, &[numbers(&[1, 1, 0, 0]), ours, prefix4(32, [10, 1, 1, 3])].concat()),
        framed(25, 0, &numbers(&[3, 4])),
        framed(24, 0, &address(3, 80)),
        framed(11, 0, &numbers(&[PEER])),
        framed(17, 0, &numbers(&[1])),
        framed(27, 0, &[]),
        framed(7, 0, &numbers(&[77])),
        framed(8, 0, &numbers(&[PEER])),
        framed(9, 0, &numbers(&[PEER])),
        framed(14, 0, &numbers(&[0, 0, 0])),
        framed(21, 0, &[numbers(&[PEER]), 1_000u64.to_le_bytes().to_vec()].concat()),
        framed(22, 0, &numbers(&[PEER])),
        framed(23, 0, &[numbers(&[PEER, 0]), address(2, 41_641)].concat()),
        framed(26, 0, &numbers(&[3])),
        framed(30, 0, &1_000u64.to_le_bytes()),
        framed(3, 0, &numbers(&[PEER])),
    ]
}

pub fn apply(engine: u64, ops: &[u8]) -> i32 {
    let mut result = [0; 12];
    // SAFETY: two buffers of ours.
    unsafe { pe_apply(engine, ops.as_ptr(), ops.len() as u32, result.as_mut_ptr(), 12) }
}

pub fn inject(engine: u64, records: &[u8]) -> i32 {
    // SAFETY: a buffer of ours.
    unsafe { pe_inject(engine, records.as_ptr(), records.len() as u32) }
}

/// Reads all records: kind and bytes of each go to `each`.
pub fn drain(engine: u64, out: &mut [u8], mut each: impl FnMut(u16, &[u8])) {
    loop {
        // SAFETY: a buffer of ours.
        let count = unsafe { pe_poll(engine, out.as_mut_ptr(), out.len() as u32) };
        let Ok(count @ 1..) = usize::try_from(count) else { return };
        let mut at = 0;
        while at < count {
            let size = u32::from_le_bytes(out[at..at + 4].try_into().expect("four bytes")) as usize;
            assert!(size >= 16 && at + size <= count, "a whole record");
            each(u16::from_le_bytes([out[at + 4], out[at + 5]]), &out[at + 16..at + size]);
            at += size.next_multiple_of(8);
        }
        assert_eq!(at, count, "records fill what was written");
    }
}

/// An engine at work.
pub fn engine() -> u64 {
    let engine = pe_create() as u64;
    let all = operations();
    assert_eq!(apply(engine, &all[0]), 0);
    assert_eq!(pe_start(engine), 0);
    engine
}
