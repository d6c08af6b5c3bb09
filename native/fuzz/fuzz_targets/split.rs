//! Segments against a plain reference, and checksums finished as RFC 1071 says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rhumb_engine::offload::split::{Split, finish_checksum};
use rhumb_engine::offload::vnet::{Gso, VNET_HEADER, Vnet};
use rhumb_engine_fuzz::{Input, Spec, pseudo, sum};

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut head: [u8; VNET_HEADER] = input.array();
    let mut packet = match input.byte() {
        0xff => input.0.to_vec(),
        kind => {
            let mut spec = Spec::of(&mut input);
            if kind & 1 == 1 {
                spec.protocol = if kind & 2 == 0 { 6 } else { 17 };
                spec.payload = usize::from(input.u16()).min(65_535 - 120);
                // What the kernel would say of it.
                let gso =
                    [[Gso::Tcp4, Gso::Udp], [Gso::Tcp6, Gso::Udp]][usize::from(spec.is_v6)][usize::from(kind >> 1 & 1)];
                let vnet = Vnet {
                    needs_checksum: true,
                    gso,
                    gso_size: if kind & 4 == 0 { 100 + u16::from(input.byte()) * 6 } else { input.u16() },
                    checksum_start: if spec.is_v6 { 40 } else { 20 },
                    checksum_offset: if spec.protocol == 6 { 16 } else { 6 },
                };
                head = vnet.write(input.u16());
                if kind & 0xf0 == 0xf0 {
                    head[usize::from(kind >> 2) % VNET_HEADER] = input.byte();
                }
            }
            let mut packet = spec.packet();
            input.change(&mut packet);
            packet
        }
    };
    let Some(vnet) = Vnet::read(&head) else { return };
    assert_eq!(Vnet::read(&vnet.write(7)), Some(vnet));
    check_split(&packet, &vnet);
    check_finish(&mut packet, &vnet);
});

fn check_finish(packet: &mut [u8], vnet: &Vnet) {
    let before = packet.to_vec();
    let (start, at) =
        (usize::from(vnet.checksum_start), usize::from(vnet.checksum_start) + usize::from(vnet.checksum_offset));
    let is_done = finish_checksum(packet, vnet);
    assert_eq!(is_done, at + 2 <= packet.len());
    if !is_done {
        return assert_eq!(packet, before);
    }
    let want = match !sum(&before[start..]) {
        0 if vnet.checksum_offset == 6 => 0xffff,
        sum => sum,
    };
    assert_eq!(packet[at..at + 2], want.to_be_bytes());
    assert_eq!(packet[..at], before[..at]);
    assert_eq!(packet[at + 2..], before[at + 2..]);
}

fn check_split(packet: &[u8], vnet: &Vnet) {
    let Some(split) = Split::of(packet, vnet) else {
        // A packet that is right in all that matters must not be refused.
        return assert!(!is_right(packet, vnet), "refused: {vnet:?} {:02x?}", &packet[..packet.len().min(80)]);
    };
    assert!(is_right(packet, vnet), "taken: {vnet:?} {:02x?}", &packet[..packet.len().min(80)]);
    let ip = usize::from(vnet.checksum_start);
    let header = ip + if vnet.gso == Gso::Udp { 8 } else { usize::from(packet[ip + 12] >> 4) * 4 };
    let size = usize::from(vnet.gso_size);
    let pieces: Vec<&[u8]> = packet[header..].chunks(size).collect();
    assert_eq!(split.count(), pieces.len());
    // With many tiny pieces the ends and some in between say enough.
    let step = pieces.len() / 200 + 1;
    let mut out = vec![0xee; 65_535];
    for i in (0..pieces.len()).step_by(step).chain([pieces.len() - 1]) {
        let want = segment(&packet[..header], pieces[i], i, pieces.len(), ip, vnet);
        assert_eq!(split.length(i), want.len());
        split.write(i, &mut out);
        assert!(out[..want.len()] == want, "segment {i} of {}", pieces.len());
    }
}

fn is_right(packet: &[u8], vnet: &Vnet) -> bool {
    let ip = usize::from(vnet.checksum_start);
    let version = packet.first().map_or(0, |first| first >> 4);
    let is_version = match vnet.gso {
        Gso::None => false,
        Gso::Tcp4 => version == 4,
        Gso::Tcp6 => version == 6,
        Gso::Udp => matches!(version, 4 | 6),
    };
    let is_header = if version == 4 { ip >= 20 && ip == usize::from(packet[0] & 15) * 4 } else { ip >= 40 };
    let (header, field) = match vnet.gso {
        Gso::Udp => (8, 6),
        _ => (packet.get(ip + 12).map_or(0, |byte| usize::from(byte >> 4) * 4), 16),
    };
    is_version
        && is_header
        && (vnet.gso == Gso::Udp || header >= 20)
        && usize::from(vnet.checksum_offset) == field
        && vnet.gso_size > 0
        && packet.len() > ip + header
        && packet.len() <= 65_535
}

/// Piece `i` of `count` under these headers.
fn segment(header: &[u8], piece: &[u8], i: usize, count: usize, ip: usize, vnet: &Vnet) -> Vec<u8> {
    let mut out = [header, piece].concat();
    let length = out.len() as u16;
    if out[0] >> 4 == 4 {
        out[2..4].copy_from_slice(&length.to_be_bytes());
        let id = u16::from_be_bytes([out[4], out[5]]).wrapping_add(i as u16);
        out[4..6].copy_from_slice(&id.to_be_bytes());
        out[10..12].fill(0);
        let sum = !sum(&out[..ip]);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        out[4..6].copy_from_slice(&(length - 40).to_be_bytes());
    }
    // The engine trusts the kernel on which protocol it is, so the pseudo header must say that one.
    let protocol = if vnet.gso == Gso::Udp { 17 } else { 6 };
    let mut shown = out.clone();
    shown[if out[0] >> 4 == 4 { 9 } else { 6 }] = protocol;
    let field = if protocol == 17 {
        let length = out.len() - ip;
        out[ip + 4..ip + 6].copy_from_slice(&(length as u16).to_be_bytes());
        ip + 6
    } else {
        let sequence = u32::from_be_bytes(out[ip + 4..ip + 8].try_into().expect("four bytes"));
        let sequence = sequence.wrapping_add(i as u32 * u32::from(vnet.gso_size));
        out[ip + 4..ip + 8].copy_from_slice(&sequence.to_be_bytes());
        if i + 1 < count {
            // FIN and PSH are the last one's.
            out[ip + 13] &= 0xf6;
        }
        if i > 0 {
            // CWR is the first one's.
            out[ip + 13] &= 0x7f;
        }
        ip + 16
    };
    out[field..field + 2].fill(0);
    let sum = match !sum(&[&pseudo(&shown, ip).to_be_bytes(), &out[ip..]].concat()) {
        0 if protocol == 17 => 0xffff,
        sum => sum,
    };
    out[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    out
}
