//! Bytes that cross the border to TypeScript: flat, little-endian, with every length checked (data-plane.md §4.1, §4.4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::table::Prefix;

/// Bytes of an address block: family, reserved, port, scope, two reserved words, address.
pub const ADDRESS: usize = 28;

/// Reads a borrowed buffer from front to back; every reader gives none once it has run out.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// A fixed number of bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// An address block; the inner none says that it names no address.
    pub fn address(&mut self) -> Option<Option<SocketAddr>> {
        let block: [u8; ADDRESS] = self.array()?;
        let port = u16::from_le_bytes([block[2], block[3]]);
        let scope = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
        match (block[0], ip(block[0], &block[12..])) {
            (0, _) => Some(None),
            (_, Some(IpAddr::V6(ip))) => Some(Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))),
            (_, Some(ip)) => Some(Some(SocketAddr::new(ip, port))),
            _ => None,
        }
    }

    /// Family, length, 16 bytes of address.
    pub fn prefix(&mut self) -> Option<Prefix> {
        let block: [u8; 18] = self.array()?;
        Prefix::new(ip(block[0], &block[2..])?, block[1])
    }
}

fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        4 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?))),
        6 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(..16)?).ok()?))),
        _ => None,
    }
}

/// The same as bytes.
pub fn address_block(address: Option<SocketAddr>) -> [u8; ADDRESS] {
    let mut block = [0; ADDRESS];
    let Some(address) = address else { return block };
    block[2..4].copy_from_slice(&address.port().to_le_bytes());
    match address {
        SocketAddr::V4(v4) => {
            block[0] = 4;
            block[12..16].copy_from_slice(&v4.ip().octets());
        }
        SocketAddr::V6(v6) => {
            block[0] = 6;
            block[4..8].copy_from_slice(&v6.scope_id().to_le_bytes());
            block[12..].copy_from_slice(&v6.ip().octets());
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_there_and_back() {
        for text in ["192.0.2.1:7", "[2001:db8::1]:65535", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(Reader::new(&address_block(Some(address))).address(), Some(Some(address)));
        }
        assert_eq!(Reader::new(&address_block(None)).address(), Some(None));
        assert_eq!(Reader::new(&[0; 27]).address(), None);
        assert_eq!(Reader::new(&[5; 28]).address(), None);
    }
}
