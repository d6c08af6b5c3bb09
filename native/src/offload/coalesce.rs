//! Joins packets of one flow into large ones for the host, which is the inverse of cutting them (data-plane.md §2.9).
//!
//! Packets stay where they were decrypted: an item is its first packet and the payloads that follow. Only a flow's last item
//! may grow, so that the order within a flow is what it was on the wire.

use super::checksum::{Sum, pseudo};
use super::vnet::{Gso, VNET_HEADER, Vnet};
use crate::inner::{TCP, UDP, be16};
use crate::limits::MAX_PACKET;

/// Packets in one item.
pub const MAX_SEGMENTS: usize = 64;
/// The longest IP and TCP headers without options of the former.
const MAX_HEADER: usize = 40 + 60;
/// Items that may still grow.
const MAX_OPEN: usize = 16;

const ACK: u8 = 0x10;
const ACK_PSH: u8 = 0x18;
const PSH: u8 = 0x08;

/// A packet's place in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub at: usize,
    /// How many.
    pub len: usize,
}

impl Place {
    /// Its bytes.
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        &buf[self.at..self.at + self.len]
    }
}

/// One packet for the host: headers as they are to be written, then the payloads.
pub struct Item<'a> {
    /// In front of it all.
    pub vnet: [u8; VNET_HEADER],
    /// IP and transport header.
    pub header: &'a [u8],
    /// What follows, in order.
    pub payloads: &'a [Place],
    /// The packets that it was made of.
    pub packets: usize,
}

/// Headers of a packet that may be joined.
#[derive(Clone, Copy)]
struct Shape {
    version: u8,
    protocol: u8,
    ip_header: usize,
    header: usize,
}

struct Open {
    place: Place,
    shape: Option<Shape>,
    /// Payloads, from the first packet's on.
    payloads: Vec<Place>,
    bytes: usize,
    /// Payload of the first packet: the others are as long, but for the last.
    size: usize,
    /// Of the sequence that must follow; of TCP only.
    next: u32,
    flags: u8,
    is_verified: bool,
    /// Nothing more may be joined.
    is_closed: bool,
}

/// What one read from the wire gives the host; kept and used again.
pub struct Coalescer {
    items: Vec<Open>,
    /// Items of earlier rounds, with their memory.
    spare: Vec<Open>,
    /// Join TCP.
    pub tcp: bool,
    /// Join UDP: the device must be able to take it apart again.
    pub udp: bool,
}

impl Coalescer {
    /// For a device with these abilities.
    pub fn new(tcp: bool, udp: bool) -> Self {
        Self { items: Vec::with_capacity(MAX_SEGMENTS), spare: Vec::with_capacity(MAX_SEGMENTS), tcp, udp }
    }

    /// Packets wait to be handed over.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes an IP packet whose length was checked. The buffer must be the same until `drain`, and unchanged.
    pub fn push(&mut self, buf: &[u8], place: Place) {
        let packet = place.of(buf);
        let shape = shape_of(packet).filter(|shape| if shape.protocol == TCP { self.tcp } else { self.udp });
        if let Some(shape) = shape {
            let first = self.items.len().saturating_sub(MAX_OPEN);
            // The flow's last item is the only one that may grow.
            let last = self.items[first..].iter_mut().rev().find(|item| item.is_of_flow(buf, packet, &shape));
            if let Some(item) = last {
                if item.join(buf, packet, place, &shape) {
                    return;
                }
                item.is_closed = true;
            }
        } else {
            self.fence(buf, packet);
        }
        self.add(packet, place, shape);
    }

    /// Hands over all items, in the order of their first packets, and forgets them.
    pub fn drain(&mut self, buf: &[u8], mut write: impl FnMut(Item)) {
        for mut item in self.items.drain(..) {
            let mut header = [0; MAX_HEADER];
            match item.shape {
                Some(shape) if item.payloads.len() > 1 => {
                    let vnet = item.head(buf, &shape, &mut header);
                    let packets = item.payloads.len();
                    write(Item { vnet, header: &header[..shape.header], payloads: &item.payloads, packets });
                }
                _ => write(Item {
                    vnet: [0; VNET_HEADER],
                    header: &[],
                    payloads: std::slice::from_ref(&item.place),
                    packets: 1,
                }),
            }
            item.payloads.clear();
            self.spare.push(item);
        }
    }

