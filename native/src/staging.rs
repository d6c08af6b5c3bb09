//! Packets that wait for a keypair or a path: bounded per peer and in all, the oldest of a peer goes first (data-plane.md §1.9).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of one peer.
pub const MAX_PACKETS: usize = 128;
/// Of one peer.
pub const MAX_BYTES: usize = 256 * 1024;
/// Of all peers together.
pub const MAX_TOTAL_BYTES: usize = 8 * 1024 * 1024;

/// How much all peers of an engine have waiting.
#[derive(Default)]
pub struct StagedTotal(AtomicUsize);

impl StagedTotal {
    /// Bytes.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One peer's queue.
#[derive(Default)]
pub struct Staging {
    packets: VecDeque<(u64, Box<[u8]>)>,
    bytes: usize,
}

impl Staging {
    /// Keeps a copy; gives how many packets had to go for it. When all peers together have too much, the newcomer's own
    /// oldest go, so that one flood does not empty the others' queues.
    pub fn push(&mut self, total: &StagedTotal, packet: &[u8], now: u64) -> u64 {
        self.packets.push_back((now, packet.into()));
        self.bytes += packet.len();
        total.0.fetch_add(packet.len(), Ordering::Relaxed);
        let mut dropped = 0;
        while self.packets.len() > MAX_PACKETS || self.bytes > MAX_BYTES || total.bytes() > MAX_TOTAL_BYTES {
            if self.shift(total).is_none() {
                break;
            }
            dropped += 1;
        }
        dropped
    }

    /// The oldest packet, taken out.
    pub fn shift(&mut self, total: &StagedTotal) -> Option<Box<[u8]>> {
        let (_, packet) = self.packets.pop_front()?;
        self.bytes -= packet.len();
        total.0.fetch_sub(packet.len(), Ordering::Relaxed);
        Some(packet)
    }

    /// All packets, taken out, the oldest first.
    pub fn take(&mut self, total: &StagedTotal) -> impl Iterator<Item = Box<[u8]>> + use<> {
        total.0.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
        std::mem::take(&mut self.packets).into_iter().map(|(_, packet)| packet)
    }

    /// Drops all; gives how many.
    pub fn clear(&mut self, total: &StagedTotal) -> u64 {
        let mut dropped = 0;
        while self.shift(total).is_some() {
            dropped += 1;
        }
        dropped
    }

    /// Drops what has waited since `since` or longer; gives how many.
    pub fn expire(&mut self, total: &StagedTotal, since: u64) -> u64 {
        let mut dropped = 0;
        while self.packets.front().is_some_and(|(at, _)| *at <= since) {
            self.shift(total);
            dropped += 1;
        }
        dropped
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_of_a_peer_and_accounts_for_all() {
        let total = StagedTotal::default();
        let mut one = Staging::default();
        let dropped: u64 = (0..200).map(|i| one.push(&total, &[i], 0)).sum();
        assert_eq!((dropped, total.bytes()), (72, 128));
        assert_eq!(one.shift(&total).as_deref(), Some(&[72u8][..]));
        assert_eq!(one.push(&total, &vec![0; MAX_BYTES], 5), 127);
        assert_eq!(one.expire(&total, 4), 0);
        assert_eq!(one.expire(&total, 5), 1);
        assert_eq!((one.is_empty(), total.bytes()), (true, 0));
    }

    #[test]
    fn no_more_than_the_total_is_kept() {
        let total = StagedTotal::default();
        let mut peers: Vec<Staging> = (0..40).map(|_| Staging::default()).collect();
        for peer in &mut peers {
            for _ in 0..4 {
                peer.push(&total, &vec![0; 65_535], 0);
            }
        }
        assert!(total.bytes() <= MAX_TOTAL_BYTES);
        assert_eq!(peers[0].clear(&total), 4);
    }
}
