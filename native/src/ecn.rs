//! Congestion marks across the tunnel (RFC 6040): the outer header says what the inner one does, and marks of the way come in.

use crate::inner::be16;

/// A router on the way is congested (RFC 3168 §5). Below it: 0 for a sender that does not heed marks, 1 and 2 for one that does.
pub const CONGESTED: u8 = 3;
const IPV6_SHIFT: u8 = 4;

/// The mark of an IP packet; 0 for what is none.
pub fn of(packet: &[u8]) -> u8 {
    match packet {
        [first, second, ..] if first >> 4 == 4 => second & CONGESTED,
        [first, second, ..] if first >> 4 == 6 => second >> IPV6_SHIFT & CONGESTED,
        _ => 0,
    }
}

/// Puts the mark for congestion into an IP packet whose sender heeds it; others stay as they are (RFC 6040 §4.2).
pub fn mark(packet: &mut [u8]) {
    if of(packet) == 0 {
        return;
    }
    if packet[0] >> 4 == 6 {
        packet[1] |= CONGESTED << IPV6_SHIFT;
    } else if packet.len() >= 12 {
        let before = be16(packet, 0);
        packet[1] |= CONGESTED;
        let difference = u32::from(!before) + u32::from(be16(packet, 0));
        // RFC 1624 §3: what was wrong stays wrong.
        let sum = u32::from(!be16(packet, 10)) + difference;
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::checksum::Sum;
    use crate::testing::Random;

    fn v4(tos: u8, random: &mut Random) -> Vec<u8> {
        let mut packet = random.bytes(60);
        (packet[0], packet[1]) = (0x45, tos);
        packet[10..12].fill(0);
        let sum = Sum::default().bytes(&packet[..20]).checksum();
        packet[10..12].copy_from_slice(&sum);
        packet
    }

    #[test]
    fn ipv4_is_marked_where_it_may_be_and_its_checksum_stays_right() {
        let mut random = Random::new(7);
        for _ in 0..5_000 {
            for inner in 0..4 {
                let before = v4(0xb8 | inner, &mut random);
                let mut packet = before.clone();
                mark(&mut packet);
                let expected = if inner == 0 { 0 } else { CONGESTED };
                assert_eq!((of(&before), of(&packet), packet[1] & !3), (inner, expected, 0xb8));
                assert_eq!(Sum::default().bytes(&packet[..20]).fold(), 0xffff);
                assert_eq!((&packet[2..10], &packet[12..]), (&before[2..10], &before[12..]));
            }
        }
    }

    #[test]
    fn ipv6_keeps_the_rest_of_its_traffic_class_and_its_flow_label() {
        for inner in 0..4u8 {
            let mut packet = vec![0x6b, 0x80 | inner << 4 | 0x5, 0x12, 0x34];
            mark(&mut packet);
            let expected = if inner == 0 { 0 } else { CONGESTED };
            assert_eq!(packet, [0x6b, 0x80 | expected << 4 | 0x5, 0x12, 0x34]);
        }
    }

    #[test]
    fn what_is_no_packet_is_left_alone() {
        for bytes in [vec![], vec![0x45], vec![0x45, 1, 2, 3], vec![0x15, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]] {
            let mut packet = bytes.clone();
            mark(&mut packet);
            if bytes.first() != Some(&0x45) {
                assert_eq!(of(&packet), 0);
            }
            assert_eq!(packet, bytes);
        }
    }
}
