//! The engine's counters: a fixed, append-only list in the order of `COUNTER_NAMES` in `engine/counters.ts`.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        /// Which counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        #[allow(missing_docs)]
        pub enum Count { $($name),+ }
        /// How many there are.
        pub const COUNTERS: usize = [$(Count::$name),+].len();
    };
}

counters!(
    TxPackets,
    TxBytes,
    TxKeepalives,
    TxRelay,
    RxPackets,
    RxBytes,
    RxKeepalives,
    RxRelay,
    HandshakeReceived,
    HandshakeCookiesSent,
    DropJunk,
    DropGeneve,
    DropLength,
    DropMac1,
    DropMac2,
    DropLimiter,
    DropHandshakeQueue,
    DropNotReady,
    DropUnknownIndex,
    DropExpiredKey,
    DropReplay,
    DropNotAuthentic,
    DropBadInner,
    DropWrongSource,
    DropNotLocal,
    DropNoRoute,
    DropToSelf,
    DropTsmpFromHost,
    DropStaged,
    DropNoPath,
    DropNoSocket,
    DropSendFailed,
    DropTunWrite,
    DropRecordQueue,
    DropInUnreadable,
    DropInMulticast,
    DropInLinkLocal,
    DropOutUnreadable,
    DropOutMulticast,
    DropOutLinkLocal,
    DropFiltered,
    DropJailed,
    DropBadVnet,
    DropTruncated,
    DropWouldBlock,
    DropCongested,
);

/// One number per counter.
pub struct Counters([AtomicU64; COUNTERS]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    /// Counts one.
    pub fn one(&self, count: Count) {
        self.add(count, 1);
    }

    /// Counts several.
    pub fn add(&self, count: Count, by: u64) {
        self.0[count as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// All of them, in order.
    pub fn read(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|one| one.load(Ordering::Relaxed))
    }

    /// One of them.
    #[cfg(test)]
    pub fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}
