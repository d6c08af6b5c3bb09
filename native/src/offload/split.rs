//! Cuts what the host wrote as one large packet into packets for the wire, and finishes checksums (data-plane.md §2.4).

use super::checksum::{Sum, pseudo};
use super::vnet::{Gso, Vnet};
use crate::inner::{TCP, UDP, be16};

const TCP_FIN_PSH: u8 = 0x01 | 0x08;
const TCP_CWR: u8 = 0x80;

/// A large packet and how it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    packet: &'a [u8],
    version: u8,
    protocol: u8,
    /// Bytes of the IP header, and of both.
    ip_header: usize,
    header: usize,
    size: usize,
    count: usize,
}

impl<'a> Split<'a> {
    /// Undefined when header and packet contradict each other. `vnet.gso` must not be `None`.
    pub fn of(packet: &'a [u8], vnet: &Vnet) -> Option<Self> {
        let version = packet.first()? >> 4;
        let (protocol, versions) = match vnet.gso {
            Gso::None => return None,
            Gso::Tcp4 => (TCP, 4..=4),
            Gso::Tcp6 => (TCP, 6..=6),
            Gso::Udp => (UDP, 4..=6),
        };
        let ip_header = usize::from(vnet.checksum_start);
        let least = if version == 4 { 20 } else { 40 };
        if !matches!(version, 4 | 6) || !versions.contains(&version) || ip_header < least || vnet.gso_size == 0 {
            return None;
        }
        // The header length of the kernel is not to be believed; that of IPv4 must be right all the same.
        if version == 4 && usize::from(packet[0] & 15) * 4 != ip_header {
            return None;
        }
        let (transport, field) = match protocol {
            TCP => (usize::from(packet.get(ip_header + 12)? >> 4) * 4, 16),
            _ => (8, 6),
        };
        let header = ip_header + transport;
        let is_right = (protocol == UDP || (20..=60).contains(&transport))
            && usize::from(vnet.checksum_offset) == field
            && packet.len() > header
            && packet.len() <= crate::limits::MAX_PACKET;
        let size = usize::from(vnet.gso_size);
        let count = packet.len().checked_sub(header)?.div_ceil(size);
        is_right.then_some(Self { packet, version, protocol, ip_header, header, size, count })
    }

    /// The large packet.
    pub fn whole(&self) -> &'a [u8] {
        self.packet
    }

    /// How many packets.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of packet `i`, which is below `count`.
    pub fn length(&self, i: usize) -> usize {
        self.header + self.payload(i).len()
    }

    fn payload(&self, i: usize) -> &'a [u8] {
        let start = self.header + i * self.size;
        &self.packet[start..(start + self.size).min(self.packet.len())]
    }

    /// Writes packet `i` to the first `length(i)` bytes of `out`.
    pub fn write(&self, i: usize, out: &mut [u8]) {
        let payload = self.payload(i);
        let length = self.header + payload.len();
        let out = &mut out[..length];
        out[..self.header].copy_from_slice(&self.packet[..self.header]);
        out[self.header..].copy_from_slice(payload);
        let (ip, transport) = out.split_at_mut(self.ip_header);
        if self.version == 4 {
            ip[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            let id = be16(ip, 4).wrapping_add(i as u16);
            ip[4..6].copy_from_slice(&id.to_be_bytes());
            ip[10..12].fill(0);
            let sum = Sum::default().bytes(ip).checksum();
            ip[10..12].copy_from_slice(&sum);
        } else {
            ip[4..6].copy_from_slice(&((length - 40) as u16).to_be_bytes());
        }
        let sum = pseudo(ip, self.version, self.protocol, transport.len());
        if self.protocol == TCP {
            let sequence = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
            let sequence = sequence.wrapping_add((i * self.size) as u32);
            transport[4..8].copy_from_slice(&sequence.to_be_bytes());
            if i + 1 < self.count {
                transport[13] &= !TCP_FIN_PSH;
            }
            if i > 0 {
                transport[13] &= !TCP_CWR;
            }
            transport[16..18].fill(0);
            let sum = sum.bytes(transport).checksum();
            transport[16..18].copy_from_slice(&sum);
        } else {
            let length = transport.len() as u16;
            transport[4..6].copy_from_slice(&length.to_be_bytes());
            transport[6..8].fill(0);
            let sum = sum.bytes(transport).udp_checksum();
            transport[6..8].copy_from_slice(&sum);
        }
    }
}

