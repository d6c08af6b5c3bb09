//! The Internet checksum (RFC 1071): partial sums in the machine's byte order, which the arithmetic does not care about.

/// A one's-complement sum that is not folded yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// Bytes from an even position; an odd last one counts as if a zero followed.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        let mut total = self.0;
        // At most 2^14 words of 32 bits per packet: the sum cannot overflow.
        for word in words {
            total += u64::from(u32::from_ne_bytes(*word));
        }
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        Self(total + u64::from(u32::from_ne_bytes(last)))
    }

    /// A number of 16 bits, as it stands in a header.
    pub fn number(self, value: u16) -> Self {
        Self(self.0 + u64::from(value.to_be()))
    }

    /// What stands in a header already, or another sum that was folded.
    pub fn folded(self, value: u16) -> Self {
        Self(self.0 + u64::from(value))
    }

    /// Down to 16 bits, in the machine's byte order.
    pub fn fold(self) -> u16 {
        let mut total = (self.0 >> 32) + (self.0 & 0xffff_ffff);
        total = (total >> 32) + (total & 0xffff_ffff);
        total = (total >> 16) + (total & 0xffff);
        total = (total >> 16) + (total & 0xffff);
        total = (total >> 16) + (total & 0xffff);
        total as u16
    }

    /// The bytes for a checksum field.
    pub fn checksum(self) -> [u8; 2] {
        (!self.fold()).to_ne_bytes()
    }

    /// The same for UDP, where zero means that there is none.
    pub fn udp_checksum(self) -> [u8; 2] {
        match !self.fold() {
            0 => [0xff, 0xff],
            sum => sum.to_ne_bytes(),
        }
    }
}

/// Addresses, protocol and length of the transport part, which every transport checksum includes. `ip` is the IP header.
pub fn pseudo(ip: &[u8], version: u8, protocol: u8, length: usize) -> Sum {
    let addresses = if version == 4 { &ip[12..20] } else { &ip[8..40] };
    Sum::default().bytes(addresses).number(u16::from(protocol)).number(length as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, hex};

    #[test]
    fn sums_the_vectors_of_data_plane_7_6() {
        assert_eq!(Sum::default().bytes(&hex("0001f203f4f5f6f7")).fold().to_ne_bytes(), [0xdd, 0xf2]);
        assert_eq!(Sum::default().bytes(&hex("0001f203f4f5f6f7")).checksum(), [0x22, 0x0d]);
        assert_eq!(Sum::default().bytes(&[1, 2, 3]).fold().to_ne_bytes(), [0x04, 0x02]);
    }

    #[test]
    fn agrees_with_adding_sixteen_bits_at_a_time() {
        let mut random = Random::new(1);
        for size in 0..300 {
            let bytes = random.bytes(size);
            let mut plain = 0u32;
            for pair in bytes.chunks(2) {
                plain += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
                plain = (plain >> 16) + (plain & 0xffff);
            }
            assert_eq!(u16::from_be_bytes(Sum::default().bytes(&bytes).fold().to_ne_bytes()), plain as u16);
        }
    }
}
