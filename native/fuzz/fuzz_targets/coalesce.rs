//! What was joined is cut into the same packets, in the same order within a flow; what is wrong is passed on unchanged.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use rhumb_engine::inner::Inner;
use rhumb_engine::offload::coalesce::{Coalescer, Place};
use rhumb_engine::offload::split::Split;
use rhumb_engine::offload::vnet::{VNET_HEADER, Vnet};
use rhumb_engine_fuzz::{Input, Spec, sum};

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let abilities = input.byte();
    let mut flows: Vec<Spec> = (0..1 + input.below(4)).map(|_| Spec::of(&mut input)).collect();
    let packets = stream(&mut input, &mut flows);
    let mut buf = Vec::new();
    let mut places = Vec::new();
    for packet in &packets {
        // Between them are headers and tags.
        buf.extend([0xee; 32]);
        places.push(Place { at: buf.len(), len: packet.len() });
        buf.extend(packet);
    }
    let mut coalescer = Coalescer::new(abilities & 1 == 0, abilities & 2 == 0);
    let mut last = None;
    // Twice, so that memory used again is seen to be clean.
    for _ in 0..2 {
        let mut back = Vec::new();
        for place in &places {
            coalescer.push(&buf, *place);
        }
        let mut taken = 0;
        coalescer.drain(&buf, |item| {
            taken += item.packets;
            let mut whole = item.header.to_vec();
            item.payloads.iter().for_each(|payload| whole.extend(payload.of(&buf)));
            let pieces = cut(&item.vnet, whole);
            assert_eq!(pieces.len(), item.packets);
            back.extend(pieces);
        });
        assert!(coalescer.is_empty());
        assert_eq!(taken, packets.len(), "every packet comes out once");
        assert_same(&by_flow(&back), &by_flow(&packets));
        assert!(last.replace(back.clone()).is_none_or(|last| last == back));
    }
});

/// Packets of a few flows, which go on where they were.
fn stream(input: &mut Input, flows: &mut [Spec]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while !input.is_done() && packets.len() < 100 {
        let step = input.byte();
        let which = usize::from(step & 3) % flows.len();
        let flow = &mut flows[which];
        let payload = flow.payload;
        if step & 4 != 0 {
            flow.payload = usize::from(input.u16() % 1_500);
        }
        if step & 8 != 0 {
            flow.flags = input.pick(&[0x10, 0x18, 0x11, 0x14, 0x90, 0x50]);
        }
        let mut packet = flow.packet();
        if step & 16 != 0 {
            input.change(&mut packet);
            if step & 32 != 0 {
                renew_ip_checksum(&mut packet);
            }
        }
        flow.sequence = flow.sequence.wrapping_add(flow.payload as u32);
        flow.id = flow.id.wrapping_add(1);
        flow.payload = payload;
        flow.flags = 0x10;
        // The engine hands on what is as long as it says.
        if let Some(inner) = Inner::parse(&packet) {
            packets.push(inner.bytes.to_vec());
        }
    }
    packets
}

fn assert_same(got: &Flows, want: &Flows) {
    assert_eq!(got.len(), want.len());
    for (flow, want) in want {
        for (i, want) in want.iter().enumerate() {
            let got = got.get(flow).and_then(|got| got.get(i));
            assert!(got == Some(want), "packet {i} of flow {flow:02x?}: {got:02x?} instead of {want:02x?}");
        }
    }
}

fn renew_ip_checksum(packet: &mut [u8]) {
    if packet.len() >= 20 && packet[0] == 0x45 {
        packet[10..12].fill(0);
        let sum = !sum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// As the kernel does.
fn cut(vnet: &[u8; VNET_HEADER], whole: Vec<u8>) -> Vec<Vec<u8>> {
    if *vnet == [0; VNET_HEADER] {
        return vec![whole];
    }
    let vnet = Vnet::read(vnet).expect("a kind that was asked for");
    // An IPv4 header that the kernel takes.
    assert!(whole[0] >> 4 == 6 || sum(&whole[..20]) == 0xffff);
    assert!(whole.len() <= 65_535);
    let split = Split::of(&whole, &vnet).expect("what can be cut");
    let write = |i: usize| {
        let mut one = vec![0; split.length(i)];
        split.write(i, &mut one);
        one
    };
    (0..split.count()).map(write).collect()
}

type Flows = HashMap<Vec<u8>, Vec<Vec<u8>>>;

/// Packets by addresses, protocol and ports. The identification of IPv4 is nobody's where nothing may be cut into fragments,
/// and counts up anew where packets were joined.
fn by_flow(packets: &[Vec<u8>]) -> Flows {
    let mut flows = Flows::new();
    for packet in packets {
        let is_v4 = packet[0] >> 4 == 4;
        let (addresses, ip, protocol) =
            if is_v4 { (12..20, usize::from(packet[0] & 15) * 4, packet[9]) } else { (8..40, 40, packet[6]) };
        let mut key = packet[addresses].to_vec();
        // What is no packet at all is nobody's, and in the order of its like.
        if ip >= 20 {
            key.push(protocol);
            key.extend(packet.iter().skip(ip).take(4));
        }
        let mut shown = packet.clone();
        if is_v4 && sum(&packet[..20]) == 0xffff {
            shown[4..6].fill(0);
            shown[10..12].fill(0);
        }
        flows.entry(key).or_default().push(shown);
    }
    flows
}
