//! Joined by hand, by the vectors of data-plane.md, and back again by cutting.

use super::*;
use crate::inner::UDP;
use crate::offload::split::{Split, finish_checksum};
use crate::testing::{Random, hex};

const ACK: u8 = 0x10;
const ACK_PSH: u8 = 0x18;

/// Puts packets one after another into a buffer and gives what comes out, with the vnet header in front.
fn coalesce(packets: &[Vec<u8>], udp: bool) -> Vec<Vec<u8>> {
    let mut buf = Vec::new();
    let mut coalescer = Coalescer::new(true, udp);
    let places: Vec<Place> = packets
        .iter()
        .map(|packet| {
            let at = buf.len();
            buf.extend(packet);
            Place { at, len: packet.len() }
        })
        .collect();
    let mut out = Vec::new();
    // Twice, so that memory used again is seen to be clean.
    for _ in 0..2 {
        out.clear();
        for place in &places {
            coalescer.push(&buf, *place);
        }
        coalescer.drain(&buf, |item| {
            let mut packet = item.vnet.to_vec();
            packet.extend(item.header);
            for payload in item.payloads {
                packet.extend(payload.of(&buf));
            }
            out.push(packet);
        });
    }
    out
}

struct Spec {
    version: u8,
    protocol: u8,
    to: u8,
    sequence: u32,
    flags: u8,
    payload: usize,
}

const TCP4: Spec = Spec { version: 4, protocol: TCP, to: 2, sequence: 1, flags: ACK, payload: 100 };

fn packet(spec: &Spec) -> Vec<u8> {
    let mut packet = if spec.version == 4 {
        hex("450000000000400040000000c0000201c00002")
    } else {
        hex("600000000000 0040 fd7a115ca1e000000000000000000001 fd7a115ca1e0000000000000000000")
    };
    packet.push(spec.to);
    let at = packet.len();
    packet[if spec.version == 4 { 9 } else { 6 }] = spec.protocol;
    packet.extend(hex("03e807d0"));
    let header = if spec.protocol == TCP {
        packet.extend(spec.sequence.to_be_bytes());
        packet.extend(hex("1111111150"));
        packet.push(spec.flags);
        packet.extend(hex("0bb800000000"));
        20
    } else {
        packet.extend(((8 + spec.payload) as u16).to_be_bytes());
        packet.extend([0, 0]);
        8
    };
    packet.extend((0..spec.payload).map(|i| i as u8));
    let total = packet.len() as u16;
    if spec.version == 4 {
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        let sum = Sum::default().bytes(&packet[..20]).checksum();
        packet[10..12].copy_from_slice(&sum);
    } else {
        packet[4..6].copy_from_slice(&(total - 40).to_be_bytes());
    }
    let field = at + if spec.protocol == TCP { 16 } else { 6 };
    let length = header + spec.payload;
    let sum = pseudo(&packet, spec.version, spec.protocol, length).bytes(&packet[at..]).udp_checksum();
    packet[field..field + 2].copy_from_slice(&sum);
    packet
}

fn lengths(specs: &[Spec], udp: bool) -> Vec<usize> {
    let packets: Vec<Vec<u8>> = specs.iter().map(packet).collect();
    coalesce(&packets, udp).iter().map(|out| out.len() - VNET_HEADER).collect()
}

#[test]
fn joins_what_the_vector_of_data_plane_7_6_was_cut_into() {
    let payload: Vec<u8> = (0..250).collect();
    let segment = |header: &str, range: std::ops::Range<usize>| {
        let mut packet = hex(header);
        packet.extend(&payload[range]);
        packet
    };
    // The last one without FIN, and its checksum greater by that bit.
    let packets = [
        segment("4500008cfffe40004006b669c0000201c0000202 03e807d0ffffff801111111150100bb8568c0000", 0..100),
        segment("4500008cffff40004006b668c0000201c0000202 03e807d0ffffffe41111111150100bb8ba8c0000", 100..200),
        segment("4500005a000040004006b69ac0000201c0000202 03e807d0000000481111111150180bb8fbad0000", 200..250),
    ];
    let mut want = hex("01012800640014001000 45000122fffe40004006b5d3c0000201c0000202");
    want.extend(hex("03e807d0ffffff801111111150180bb885180000"));
    want.extend(&payload);
    assert_eq!(coalesce(&packets, true), [want]);
}

