//! The few header fields of an inner IP packet that routing needs; a view by offsets, nothing is copied.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IP protocol numbers.
pub const ICMP: u8 = 1;
/// Transmission control.
pub const TCP: u8 = 6;
/// User datagrams.
pub const UDP: u8 = 17;
/// ICMP of IPv6.
pub const ICMPV6: u8 = 58;
/// In-tunnel messages of Tailscale.
pub const TSMP: u8 = 99;
/// Stream control.
pub const SCTP: u8 = 132;

/// An inner packet whose header is whole and whose length is right.
#[derive(Clone, Copy)]
pub struct Inner<'a> {
    /// Exactly the packet: without padding.
    pub bytes: &'a [u8],
    /// 4 or 6.
    pub version: u8,
}

impl<'a> Inner<'a> {
    /// Undefined for what is no IP packet, or claims to be longer than there is, or shorter than its header. Bytes beyond
    /// its own length are left out.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let version = bytes.first()? >> 4;
        let length = match version {
            4 if bytes.len() >= 20 => match usize::from(be16(bytes, 2)) {
                total if total >= 20 => total,
                _ => return None,
            },
            6 if bytes.len() >= 40 => 40 + usize::from(be16(bytes, 4)),
            _ => return None,
        };
        Some(Self { bytes: bytes.get(..length)?, version })
    }

    /// Source address.
    pub fn source(&self) -> IpAddr {
        self.address(12, 8)
    }

    /// Destination address.
    pub fn destination(&self) -> IpAddr {
        self.address(16, 24)
    }

    /// Protocol, or the next header.
    pub fn protocol(&self) -> u8 {
        self.bytes[if self.version == 4 { 9 } else { 6 }]
    }

    /// Whether it is a piece of a larger IPv4 packet.
    pub fn is_fragment_v4(&self) -> bool {
        self.version == 4 && be16(self.bytes, 6) & 0x3fff != 0
    }

    /// Identifier of an unfragmented ICMP echo request.
    pub fn echo_request(&self) -> Option<u16> {
        self.echo(8, 128)
    }

    /// Identifier of an unfragmented ICMP echo reply.
    pub fn echo_reply(&self) -> Option<u16> {
        self.echo(0, 129)
    }

    fn echo(&self, type4: u8, type6: u8) -> Option<u16> {
        let (at, kind) = match (self.version, self.protocol()) {
            (4, ICMP) if !self.is_fragment_v4() => (usize::from(self.bytes[0] & 15) * 4, type4),
            (6, ICMPV6) => (40, type6),
            _ => return None,
        };
        let message = self.bytes.get(at..at + 8)?;
        (message[0] == kind && message[1] == 0).then(|| be16(message, 4))
    }

    fn address(&self, at4: usize, at6: usize) -> IpAddr {
        if self.version == 4 {
            let mut ip = [0; 4];
            ip.copy_from_slice(&self.bytes[at4..at4 + 4]);
            IpAddr::V4(Ipv4Addr::from(ip))
        } else {
            let mut ip = [0; 16];
            ip.copy_from_slice(&self.bytes[at6..at6 + 16]);
            IpAddr::V6(Ipv6Addr::from(ip))
        }
    }
}

/// Two bytes in the network's order; the caller has seen that they are there.
pub fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes, the low one first; the caller has seen that they are there.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Eight bytes, the low one first; the caller has seen that they are there.
pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}
