//! What the engine keeps of one peer: slots, path, staged packets, activity words and counts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::buckets::{MoveBucket, SynBucket};
use crate::keypair::{Keypair, Slots};
use crate::staging::Staging;

/// How datagrams reach a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Mode {
    #[default]
    None = 0,
    Direct = 1,
    DirectAndRelay = 2,
    Relay = 3,
}

/// An address of a peer and the socket from which it is reached; 0 is the one for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where to.
    pub to: SocketAddr,
    /// From which socket.
    pub via: u32,
}

/// What TypeScript decided on a peer's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Which of the two.
    pub mode: Mode,
    /// Straight there.
    pub direct: Option<Place>,
    /// The relay's region.
    pub relay: Option<u32>,
    /// Engine clock ms after which a direct path is doubled by the relay.
    pub valid_until_ms: Option<u64>,
}

impl Path {
    /// A direct path whose trust ran out is doubled by the relay, where there is one.
    pub fn mode(&self, now: u64) -> Mode {
        let is_old = self.valid_until_ms.is_some_and(|until| now > until);
        match self.mode {
            Mode::Direct if is_old && self.relay.is_some() => Mode::DirectAndRelay,
            mode => mode,
        }
    }

    /// Where a datagram goes now.
    pub fn ways(&self, now: u64) -> Ways {
        let mode = self.mode(now);
        Ways {
            direct: self.direct.filter(|_| matches!(mode, Mode::Direct | Mode::DirectAndRelay)),
            relay: self.relay.filter(|_| matches!(mode, Mode::Relay | Mode::DirectAndRelay)),
        }
    }

    /// The same by the relay alone.
    pub fn without_direct(&self) -> Self {
        match self.relay {
            Some(_) if self.mode != Mode::None => Self { mode: Mode::Relay, relay: self.relay, ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// Where one datagram goes; both, one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Straight there.
    pub direct: Option<Place>,
    /// By a relay of this region.
    pub relay: Option<u32>,
}

impl Ways {
    /// There is none.
    pub fn is_none(&self) -> bool {
        self.direct.is_none() && self.relay.is_none()
    }
}

/// Why a handshake is wanted. The numbers are those of records to TypeScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Reason {
    NoKey = 1,
    Age120 = 2,
    Age165 = 3,
    Counter = 4,
    KeepaliveWithoutKey = 5,
}

/// How many reasons there are.
const REASONS: usize = Reason::KeepaliveWithoutKey as usize;

/// What is read and changed together, under one lock.
#[derive(Default)]
pub struct Link {
    /// Keypairs.
    pub slots: Slots,
    /// Where datagrams go.
    pub path: Path,
    /// What waited for the key is on its way, by whoever has the engine's own `Tx`: nothing may overtake it.
    pub is_leaving: bool,
    rare: Option<Box<Rare>>,
}

/// What most peers never have: they are configured, and nothing is wanted of them.
#[derive(Default)]
pub struct Rare {
    /// What waits.
    pub staged: Staging,
    /// Handshake message that waits for a path, and since when; only the newest counts.
    pub held: Option<(Box<[u8]>, u64)>,
    /// When each reason for a handshake was told last, so that it is told once a second; 0 = never.
    pub needed_at: [u64; REASONS],
    /// The same for a path.
    pub needed_path_at: Option<u64>,
    /// The same for an address that is not the path's.
    pub new_address: Option<(Place, u64)>,
    /// Which addresses are told of, where there are ever others.
    pub moves: MoveBucket,
    /// The same for cookies that went by a relay.
    pub relay_cookie_at: Option<u64>,
    /// Which dropped beginnings of connections are told of.
    pub syns: SynBucket,
}

impl Link {
    /// Made when it is first asked for.
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Only where something is there.
    pub fn rare_if_any(&mut self) -> Option<&mut Rare> {
        self.rare.as_deref_mut()
    }

    /// The next need of a handshake is told at once.
    pub fn forget_needed(&mut self) {
        if let Some(rare) = self.rare_if_any() {
            rare.needed_at = [0; REASONS];
        }
    }

    /// The keypair to send `count` packets under.
    pub fn sender(&self, now: u64, count: u64) -> Option<&Arc<Keypair>> {
        self.slots.current.as_ref().filter(|keypair| keypair.may_send(now, count))
    }
}

/// Engine clock ms, 0 = unset (data-plane.md §4.6), and counts; in the order of their record.
#[derive(Default)]
#[allow(missing_docs)]
pub struct Activity {
    pub unanswered_since: AtomicU64,
    pub keepalive_owed_since: AtomicU64,
    pub last_tx_any: AtomicU64,
    pub last_rx_any: AtomicU64,
    pub rx_best_at: AtomicU64,
    pub last_handshake_ms: AtomicU64,
    pub tx_bytes: AtomicU64,
    pub rx_bytes: AtomicU64,
    pub tx_packets: AtomicU64,
    pub rx_packets: AtomicU64,
}

impl Activity {
    /// All words, in order.
    pub fn words(&self) -> [u64; 10] {
        [
            &self.unanswered_since,
            &self.keepalive_owed_since,
            &self.last_tx_any,
            &self.last_rx_any,
            &self.rx_best_at,
            &self.last_handshake_ms,
            &self.tx_bytes,
            &self.rx_bytes,
            &self.tx_packets,
            &self.rx_packets,
        ]
        .map(get)
    }

    /// Whether anything authentic ever came or went.
    pub fn had_traffic(&self) -> bool {
        get(&self.last_tx_any) != 0 || get(&self.last_rx_any) != 0
    }
}

/// Reads a word.
pub fn get(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

/// Writes a word.
pub fn set(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Relaxed);
}

/// Adds to a word.
pub fn add(word: &AtomicU64, by: u64) {
    word.fetch_add(by, Ordering::Relaxed);
}

/// Another node.
pub struct Peer {
    /// Chosen by TypeScript.
    pub id: u32,
    /// Its static key.
    pub public_key: [u8; 32],
    /// Without disco: its path follows what it sends.
    pub is_wireguard_only: bool,
    /// May only answer.
    pub is_jailed: bool,
    /// Words that drive timers in TypeScript.
    pub activity: Activity,
    link: Mutex<Link>,
}

impl Peer {
    /// Without keys and path.
    pub fn new(id: u32, public_key: [u8; 32], is_wireguard_only: bool, is_jailed: bool) -> Self {
        Self { id, public_key, is_wireguard_only, is_jailed, activity: Activity::default(), link: Mutex::default() }
    }

    /// Taken after the engine's own locks, and for short.
    pub fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_quiet_peers_take_little() {
        // With the counts of its Arc, the allocator's word and its place in the table at the worst load: 300 bytes.
        let place = (size_of::<(u32, Arc<Peer>)>() + 1) * 16 / 7;
        assert!(size_of::<Peer>() + 16 + 8 + place <= 300, "{}", size_of::<Peer>());
    }
}