#[test]
fn behaves_as_the_table_of_data_plane_7_6() {
    let tcp = |sequence: u32| Spec { sequence, ..TCP4 };
    let tcp_c = |sequence: u32| Spec { sequence, to: 3, ..TCP4 };
    let tcp6 = |sequence: u32, to: u8| Spec { version: 6, sequence, to, ..TCP4 };
    let udp = |to: u8| Spec { protocol: UDP, to, ..TCP4 };
    let udp6 = || Spec { protocol: UDP, version: 6, ..TCP4 };
    let mixed = || {
        [tcp(1), udp(2), udp(3), tcp(101), tcp_c(201), tcp6(1, 2), tcp6(101, 2), tcp6(201, 3), udp(2), udp6(), udp6()]
    };
    assert_eq!(lengths(&mixed(), true), [240, 228, 128, 140, 260, 160, 248]);
    assert_eq!(lengths(&mixed(), false), [240, 128, 128, 140, 260, 160, 128, 148, 148]);
    let pushed = Spec { sequence: 101, flags: ACK_PSH, ..TCP4 };
    assert_eq!(lengths(&[tcp(1), pushed, tcp(201), tcp(301)], true), [240, 240]);
    // Without putting in front, what comes late stays late.
    assert_eq!(lengths(&[tcp(101), tcp(1), tcp(201)], true), [140, 140, 140]);
}

#[test]
fn what_is_wrong_is_written_alone_and_unchanged() {
    let mut packets = [1, 101, 201].map(|sequence| packet(&Spec { sequence, ..TCP4 })).to_vec();
    packets[0][50] ^= 1;
    let out = coalesce(&packets, true);
    assert_eq!(out.iter().map(|one| one.len() - VNET_HEADER).collect::<Vec<_>>(), [140, 240]);
    assert_eq!(out[0][VNET_HEADER..], packets[0]);
    packets[0][50] ^= 1;
    packets[1][50] ^= 1;
    assert_eq!(coalesce(&packets, true).len(), 3);
}

#[test]
fn a_wrong_checksum_of_an_ip_header_is_not_made_right() {
    let mut packets = [1, 101].map(|sequence| packet(&Spec { sequence, ..TCP4 })).to_vec();
    packets[1][10] ^= 1;
    let out = coalesce(&packets, true);
    assert_eq!((out.len(), &out[1][VNET_HEADER..]), (2, &packets[1][..]));
}

#[test]
fn nothing_is_joined_across_what_cannot_be_joined() {
    let tcp = |sequence: u32, payload: usize| packet(&Spec { sequence, payload, ..TCP4 });
    let pure = tcp(101, 0);
    let mut other = pure.clone();
    other[20..22].copy_from_slice(&[9, 9]);
    let mut fragment = pure.clone();
    fragment[6] = 0x20;
    let mut elsewhere = fragment.clone();
    elsewhere[19] = 3;
    for (between, lengths) in
        [(pure, vec![140, 40, 140]), (fragment, vec![140, 40, 140]), (other, vec![240, 40]), (elsewhere, vec![240, 40])]
    {
        let out = coalesce(&[tcp(1, 100), between, tcp(101, 100)], true);
        assert_eq!(out.iter().map(|one| one.len() - VNET_HEADER).collect::<Vec<_>>(), lengths);
    }
}

