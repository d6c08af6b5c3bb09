//! Token buckets: of what peers bring about by the thousand few are told, packets that the filter dropped (data-plane.md §4.4)
//! and addresses that are new.

/// The beginning of a connection is told of apart: its sender is told that it was refused. Per peer.
const SYN_BURST: f64 = 20.0;
/// Per millisecond.
const SYN_RATE: f64 = 10.0 / 1_000.0;
/// All others, of all peers together.
pub const OTHER_BURST: f64 = 10.0;
/// Per millisecond.
pub const OTHER_RATE: f64 = 2.0 / 1_000.0;
/// Addresses of a peer that are new. It has few, but may send from as many as it likes.
const MOVE_BURST: f64 = 8.0;
/// Per millisecond.
const MOVE_RATE: f64 = 8.0 / 1_000.0;

/// Tokens as of a moment, engine clock ms.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    tokens: f64,
    at: u64,
}

impl Bucket {
    /// With all its tokens.
    pub fn full(burst: f64) -> Self {
        Self { tokens: burst, at: 0 }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, per_ms: f64, burst: f64, now: u64) -> bool {
        self.tokens = (self.tokens + now.saturating_sub(self.at) as f64 * per_ms).min(burst);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// That of one peer's beginnings of connections.
#[derive(Clone, Copy, Debug)]
pub struct SynBucket(Bucket);

impl Default for SynBucket {
    fn default() -> Self {
        Self(Bucket::full(SYN_BURST))
    }
}

impl SynBucket {
    /// Takes one, if there is one.
    pub fn take(&mut self, now: u64) -> bool {
        self.0.take(SYN_RATE, SYN_BURST, now)
    }
}

/// That of one peer's new addresses.
#[derive(Clone, Copy, Debug)]
pub struct MoveBucket(Bucket);

impl Default for MoveBucket {
    fn default() -> Self {
        Self(Bucket::full(MOVE_BURST))
    }
}

impl MoveBucket {
    /// Takes one, if there is one.
    pub fn take(&mut self, now: u64) -> bool {
        self.0.take(MOVE_RATE, MOVE_BURST, now)
    }
}