    /// What is never joined, a pure acknowledgement or a fragment, keeps its place in its flow all the same.
    fn fence(&mut self, buf: &[u8], packet: &[u8]) {
        let first = self.items.len().saturating_sub(MAX_OPEN);
        let ports = ports_of(packet);
        for item in &mut self.items[first..] {
            item.is_closed |= item.may_be_of_flow(buf, packet, ports);
        }
    }

    fn add(&mut self, packet: &[u8], place: Place, shape: Option<Shape>) {
        let mut payloads = self.spare.pop().map_or_else(|| Vec::with_capacity(MAX_SEGMENTS), |old| old.payloads);
        let header = shape.map_or(place.len, |shape| shape.header);
        let size = place.len - header;
        payloads.push(Place { at: place.at + header, len: size });
        let is_tcp = shape.is_some_and(|shape| shape.protocol == TCP);
        let flags = if is_tcp { packet[header_flags(&shape)] } else { 0 };
        let next = if is_tcp { sequence(packet, &shape).wrapping_add(size as u32) } else { 0 };
        self.items.push(Open {
            place,
            shape,
            payloads,
            bytes: place.len,
            size,
            next,
            flags,
            is_verified: false,
            is_closed: shape.is_none() || flags & PSH != 0,
        });
    }
}

impl Open {
    /// Same addresses and ports, whatever else differs.
    fn is_of_flow(&self, buf: &[u8], packet: &[u8], shape: &Shape) -> bool {
        let Some(own) = self.shape else { return false };
        let head = self.place.of(buf);
        let addresses = if shape.version == 4 { 12..20 } else { 8..40 };
        let (a, b) = (own.ip_header, shape.ip_header);
        own.version == shape.version
            && own.protocol == shape.protocol
            && head[addresses.clone()] == packet[addresses]
            && head[a..a + 4] == packet[b..b + 4]
    }

    /// Without ports in sight, any flow between the same addresses may be meant.
    fn may_be_of_flow(&self, buf: &[u8], packet: &[u8], ports: Option<(u8, &[u8])>) -> bool {
        let Some(own) = self.shape else { return false };
        let head = self.place.of(buf);
        let addresses = if own.version == 4 { 12..20 } else { 8..40 };
        let is_own = |(protocol, ports): (u8, &[u8])| {
            protocol == own.protocol && head[own.ip_header..own.ip_header + 4] == *ports
        };
        packet[0] >> 4 == own.version && head[addresses.clone()] == packet[addresses] && ports.is_none_or(is_own)
    }

    fn join(&mut self, buf: &[u8], packet: &[u8], place: Place, shape: &Shape) -> bool {
        let size = place.len - shape.header;
        let last = self.payloads.last().map_or(0, |payload| payload.len);
        let may_grow = !self.is_closed
            && last == self.size
            && size <= self.size
            && self.payloads.len() < MAX_SEGMENTS
            && self.bytes + size <= MAX_PACKET;
        let head = self.place.of(buf);
        if !may_grow || !is_alike(head, packet, shape) {
            return false;
        }
        if shape.protocol == TCP && sequence(packet, &Some(*shape)) != self.next {
            return false;
        }
        // The kernel makes a new checksum for what is joined, so nothing that is wrong may become part of it.
        if !self.is_verified && !is_right(head, shape) {
            return false;
        }
        self.is_verified = true;
        if !is_right(packet, shape) {
            return false;
        }
        self.payloads.push(Place { at: place.at + shape.header, len: size });
        self.bytes += size;
        self.next = self.next.wrapping_add(size as u32);
        if shape.protocol == TCP && packet[header_flags(&Some(*shape))] & PSH != 0 {
            self.flags |= PSH;
            self.is_closed = true;
        }
        true
    }

