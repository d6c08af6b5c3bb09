//! What a datagram on our port is, by its first bytes and nothing more (data-plane.md §2.7.1; length checks come later).

use crate::inner::be16;

/// Kinds of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing that we know.
    Junk,
    /// WireGuard type 1.
    Initiation,
    /// WireGuard type 2.
    Response,
    /// WireGuard type 3.
    CookieReply,
    /// WireGuard type 4.
    Data,
    /// Path probes between peers.
    Disco,
    /// RFC 8489.
    Stun,
    /// Through a peer relay; nothing here speaks it yet.
    Geneve,
}

/// Magic, sender's key, nonce.
const DISCO_HEADER: usize = 6 + 32 + 24;
const DISCO_MAGIC: &[u8] = &[0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac];
const STUN_HEADER: usize = 20;
const STUN_COOKIE: &[u8] = &[0x21, 0x12, 0xa4, 0x42];

/// Sorts a datagram of any length.
pub fn classify(datagram: &[u8]) -> Kind {
    match datagram.get(..4) {
        Some([1, 0, 0, 0]) => return Kind::Initiation,
        Some([2, 0, 0, 0]) => return Kind::Response,
        Some([3, 0, 0, 0]) => return Kind::CookieReply,
        Some([4, 0, 0, 0]) => return Kind::Data,
        _ => {}
    }
    if datagram.len() >= DISCO_HEADER && datagram.starts_with(DISCO_MAGIC) {
        return Kind::Disco;
    }
    if datagram.len() >= STUN_HEADER && datagram[0] & 0xc0 == 0 && &datagram[4..8] == STUN_COOKIE {
        return Kind::Stun;
    }
    let is_geneve =
        datagram.len() >= 8 && datagram[0] == 0 && matches!(be16(datagram, 2), 0x7a11 | 0x7a12) && datagram[7] == 0;
    if is_geneve { Kind::Geneve } else { Kind::Junk }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn sorts_the_vectors_of_data_plane_7_7() {
        let mut disco = hex("5453f09f92ac");
        assert_eq!(classify(&disco), Kind::Junk);
        disco.resize(62, 0);
        let rows = [
            (hex("04000000"), Kind::Data),
            (hex("0400000100000000"), Kind::Junk),
            (hex("00007a1201020300"), Kind::Geneve),
            (hex("00807a1101020300"), Kind::Geneve),
            (hex("000100002112a442000000000000000000000000"), Kind::Stun),
            (hex("000100002112a4420000000000000000000000"), Kind::Junk),
            (disco, Kind::Disco),
            (hex("07"), Kind::Junk),
            (Vec::new(), Kind::Junk),
        ];
        for (datagram, kind) in rows {
            assert_eq!(classify(&datagram), kind, "{datagram:02x?}");
        }
    }
}
