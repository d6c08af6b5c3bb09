//! Feeds the engine with bytes that nobody meant, for a while: `cargo run --profile fuzz --example fuzz -- TARGET SECONDS [SEED]`.
//!
//! Inputs are true ones that were changed, because what is random from the first byte on is refused at the first byte. A
//! finding is a panic, which says its seed; the same seed gives the same inputs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rhumb_engine::abi;
use rhumb_engine::classify::classify;
use rhumb_engine::inner::Inner;
use rhumb_engine::offload::coalesce::{Coalescer, Place};
use rhumb_engine::offload::split::{Split, finish_checksum};
use rhumb_engine::offload::vnet::{Gso, VNET_HEADER, Vnet};

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// Flips bits, writes edges, cuts, doubles.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => bytes[at] = self.next() as u8,
                3 => bytes.truncate(at),
                4 => {
                    let piece = bytes[at..].to_vec();
                    bytes.extend(piece.iter().take(64));
                }
                _ => {
                    let size = self.below(16);
                    let more = self.bytes(size);
                    bytes.splice(at..at, more);
                }
            }
        }
    }
}

/// A packet that is right, or nearly.
fn packet(random: &mut Random) -> Vec<u8> {
    let is_v4 = random.below(2) == 0;
    let protocol = [6, 17, 1, 58, 99, 132, 44][random.below(7)];
    let size = [0, 8, 20, 60, 250, 1_200][random.below(6)];
    let mut packet = if is_v4 { vec![0x45; 20] } else { vec![0x60; 40] };
    let header = packet.len();
    packet.extend(random.bytes(size));
    let total = packet.len() as u16;
    if is_v4 {
        packet[1..4].copy_from_slice(&[0, (total >> 8) as u8, total as u8]);
        packet[6..8].copy_from_slice(&[[0x40, 0], [0, 0], [0x20, 0], [0, 9]][random.below(4)]);
        packet[8..10].copy_from_slice(&[64, protocol]);
        packet[12..20].copy_from_slice(&[10, 1, 0, 1, 10, 1, 0, 2]);
    } else {
        packet[1..4].fill(0);
        packet[4..6].copy_from_slice(&(total - 40).to_be_bytes());
        packet[6] = protocol;
    }
    if protocol == 6 && size >= 20 {
        packet[header + 12] = [0x50, 0x80, 0xf0][random.below(3)];
        packet[header + 13] = [0x10, 0x18, 0x02, 0x11][random.below(4)];
    }
    packet
}

fn split(random: &mut Random) {
    let mut bytes = packet(random);
    for _ in 0..random.below(4) {
        let more = bytes.clone();
        bytes.extend(&more[..more.len().min(20_000)]);
    }
    random.change(&mut bytes);
    let vnet = Vnet {
        needs_checksum: true,
        gso: [Gso::Tcp4, Gso::Tcp6, Gso::Udp, Gso::None][random.below(4)],
        gso_size: [1, 100, 1_228, random.next() as u16][random.below(4)],
        checksum_start: [20, 40, random.next() as u16][random.below(3)],
        checksum_offset: [6, 16, random.next() as u16][random.below(3)],
    };
    let mut head = vnet.write(random.next() as u16);
    head[random.below(VNET_HEADER)] = random.next() as u8;
    black_box(Vnet::read(&head));
    black_box(finish_checksum(&mut bytes.clone(), &vnet));
    let Some(split) = Split::of(&bytes, &vnet) else { return };
    let mut out = vec![0; 70_000];
    let mut payload = 0;
    let header = split.length(0) - usize::from(vnet.gso_size).min(split.length(0));
    for i in 0..split.count() {
        split.write(i, &mut out);
        payload += split.length(i);
        assert!(split.length(i) <= bytes.len() && header <= split.length(i));
    }
    assert!(payload >= bytes.len());
}

fn coalesce(random: &mut Random) {
    let mut buf = Vec::new();
    let mut places = Vec::new();
    let mut last = packet(random);
    for _ in 0..1 + random.below(70) {
        if random.below(3) == 0 {
            last = packet(random);
        }
        let mut one = last.clone();
        random.change(&mut one);
        let Some(length) = Inner::parse(&one).map(|inner| inner.bytes.len()) else { continue };
        places.push(Place { at: buf.len(), len: length });
        buf.extend(one);
    }
    let mut coalescer = Coalescer::new(true, true);
    for place in &places {
        coalescer.push(&buf, *place);
    }
    let mut packets = 0;
    coalescer.drain(&buf, |item| {
        packets += item.packets;
        let total = item.header.len() + item.payloads.iter().map(|payload| payload.len).sum::<usize>();
        assert!(total <= 65_535);
    });
    assert_eq!(packets, places.len(), "every packet comes out once");
}

/// One operation or packet: number, flags, length, bytes.
fn framed(number: u16, bytes: &[u8]) -> Vec<u8> {
    let mut out = number.to_le_bytes().to_vec();
    out.extend([0, 0]);
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    out
}

fn address() -> Vec<u8> {
    let mut block = vec![0; 28];
    block[0] = 4;
    block[2..4].copy_from_slice(&41_641u16.to_le_bytes());
    block[12..16].copy_from_slice(&[192, 0, 2, 2]);
    block
}

fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Operations that make a working engine.
fn operations() -> Vec<Vec<u8>> {
    let prefix = [&[4, 24, 10, 1, 0, 0][..], &[0; 12]].concat();
    vec![
        framed(28, &numbers(&[2, 2, 1_280, 0, 0, 0, 0])),
        framed(29, &1_000u64.to_le_bytes()),
        framed(1, &[9; 32]),
        framed(2, &[numbers(&[5, 0]), vec![7; 32]].concat()),
        framed(4, &[prefix.clone(), numbers(&[5])].concat()),
        framed(20, &[numbers(&[1]), prefix.clone(), prefix.clone(), numbers(&[5])].concat()),
        framed(10, &[numbers(&[5, 2, 1, 3, 0]), vec![0; 8], address()].concat()),
        framed(6, &numbers(&[77, 5])),
        framed(5, &[numbers(&[5, 0, 1, 2]), vec![0xa1; 32], vec![0xb2; 32], 1_000u64.to_le_bytes().to_vec()].concat()),
        framed(
            12,
            &[numbers(&[1, 1]), prefix.clone(), numbers(&[1, 0, 1, 1]), vec![6], prefix.clone(), vec![0, 0, 255, 255]]
                .concat(),
        ),
        framed(13, &[numbers(&[1, 0, 0, 1]), prefix.clone(), prefix].concat()),
        framed(25, &numbers(&[3, 4])),
        framed(24, &address()),
        framed(11, &numbers(&[5])),
        framed(17, &numbers(&[1])),
        framed(27, &[]),
    ]
}

fn apply(engine: u64, ops: &[u8]) -> i32 {
    let mut result = [0; 12];
    // SAFETY: two buffers of ours.
    unsafe { abi::pe_apply(engine, ops.as_ptr(), ops.len() as u32, result.as_mut_ptr(), 12) }
}

fn inject(engine: u64, records: &[u8]) -> i32 {
    // SAFETY: a buffer of ours.
    unsafe { abi::pe_inject(engine, records.as_ptr(), records.len() as u32) }
}

fn drain(engine: u64, out: &mut [u8]) {
    // SAFETY: a buffer of ours.
    while unsafe { abi::pe_poll(engine, out.as_mut_ptr(), out.len() as u32) } > 0 {}
}

const PANICKED: i32 = -9;

fn ops(random: &mut Random, engine: u64, out: &mut [u8]) {
    let all = operations();
    let mut batch = Vec::new();
    for _ in 0..1 + random.below(5) {
        let mut op = all[random.below(all.len())].clone();
        random.change(&mut op);
        if op.len() >= 8 && random.below(3) > 0 {
            let length = op.len() as u32 - 8;
            op[4..8].copy_from_slice(&length.to_le_bytes());
        }
        batch.extend(op);
    }
    assert_ne!(apply(engine, &batch), PANICKED);
    packets(random, engine, out);
}

fn packets(random: &mut Random, engine: u64, out: &mut [u8]) {
    let mut body = match random.below(3) {
        0 => packet(random),
        1 => [&[1 + random.below(5) as u8, 0, 0, 0][..], &random.next().to_le_bytes(), &packet(random)].concat(),
        _ => {
            let size = random.below(200);
            random.bytes(size)
        }
    };
    random.change(&mut body);
    black_box(classify(&body));
    black_box(Inner::parse(&body).map(|inner| (inner.source(), inner.destination(), inner.echo_reply())));
    let record = match random.below(7) {
        0 => framed(64, &[numbers(&[0]), address(), body].concat()),
        1 => framed(65, &[numbers(&[5, 3]), body].concat()),
        2 => framed(66, &body),
        3 => framed(67, &body),
        4 => framed(68, &[numbers(&[5]), body].concat()),
        5 => framed(70, &[numbers(&[0]), address(), body].concat()),
        _ => framed(71, &body),
    };
    assert_ne!(inject(engine, &record), PANICKED);
    drain(engine, out);
}

fn engine() -> u64 {
    let engine = abi::pe_create() as u64;
    let all = operations();
    assert_eq!(apply(engine, &all[..1].concat()), 0);
    assert_eq!(abi::pe_start(engine), 0);
    assert_eq!(apply(engine, &all[1..].concat()), 0);
    engine
}

fn main() {
    let mut words = std::env::args().skip(1);
    let target = words.next().unwrap_or_default();
    let seconds = words.next().and_then(|word| word.parse().ok()).unwrap_or(10);
    let seed: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut out = vec![0; 1 << 20];
    let mut handle = engine();
    let mut executions = 0u64;
    while Instant::now() < until {
        for _ in 0..256 {
            let mut random = Random(seed.wrapping_mul(0x1_0000_0000).wrapping_add(executions));
            match target.as_str() {
                "split" => split(&mut random),
                "coalesce" => coalesce(&mut random),
                "packets" => packets(&mut random, handle, &mut out),
                "ops" => {
                    // What was changed must not make later inputs mean nothing.
                    if executions.is_multiple_of(1_024) {
                        abi::pe_destroy(handle);
                        handle = engine();
                    }
                    ops(&mut random, handle, &mut out);
                }
                _ => {
                    eprintln!("name a target: split, coalesce, packets or ops");
                    std::process::exit(2);
                }
            }
            executions += 1;
        }
    }
    println!("{target}: {executions} executions in {seconds} s without a finding, seed {seed}");
}
