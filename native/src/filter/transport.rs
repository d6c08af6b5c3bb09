//! What the packet filter reads of an inner packet: protocol, ports, TCP flags, fragments (data-plane.md §4.8).

use crate::inner::{ICMP, ICMPV6, Inner, SCTP, TCP, TSMP, UDP, be16};

const FRAGMENT: u8 = 44;
/// A fragment that begins sooner could overwrite the transport header of the first one.
const MIN_FRAGMENT_OFFSET: usize = 80;

/// How much could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All that is wanted.
    Known,
    /// Not enough: such a packet is dropped.
    Unknown,
    /// It has no ports, and follows one that was judged.
    LaterFragment,
}

/// Fields of the transport header; 0 where the protocol has none.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// How much could be read.
    pub kind: Readable,
    /// IP protocol, behind a fragment header.
    pub protocol: u8,
    /// Of TCP, UDP and SCTP.
    pub source_port: u16,
    /// Of TCP, UDP and SCTP.
    pub destination_port: u16,
    /// The lower six.
    pub tcp_flags: u8,
    /// Of ICMP and ICMPv6; 255 for other protocols, which no answer has.
    pub icmp_type: u8,
}

impl Transport {
    /// Reads a packet whose IP header was checked before.
    pub fn read(packet: &Inner) -> Self {
        let mut transport = Self {
            kind: Readable::Unknown,
            protocol: packet.protocol(),
            source_port: 0,
            destination_port: 0,
            tcp_flags: 0,
            icmp_type: 255,
        };
        let bytes = packet.bytes;
        if packet.version == 4 {
            let at = usize::from(bytes[0] & 15) * 4;
            if at >= 20 && at <= bytes.len() {
                let field = be16(bytes, 6);
                transport.read_fragment(bytes, at, usize::from(field & 0x1fff) * 8, field & 0x2000 != 0);
            }
        } else if transport.protocol != FRAGMENT {
            // Headers between the addresses and the transport; only fragments are looked behind.
            if !matches!(transport.protocol, 0 | 43 | 50 | 51 | 60 | 135 | 139 | 140 | 253 | 254) {
                transport.read_fragment(bytes, 40, 0, false);
            }
        } else if bytes.len() >= 48 {
            transport.protocol = bytes[40];
            let field = be16(bytes, 42);
            transport.read_fragment(bytes, 48, usize::from(field & 0xfff8), field & 1 != 0);
        }
        transport
    }

    fn read_fragment(&mut self, bytes: &[u8], at: usize, offset: usize, has_more: bool) {
        if offset > 0 {
            if offset >= MIN_FRAGMENT_OFFSET {
                self.kind = Readable::LaterFragment;
            }
            return;
        }
        // These messages are short: a fragmented one is nobody's.
        if has_more && self.protocol == TSMP {
            return;
        }
        // Nor is what only the other IP version has, and would be an answer there.
        if self.protocol == if bytes[0] >> 4 == 4 { ICMPV6 } else { ICMP } {
            return;
        }
        let header = &bytes[at..];
        let needed = match self.protocol {
            TCP => 20,
            UDP | ICMP | ICMPV6 => 8,
            SCTP => 12,
            _ => 0,
        };
        if header.len() < needed {
            return;
        }
        self.kind = Readable::Known;
        match self.protocol {
            TCP | UDP | SCTP => {
                self.source_port = be16(header, 0);
                self.destination_port = be16(header, 2);
                if self.protocol == TCP {
                    self.tcp_flags = header[13] & 0x3f;
                }
            }
            ICMP | ICMPV6 => self.icmp_type = header[0],
            _ => {}
        }
    }
}
