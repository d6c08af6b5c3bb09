//! The header in front of every packet of a TUN device with offloads (struct virtio_net_hdr, linux/virtio_net.h).

/// Bytes of it.
pub const VNET_HEADER: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const ECN: u8 = 0x80;

/// What the large packet is to be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Gso {
    /// One packet as it is.
    None = 0,
    /// TCP over IPv4.
    Tcp4 = 1,
    /// TCP over IPv6.
    Tcp6 = 4,
    /// UDP over either.
    Udp = 5,
}

/// Its fields, but for the header length, which can't be trusted (data-plane.md §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vnet {
    /// The checksum is to be finished.
    pub needs_checksum: bool,
    /// What to cut into.
    pub gso: Gso,
    /// Bytes of payload of each piece but the last.
    pub gso_size: u16,
    /// Where the transport header begins.
    pub checksum_start: u16,
    /// Where in it the checksum is.
    pub checksum_offset: u16,
}

impl Vnet {
    /// For a packet that is complete.
    pub const PLAIN: Self =
        Self { needs_checksum: false, gso: Gso::None, gso_size: 0, checksum_start: 0, checksum_offset: 0 };

    /// Undefined for kinds that were not asked for.
    pub fn read(bytes: &[u8; VNET_HEADER]) -> Option<Self> {
        let gso = match bytes[1] & !ECN {
            0 => Gso::None,
            1 => Gso::Tcp4,
            4 => Gso::Tcp6,
            5 => Gso::Udp,
            _ => return None,
        };
        let field = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            needs_checksum: bytes[0] & NEEDS_CHECKSUM != 0,
            gso,
            gso_size: field(4),
            checksum_start: field(6),
            checksum_offset: field(8),
        })
    }

    /// With the length of all headers, which the kernel wants to know.
    pub fn write(&self, header_length: u16) -> [u8; VNET_HEADER] {
        let mut bytes = [0; VNET_HEADER];
        bytes[0] = u8::from(self.needs_checksum);
        bytes[1] = self.gso as u8;
        let fields = [header_length, self.gso_size, self.checksum_start, self.checksum_offset];
        for (place, field) in bytes[2..].chunks_mut(2).zip(fields) {
            place.copy_from_slice(&field.to_ne_bytes());
        }
        bytes
    }
}
