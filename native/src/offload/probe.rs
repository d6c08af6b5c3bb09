//! Two packets that make a large one, to see whether a device takes such (data-plane.md §2.14).

use super::checksum::{Sum, pseudo};
use super::coalesce::Place;
use crate::inner::TCP;

const PAYLOAD: &[u8; 23] = b"rhumb probes large ones";
const HEADERS: usize = 40;
const LENGTH: usize = HEADERS + PAYLOAD.len();
/// The address of this host's services, from and to it.
const ADDRESS: [u8; 4] = [100, 100, 100, 100];

/// TCP that no host answers, since it may not be passed on even once; in a buffer, and where they are in it.
pub fn packets() -> ([u8; 2 * LENGTH], [Place; 2]) {
    let mut buf = [0; 2 * LENGTH];
    let mut places = [Place::default(); 2];
    for (i, (packet, place)) in buf.chunks_mut(LENGTH).zip(&mut places).enumerate() {
        write(packet, 1 + (i * PAYLOAD.len()) as u32);
        *place = Place { at: i * LENGTH, len: LENGTH };
    }
    (buf, places)
}

fn write(packet: &mut [u8], sequence: u32) {
    let (headers, payload) = packet.split_at_mut(HEADERS);
    payload.copy_from_slice(PAYLOAD);
    let (ip, tcp) = headers.split_at_mut(20);
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&(LENGTH as u16).to_be_bytes());
    ip[9] = TCP;
    ip[12..16].copy_from_slice(&ADDRESS);
    ip[16..20].copy_from_slice(&ADDRESS);
    let sum = Sum::default().bytes(ip).checksum();
    ip[10..12].copy_from_slice(&sum);
    tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
    tcp[8..12].copy_from_slice(&1u32.to_be_bytes());
    // A header of five words, and an acknowledgement alone.
    tcp[12..14].copy_from_slice(&[5 << 4, 0x10]);
    tcp[14..16].copy_from_slice(&3_000u16.to_be_bytes());
    let sum = pseudo(ip, 4, TCP, LENGTH - 20).bytes(tcp).bytes(payload).checksum();
    tcp[16..18].copy_from_slice(&sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::coalesce::Coalescer;

    #[test]
    fn the_two_make_one() {
        let (buf, places) = packets();
        let mut coalescer = Coalescer::new(true, false);
        for place in places {
            coalescer.push(&buf, place);
        }
        let mut joined = Vec::new();
        coalescer.drain(&buf, |item| joined.push((item.packets, item.payloads.len())));
        assert_eq!(joined, [(2, 2)]);
    }
}
