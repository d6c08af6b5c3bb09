//! One transport keypair and the three slots of a peer (data-plane.md §1.5).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto::aead::Key;
use crate::limits::{REJECT_AFTER_MESSAGES, REJECT_AFTER_MS, REKEY_AFTER_MESSAGES};
use crate::replay::ReplayWindow;

/// Keys of both directions, and what was sent and received under them.
pub struct Keypair {
    /// Our initiation was answered.
    pub is_initiator: bool,
    /// By which the peer names it.
    pub local_index: u32,
    /// By which we name it to the peer.
    pub remote_index: u32,
    /// Engine clock ms.
    pub created_ms: u64,
    /// Ours.
    pub sealer: Key,
    /// The peer's.
    pub opener: Key,
    /// Next counter to send.
    counter: AtomicU64,
    /// Made with the first packet received: idle keypairs are small.
    replay: Mutex<Option<Box<ReplayWindow>>>,
    /// Sent ahead of everything else, once it may be.
    pub first_packet: Mutex<Option<Box<[u8]>>>,
}

impl Keypair {
    /// The keys are copied.
    pub fn new(given: &crate::ops::NewKeypair) -> Self {
        Self {
            is_initiator: given.is_initiator,
            local_index: given.local_index,
            remote_index: given.remote_index,
            created_ms: given.created_ms,
            sealer: Key::new(given.send_key),
            opener: Key::new(given.receive_key),
            counter: AtomicU64::new(0),
            replay: Mutex::new(None),
            first_packet: Mutex::new(given.first_packet.map(Into::into)),
        }
    }

    /// What was received under it, while a whole batch is looked at.
    pub fn with_window<T>(&self, look: impl FnOnce(&mut ReplayWindow) -> T) -> T {
        let mut window = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        look(window.get_or_insert_with(Box::default))
    }

    /// Young enough for either direction.
    pub fn is_alive(&self, now: u64) -> bool {
        now.saturating_sub(self.created_ms) < REJECT_AFTER_MS
    }

    /// Milliseconds.
    pub fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.created_ms)
    }

    /// Young enough, and `count` counters are left.
    pub fn may_send(&self, now: u64, count: u64) -> bool {
        self.is_alive(now) && self.counter.load(Ordering::Relaxed) < REJECT_AFTER_MESSAGES - count + 1
    }

    /// A counter that nobody else gets. Two threads may pass `may_send` for the last one, so the few above the limit, which
    /// nobody accepts, are never reused either.
    pub fn take_counter(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// So many were sent that a new keypair is wanted.
    pub fn is_worn_out(&self) -> bool {
        self.counter.load(Ordering::Relaxed) > REKEY_AFTER_MESSAGES
    }

    /// Nothing more may be sent.
    pub fn expire_send(&self) {
        self.counter.store(REJECT_AFTER_MESSAGES, Ordering::Relaxed);
    }
}

/// Keypairs that fell out of their slots.
pub type Freed = [Option<Arc<Keypair>>; 3];

/// Which keypair is used for what.
#[derive(Default)]
pub struct Slots {
    /// Still receives.
    pub previous: Option<Arc<Keypair>>,
    /// Sends and receives.
    pub current: Option<Arc<Keypair>>,
    /// Receives, and is not sent under before the peer has used it.
    pub next: Option<Arc<Keypair>>,
}

impl Slots {
    /// Our initiation was answered: usable at once.
    pub fn install_as_initiator(&mut self, keypair: Arc<Keypair>) -> Freed {
        let mut freed = [self.previous.take(), None, None];
        if let Some(next) = self.next.take() {
            freed[1] = self.current.take();
            self.previous = Some(next);
        } else {
            self.previous = self.current.take();
        }
        self.current = Some(keypair);
        freed
    }

    /// We answered.
    pub fn install_as_responder(&mut self, keypair: Arc<Keypair>) -> Freed {
        [self.next.replace(keypair), self.previous.take(), None]
    }

    /// The first authentic packet under `next` came.
    pub fn promote(&mut self) -> Freed {
        let freed = [self.previous.take(), None, None];
        self.previous = self.current.take();
        self.current = self.next.take();
        freed
    }

    /// All of them.
    pub fn clear(&mut self) -> Freed {
        [self.previous.take(), self.current.take(), self.next.take()]
    }

    /// Those made before a moment.
    pub fn clear_older(&mut self, created_before_ms: u64) -> Freed {
        [&mut self.previous, &mut self.current, &mut self.next]
            .map(|slot| slot.take_if(|keypair| keypair.created_ms < created_before_ms))
    }

    /// Identity changed: nothing more is sent, what is under way is still received.
    pub fn expire_send(&self) {
        for keypair in [&self.current, &self.next].into_iter().flatten() {
            keypair.expire_send();
        }
    }
}