    /// Headers of the whole, whose checksum is left to the kernel.
    fn head(&self, buf: &[u8], shape: &Shape, out: &mut [u8; MAX_HEADER]) -> [u8; VNET_HEADER] {
        let header = &mut out[..shape.header];
        header.copy_from_slice(&self.place.of(buf)[..shape.header]);
        let (ip, transport) = header.split_at_mut(shape.ip_header);
        if shape.version == 4 {
            ip[2..4].copy_from_slice(&(self.bytes as u16).to_be_bytes());
            ip[10..12].fill(0);
            let sum = Sum::default().bytes(ip).checksum();
            ip[10..12].copy_from_slice(&sum);
        } else {
            ip[4..6].copy_from_slice(&((self.bytes - 40) as u16).to_be_bytes());
        }
        let length = self.bytes - shape.ip_header;
        let sum = pseudo(ip, shape.version, shape.protocol, length).fold().to_ne_bytes();
        let (gso, offset) = match (shape.protocol, shape.version) {
            (TCP, 4) => (Gso::Tcp4, 16),
            (TCP, _) => (Gso::Tcp6, 16),
            _ => (Gso::Udp, 6),
        };
        transport[offset..offset + 2].copy_from_slice(&sum);
        if shape.protocol == TCP {
            transport[13] = self.flags;
        } else {
            transport[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        }
        let vnet = Vnet {
            needs_checksum: true,
            gso,
            gso_size: self.size as u16,
            checksum_start: shape.ip_header as u16,
            checksum_offset: offset as u16,
        };
        vnet.write(shape.header as u16)
    }
}

/// Undefined for what is never joined: options, fragments, no payload, flags besides ACK and PSH.
fn shape_of(packet: &[u8]) -> Option<Shape> {
    let version = packet.first()? >> 4;
    let (ip_header, protocol) = match version {
        4 if packet[0] == 0x45 && be16(packet, 6) & 0x3fff == 0 && usize::from(be16(packet, 2)) == packet.len() => {
            (20, packet[9])
        }
        6 if usize::from(be16(packet, 4)) + 40 == packet.len() => (40, packet[6]),
        _ => return None,
    };
    let transport = match protocol {
        TCP if packet.len() >= ip_header + 20 => {
            let flags = packet[ip_header + 13];
            (flags == ACK || flags == ACK_PSH).then_some(usize::from(packet[ip_header + 12] >> 4) * 4)?
        }
        UDP if packet.len() >= ip_header + 8 => {
            let is_plain = be16(packet, ip_header + 6) != 0
                && usize::from(be16(packet, ip_header + 4)) == packet.len() - ip_header;
            is_plain.then_some(8)?
        }
        _ => return None,
    };
    let header = ip_header + transport;
    let is_fit = (protocol == UDP || (20..=60).contains(&transport)) && packet.len() > header;
    is_fit.then_some(Shape { version, protocol, ip_header, header })
}

/// Protocol and ports, of TCP and UDP that is whole enough to show them.
fn ports_of(packet: &[u8]) -> Option<(u8, &[u8])> {
    let (ip_header, protocol) = match packet[0] >> 4 {
        4 if be16(packet, 6) & 0x3fff == 0 => (usize::from(packet[0] & 15) * 4, packet[9]),
        6 => (40, packet[6]),
        _ => return None,
    };
    matches!(protocol, TCP | UDP).then_some((protocol, packet.get(ip_header..ip_header + 4)?))
}

/// Equal in every field that one header for both could not keep apart.
fn is_alike(head: &[u8], packet: &[u8], shape: &Shape) -> bool {
    let at = shape.ip_header;
    let is_same = |from: usize, to: usize| head[from..to] == packet[from..to];
    let ip = if shape.version == 4 {
        // TOS; flags; TTL. The identification differs.
        is_same(1, 2) && is_same(6, 9)
    } else {
        // Traffic class and flow label; hop limit.
        is_same(0, 4) && is_same(6, 8)
    };
    if !ip || shape.protocol == UDP {
        return ip;
    }
    // Acknowledgement and length; window; urgent pointer and options.
    is_same(at + 8, at + 13)
        && is_same(at + 14, at + 16)
        && head.len() >= shape.header
        && is_same(at + 18, shape.header)
}

/// Whether a packet's own checksums are right.
fn is_right(packet: &[u8], shape: &Shape) -> bool {
    let (ip, transport) = packet.split_at(shape.ip_header);
    let is_ip_right = shape.version == 6 || Sum::default().bytes(ip).fold() == 0xffff;
    is_ip_right && pseudo(packet, shape.version, shape.protocol, transport.len()).bytes(transport).fold() == 0xffff
}

fn header_flags(shape: &Option<Shape>) -> usize {
    shape.map_or(0, |shape| shape.ip_header + 13)
}

fn sequence(packet: &[u8], shape: &Option<Shape>) -> u32 {
    let at = shape.map_or(0, |shape| shape.ip_header + 4);
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::split::{Split, finish_checksum};
    use crate::testing::{Random, hex};

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
            [
                tcp(1),
                udp(2),
                udp(3),
                tcp(101),
                tcp_c(201),
                tcp6(1, 2),
                tcp6(101, 2),
                tcp6(201, 3),
                udp(2),
                udp6(),
                udp6(),
            ]
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
        for (between, lengths) in [
            (pure, vec![140, 40, 140]),
            (fragment, vec![140, 40, 140]),
            (other, vec![240, 40]),
            (elsewhere, vec![240, 40]),
        ] {
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
}
