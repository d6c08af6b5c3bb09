//! What the targets share: an input that never runs out, and packets that are right until they are changed.
//!
//! The checksum here is the slow one of RFC 1071, sixteen bits at a time: it is what the engine's is compared with.

pub mod abi;

/// The fuzzer's bytes; after the last one there are zeros.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u16(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    /// Less than `limit`, which is at most 256.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// At most so many.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Overwrites, cuts, lengthens: nothing at all most of the time.
    pub fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte().saturating_sub(0xf0) {
            let at = usize::from(self.u16());
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.extend(self.take(at % 64)),
                _ if bytes.is_empty() => {}
                _ => {
                    let at = at % bytes.len();
                    bytes[at] = self.byte();
                }
            }
        }
    }
}

/// What a packet is made of.
pub struct Spec {
    pub is_v6: bool,
    pub protocol: u8,
    /// Last bytes of the addresses.
    pub from: u8,
    pub to: u8,
    pub ports: [u16; 2],
    pub sequence: u32,
    pub flags: u8,
    /// Words of options of TCP.
    pub options: u8,
    /// TOS or traffic class, and TTL or hop limit.
    pub tos: u8,
    pub ttl: u8,
    /// Identification, flags and offset of IPv4.
    pub id: u16,
    pub fragment: u16,
    pub payload: usize,
    pub fill: u8,
}

impl Spec {
    pub fn of(input: &mut Input) -> Self {
        let kind = input.byte();
        Self {
            is_v6: kind & 1 == 1,
            protocol: input.pick(&[6, 17, 6, 17, 1, 58, 99, 132, 44, 0, 47]),
            from: input.byte() & 3,
            to: input.byte() & 3,
            ports: [u16::from(input.byte()), u16::from(input.byte())],
            sequence: if kind & 2 == 0 { 0 } else { input.u32() },
            flags: input.pick(&[0x10, 0x18, 0x10, 0x02, 0x12, 0x11, 0x04, 0xd0, 0xff]),
            options: if kind & 4 == 0 { 0 } else { input.byte() % 11 },
            tos: if kind & 8 == 0 { 0 } else { input.byte() },
            ttl: if kind & 8 == 0 { 64 } else { input.byte() },
            id: if kind & 16 == 0 { 0 } else { input.u16() },
            fragment: if kind & 32 == 0 { 0x4000 } else { input.u16() },
            payload: usize::from(if kind & 64 == 0 { u16::from(input.byte()) } else { input.u16() % 1_500 }),
            fill: input.byte(),
        }
    }

    /// From 10.1.0.x to 10.1.1.x, or from fd7a::x to fd7a::1:x, with every checksum right.
    pub fn packet(&self) -> Vec<u8> {
        let mut packet = if self.is_v6 { vec![0; 40] } else { vec![0; 20] };
        let ip = packet.len();
        match self.protocol {
            6 => {
                packet.extend(self.ports.iter().flat_map(|port| port.to_be_bytes()));
                packet.extend(self.sequence.to_be_bytes());
                packet.extend([0x11, 0x11, 0x11, 0x11, (5 + self.options) << 4, self.flags, 0x0b, 0xb8, 0, 0, 0, 0]);
                packet.extend((0..self.options * 4).map(|i| if i % 4 == 3 { 0 } else { 1 }));
            }
            17 => {
                packet.extend(self.ports.iter().flat_map(|port| port.to_be_bytes()));
                packet.extend(((8 + self.payload) as u16).to_be_bytes());
                packet.extend([0, 0]);
            }
            132 => {
                packet.extend(self.ports.iter().flat_map(|port| port.to_be_bytes()));
                packet.extend([0; 8]);
            }
            1 | 58 => packet.extend([self.flags, 0, 0, 0, 0, 7, 0, 1]),
            _ => {}
        }
        packet.extend((0..self.payload).map(|i| self.fill.wrapping_add(i as u8)));
        let length = packet.len() as u16;
        if self.is_v6 {
            packet[..4].copy_from_slice(&[0x60 | self.tos >> 4, self.tos << 4, 0, 0]);
            packet[4..6].copy_from_slice(&(length - 40).to_be_bytes());
            packet[6..8].copy_from_slice(&[self.protocol, self.ttl]);
            packet[8..10].copy_from_slice(&[0xfd, 0x7a]);
            packet[23] = self.from;
            packet[24..26].copy_from_slice(&[0xfd, 0x7a]);
            packet[37..40].copy_from_slice(&[1, 0, self.to]);
        } else {
            packet[..2].copy_from_slice(&[0x45, self.tos]);
            packet[2..4].copy_from_slice(&length.to_be_bytes());
            packet[4..6].copy_from_slice(&self.id.to_be_bytes());
            packet[6..8].copy_from_slice(&self.fragment.to_be_bytes());
            packet[8..10].copy_from_slice(&[self.ttl, self.protocol]);
            packet[12..20].copy_from_slice(&[10, 1, 0, self.from, 10, 1, 1, self.to]);
            let sum = !sum(&packet[..20]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        let field = match self.protocol {
            6 => 16,
            17 => 6,
            1 | 58 => 2,
            _ => return packet,
        };
        // ICMP of IPv4 has no pseudo header.
        let pseudo = if self.protocol == 1 { 0 } else { pseudo(&packet, ip) };
        let sum = match !sum(&[&pseudo.to_be_bytes(), &packet[ip..]].concat()) {
            0 if self.protocol == 17 => 0xffff,
            sum => sum,
        };
        packet[ip + field..ip + field + 2].copy_from_slice(&sum.to_be_bytes());
        packet
    }
}

/// A packet, or any bytes.
pub fn packet(input: &mut Input) -> Vec<u8> {
    if input.byte() == 0xff {
        let size = input.byte();
        return input.take(usize::from(size)).to_vec();
    }
    let mut packet = Spec::of(input).packet();
    input.change(&mut packet);
    packet
}

/// The one's-complement sum, folded.
pub fn sum(bytes: &[u8]) -> u16 {
    let mut total = 0u32;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        total = (total >> 16) + (total & 0xffff);
    }
    total as u16
}

/// The pseudo header's sum, of a packet with an IP header of `ip` bytes.
pub fn pseudo(packet: &[u8], ip: usize) -> u16 {
    let (addresses, protocol) = if packet[0] >> 4 == 4 { (12..20, packet[9]) } else { (8..40, packet[6]) };
    let mut bytes = packet[addresses].to_vec();
    bytes.extend([0, protocol]);
    bytes.extend(((packet.len() - ip) as u16).to_be_bytes());
    sum(&bytes)
}