#[test]
fn headers_that_differ_are_kept_apart() {
    // TOS, DF, TTL, MF of IPv4.
    for (at, value) in [(1, 4), (6, 0), (8, 63), (6, 0x20)] {
        let mut packets = [1, 101].map(|sequence| packet(&Spec { sequence, ..TCP4 })).to_vec();
        packets[1][at] = value;
        packets[1][10..12].fill(0);
        let sum = Sum::default().bytes(&packets[1][..20]).checksum();
        packets[1][10..12].copy_from_slice(&sum);
        assert_eq!(coalesce(&packets, true).len(), 2, "byte {at}");
    }
    for (at, value) in [(1, 0x10), (7, 63)] {
        let mut packets = [1, 101].map(|sequence| packet(&Spec { version: 6, sequence, ..TCP4 })).to_vec();
        packets[1][at] = value;
        assert_eq!(coalesce(&packets, true).len(), 2, "byte {at} of IPv6");
    }
}

#[test]
fn what_was_joined_is_cut_into_the_same_packets() {
    let mut random = Random::new(21);
    for round in 0..300 {
        let mut packets = Vec::new();
        let mut sequences = [random.next() as u32; 3];
        let size = 1 + random.below(1_300);
        for _ in 0..1 + random.below(60) {
            let flow = random.below(3);
            let version = [4, 4, 6][flow];
            let protocol = [TCP, UDP, TCP][flow];
            let payload = if random.below(12) == 0 { 1 + random.below(size) } else { size };
            let flags = if random.below(15) == 0 { ACK_PSH } else { ACK };
            let sequence = sequences[flow];
            sequences[flow] = sequence.wrapping_add(payload as u32);
            packets.push(packet(&Spec { version, protocol, to: flow as u8, sequence, flags, payload }));
        }
        // The identification counts up within a flow, as a sender's does.
        let mut ids = [0u16; 3];
        for one in packets.iter_mut().filter(|one| one[0] == 0x45) {
            let flow = usize::from(one[19]);
            one[4..6].copy_from_slice(&ids[flow].to_be_bytes());
            ids[flow] += 1;
            one[10..12].fill(0);
            let sum = Sum::default().bytes(&one[..20]).checksum();
            one[10..12].copy_from_slice(&sum);
        }
        let mut back: Vec<Vec<u8>> = Vec::new();
        for out in coalesce(&packets, true) {
            let mut head = [0; VNET_HEADER];
            head.copy_from_slice(&out[..VNET_HEADER]);
            let vnet = Vnet::read(&head).expect("our own");
            let mut whole = out[VNET_HEADER..].to_vec();
            match Split::of(&whole, &vnet) {
                Some(split) => back.extend((0..split.count()).map(|i| {
                    let mut one = vec![0; split.length(i)];
                    split.write(i, &mut one);
                    one
                })),
                None => {
                    if vnet.needs_checksum {
                        assert!(finish_checksum(&mut whole, &vnet));
                    }
                    back.push(whole);
                }
            }
        }
        for flow in 0..3u8 {
            let of = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let last = |one: &Vec<u8>| one[if one[0] == 0x45 { 19 } else { 39 }];
                all.iter().filter(|one| last(one) == flow).cloned().collect()
            };
            assert!(of(&back) == of(&packets), "flow {flow} of round {round}");
        }
    }
}

#[test]
fn arbitrary_bytes_are_passed_on() {
    let mut random = Random::new(77);
    for _ in 0..3_000 {
        let packets: Vec<Vec<u8>> = (0..4)
            .map(|_| {
                let size = 20 + random.below(80);
                let mut bytes = random.bytes(size);
                bytes[0] = [0x45, 0x60, 0x46][random.below(3)];
                bytes[2..4].copy_from_slice(&(size as u16).to_be_bytes());
                bytes[9] = [TCP, UDP, 1][random.below(3)];
                bytes[6] = [TCP, UDP, 0x40][random.below(3)];
                bytes
            })
            .filter(|bytes| bytes[0] != 0x60 || bytes.len() >= 40)
            .collect();
        let total: usize = packets.iter().map(Vec::len).sum();
        let out: usize = coalesce(&packets, true).iter().map(|one| one.len() - VNET_HEADER).sum();
        assert!(out <= total);
    }
}
