//! Headers of TCP and UDP as joining sees them: which packets may be joined at all, and which are alike enough (data-plane.md §2.9).

use std::ops::Range;

use super::checksum::{Sum, pseudo};
use crate::inner::{TCP, UDP, be16};

/// The longest IP and TCP headers that are joined, the former without options.
pub const MAX_HEADER: usize = 40 + 60;
/// This packet's data are to be handed over without waiting for more (RFC 9293 §3.1).
pub const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Where things stand in a packet that may be joined; its methods take that packet, or another one of the same shape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 4 or 6.
    pub version: u8,
    /// TCP or UDP.
    pub protocol: u8,
    /// Bytes of the IP header.
    pub ip_header: usize,
    /// Bytes of both headers.
    pub header: usize,
}

impl Shape {
    /// Undefined for what is never joined: options, fragments, no payload, flags besides ACK and PSH.
    pub fn of(packet: &[u8]) -> Option<Self> {
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
                (flags & !PSH == ACK).then_some(usize::from(packet[ip_header + 12] >> 4) * 4)?
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
        is_fit.then_some(Self { version, protocol, ip_header, header })
    }

    fn ports(&self, packet: &[u8]) -> (u8, [u8; 4]) {
        let mut ports = [0; 4];
        ports.copy_from_slice(&packet[self.ip_header..self.ip_header + 4]);
        (self.protocol, ports)
    }

    /// The flags of TCP.
    pub fn flags(&self, packet: &[u8]) -> u8 {
        packet[self.ip_header + 13]
    }

    /// The sequence number of TCP.
    pub fn sequence(&self, packet: &[u8]) -> u32 {
        let mut number = [0; 4];
        number.copy_from_slice(&packet[self.ip_header + 4..self.ip_header + 8]);
        u32::from_be_bytes(number)
    }

    /// Equal in every field that one header for both could not keep apart.
    pub fn is_alike(&self, head: &[u8], packet: &[u8]) -> bool {
        let at = self.ip_header;
        let is_same = |from: usize, to: usize| head[from..to] == packet[from..to];
        let is_ip_same = if self.version == 4 {
            // TOS; flags; TTL. The identification differs.
            is_same(1, 2) && is_same(6, 9)
        } else {
            // Traffic class and flow label; hop limit.
            is_same(0, 4) && is_same(6, 8)
        };
        if !is_ip_same || self.protocol == UDP {
            return is_ip_same;
        }
        // Acknowledgement and length of the header; window; urgent pointer and options.
        is_same(at + 8, at + 13) && is_same(at + 14, at + 16) && is_same(at + 18, self.header)
    }

    /// Whether a packet's own checksums are right.
    pub fn is_right(&self, packet: &[u8]) -> bool {
        let (ip, transport) = packet.split_at(self.ip_header);
        let is_ip_right = self.version == 6 || Sum::default().bytes(ip).fold() == 0xffff;
        is_ip_right && pseudo(packet, self.version, self.protocol, transport.len()).bytes(transport).fold() == 0xffff
    }
}

/// Whose a packet is. Of one without ports in sight it is only known between which addresses.
pub struct Flow<'a> {
    version: u8,
    addresses: &'a [u8],
    ports: Option<(u8, [u8; 4])>,
}

impl<'a> Flow<'a> {
    /// Of any packet; `shape` is its own, if it has one.
    pub fn of(packet: &'a [u8], shape: Option<&Shape>) -> Self {
        let version = packet[0] >> 4;
        let ports = shape.map_or_else(|| ports_of(packet), |shape| Some(shape.ports(packet)));
        Self { version, addresses: &packet[addresses(version)], ports }
    }

    /// Whether another packet, of this shape, is or may be of the same.
    pub fn has(&self, packet: &[u8], shape: &Shape) -> bool {
        shape.version == self.version
            && self.ports.is_none_or(|ports| shape.ports(packet) == ports)
            && packet[addresses(self.version)] == *self.addresses
    }
}

fn addresses(version: u8) -> Range<usize> {
    if version == 4 { 12..20 } else { 8..40 }
}

/// Protocol and ports, of TCP and UDP that is whole enough to show them.
fn ports_of(packet: &[u8]) -> Option<(u8, [u8; 4])> {
    let (ip_header, protocol) = match packet[0] >> 4 {
        4 if be16(packet, 6) & 0x3fff == 0 => (usize::from(packet[0] & 15) * 4, packet[9]),
        6 => (40, packet[6]),
        _ => return None,
    };
    let ports = packet.get(ip_header..)?.first_chunk()?;
    matches!(protocol, TCP | UDP).then_some((protocol, *ports))
}