/// Finishes the checksum of a packet that is not to be cut; false when the header points outside of it.
pub fn finish_checksum(packet: &mut [u8], vnet: &Vnet) -> bool {
    let start = usize::from(vnet.checksum_start);
    let at = start + usize::from(vnet.checksum_offset);
    if at + 2 > packet.len() {
        return false;
    }
    // The field holds the sum of the pseudo header already, so it is summed with the rest.
    let sum = Sum::default().bytes(&packet[start..]);
    let is_udp = vnet.checksum_offset == 6;
    let checksum = if is_udp { sum.udp_checksum() } else { sum.checksum() };
    packet[at..at + 2].copy_from_slice(&checksum);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, hex};

    pub fn payload() -> Vec<u8> {
        (0..250).collect()
    }

    fn check(vnet: &str, header: &str, expected: &[(&str, std::ops::Range<usize>)]) {
        let mut packet = hex(header);
        packet.extend(payload());
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&hex(vnet));
        let vnet = Vnet::read(&bytes).expect("a known kind");
        let split = Split::of(&packet, &vnet).expect("a packet that can be cut");
        assert_eq!(split.count(), expected.len());
        for (i, (header, range)) in expected.iter().enumerate() {
            let mut want = hex(header);
            want.extend(&payload()[range.clone()]);
            let mut out = vec![0; 2_000];
            split.write(i, &mut out);
            assert_eq!(split.length(i), want.len());
            assert_eq!(out[..want.len()], want, "segment {i}");
        }
    }

    #[test]
    fn cuts_the_vectors_of_data_plane_7_6() {
        check(
            "01012800640014001000",
            "45000122fffe40004006b5d3c0000201c0000202 03e807d0ffffff801111111150190bb885180000",
            &[
                ("4500008cfffe40004006b669c0000201c0000202 03e807d0ffffff801111111150100bb8568c0000", 0..100),
                ("4500008cffff40004006b668c0000201c0000202 03e807d0ffffffe41111111150100bb8ba8c0000", 100..200),
                ("4500005a000040004006b69ac0000201c0000202 03e807d0000000481111111150190bb8fbac0000", 200..250),
            ],
        );
        check(
            "01051c00640014000600",
            "45000116000740004011b5ccc0000201c0000202 03e807d001028517",
            &[
                ("45000080000740004011b662c0000201c0000202 03e807d0006cd38c", 0..100),
                ("45000080000840004011b661c0000201c0000202 03e807d0006c37f1", 100..200),
                ("4500004e000940004011b692c0000201c0000202 03e807d0003a79af", 200..250),
            ],
        );
        // With CWR, which only the first one says.
        check(
            "01812800640014001000",
            "45000122fffe40004006b5d3c0000201c0000202 03e807d0ffffff801111111150990bb885180000",
            &[
                ("4500008cfffe40004006b669c0000201c0000202 03e807d0ffffff801111111150900bb8560c0000", 0..100),
                ("4500008cffff40004006b668c0000201c0000202 03e807d0ffffffe41111111150100bb8ba8c0000", 100..200),
                ("4500005a000040004006b69ac0000201c0000202 03e807d0000000481111111150190bb8fbac0000", 200..250),
            ],
        );
        let ends = "fd7a115ca1e000000000000000000001 fd7a115ca1e000000000000000000002";
        let six = |length: &str, rest: &str| format!("60000000{length}0640 {ends} {rest}");
        check(
            "01043c00640028001000",
            &six("010e", "03e807d0000000011111111150180bb862860000"),
            &[
                (&six("0078", "03e807d0000000011111111150100bb8789e0000"), 0..100),
                (&six("0078", "03e807d0000000651111111150100bb8dc9e0000"), 100..200),
                (&six("0046", "03e807d0000000c91111111150180bb81dbf0000"), 200..250),
            ],
        );
    }

    #[test]
    fn finishes_a_checksum_and_never_makes_one_of_udp_zero() {
        // UDP from port 0 to 0, 8 bytes: the pseudo header's sum is chosen so that the result would be zero.
        let mut packet = hex("4500001c000000004011000000000000 00000000 0000 0000 0008 fff7");
        let vnet = Vnet { needs_checksum: true, gso: Gso::None, gso_size: 0, checksum_start: 20, checksum_offset: 6 };
        assert!(finish_checksum(&mut packet, &vnet));
        assert_eq!(packet[26..28], [0xff, 0xff]);
        let outside = Vnet { checksum_start: 27, ..vnet };
        assert!(!finish_checksum(&mut packet, &outside));
    }

    #[test]
    fn arbitrary_headers_and_packets_are_cut_or_refused() {
        let mut random = Random::new(9);
        let mut out = vec![0; 70_000];
        let mut cut = 0;
        for _ in 0..20_000 {
            let size = random.below(400);
            let mut packet = random.bytes(size);
            if let Some(first) = packet.first_mut() {
                *first = [0x45, 0x46, 0x60, 0x45][random.below(4)];
            }
            let vnet = Vnet {
                needs_checksum: true,
                gso: [Gso::Tcp4, Gso::Tcp6, Gso::Udp][random.below(3)],
                gso_size: random.below(300) as u16,
                checksum_start: [20, 24, 40, random.below(80) as u16][random.below(4)],
                checksum_offset: [6, 16, random.below(30) as u16][random.below(3)],
            };
            let _ = finish_checksum(&mut packet.clone(), &vnet);
            let Some(split) = Split::of(&packet, &vnet) else { continue };
            cut += 1;
            for i in 0..split.count() {
                split.write(i, &mut out);
            }
        }
        assert!(cut > 500, "{cut}");
    }
}
