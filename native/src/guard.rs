//! What stands before the handshake code: mac1, the under-load decision, cookies, mac2, the limiter (data-plane.md §1.8).
//!
//! Load is a leaky bucket of handshakes handed up, drained at the rate that the handshake code is allowed to cost; that
//! bounds its share of the processor whatever arrives.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::counters::Count;
use crate::crypto::{blake2s, xchacha};
use crate::limits::COOKIE_REFRESH_MS;
use crate::system;

/// Handshakes handed up per millisecond at most.
const DRAIN_PER_MS: f64 = 0.5;
/// Backlog at which cookies are asked for, by default, and at which nothing more is handed up.
pub const UNDER_LOAD_BACKLOG: u32 = 32;
const MAX_BACKLOG: f64 = 256.0;
/// Under load stays for this long after its last cause.
const UNDER_LOAD_MS: u64 = 1_000;

const LIMIT_PER_MS: f64 = 20.0 / 1_000.0;
const LIMIT_BURST: f64 = 5.0;
const LIMIT_IDLE_MS: u64 = 1_000;
const LIMIT_SOURCES: usize = 16_384;

const MAC: usize = 16;
/// Bytes of a cookie reply.
pub const COOKIE_REPLY: usize = 64;

/// Where a handshake message came from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A datagram's sender.
    Wire(SocketAddr),
    /// The key of a peer behind a relay.
    Relay([u8; 32]),
}

/// What to do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it up.
    Pass,
    /// Drop and count it.
    Drop(Count),
    /// Answer it with a cookie.
    Cookie([u8; COOKIE_REPLY]),
}

struct MacKeys {
    mac1: [u8; 32],
    cookie: [u8; 32],
}

/// State of the gate; one per engine.
pub struct HandshakeGuard {
    under_load_backlog: u32,
    keys: Option<MacKeys>,
    secret: [u8; 32],
    secret_at: Option<u64>,
    backlog: f64,
    drained_at: u64,
    under_load_until: u64,
    limiter: Limiter,
}

impl HandshakeGuard {
    /// Cookies are asked for at this backlog; 0 = always.
    pub fn new(under_load_backlog: u32) -> Self {
        Self {
            under_load_backlog,
            keys: None,
            secret: [0; 32],
            secret_at: None,
            backlog: 0.0,
            drained_at: 0,
            under_load_until: 0,
            limiter: Limiter::default(),
        }
    }

    /// From another backlog on; all that is known of the load is forgotten.
    pub fn restart(&mut self, under_load_backlog: u32) {
        let keys = self.keys.take();
        *self = Self { keys, ..Self::new(under_load_backlog) };
    }

    /// Static public key of this node.
    pub fn set_identity(&mut self, public: &[u8; 32]) {
        self.keys = Some(MacKeys {
            mac1: blake2s::hash(&[b"mac1----", public]),
            cookie: blake2s::hash(&[b"cookie--", public]),
        });
    }

    /// For an initiation or a response of the right length.
    pub fn check(&mut self, message: &[u8], source: &Source, now: u64) -> Verdict {
        let end = message.len() - 2 * MAC;
        let has_mac1 = |keys: &&MacKeys| is_equal(&blake2s::mac(&keys.mac1, &message[..end]), &message[end..end + MAC]);
        if self.keys.as_ref().filter(has_mac1).is_none() {
            return Verdict::Drop(Count::DropMac1);
        }
        self.drain(now);
        if self.backlog >= f64::from(self.under_load_backlog) {
            self.under_load_until = now + UNDER_LOAD_MS;
        }
        if now < self.under_load_until
            && let Some(refused) = self.check_under_load(message, source, now)
        {
            return refused;
        }
        if self.backlog >= MAX_BACKLOG {
            return Verdict::Drop(Count::DropHandshakeQueue);
        }
        self.backlog += 1.0;
        Verdict::Pass
    }

    fn check_under_load(&mut self, message: &[u8], source: &Source, now: u64) -> Option<Verdict> {
        if self.secret_at.is_none_or(|at| now.saturating_sub(at) >= COOKIE_REFRESH_MS) {
            if !system::random(&mut self.secret) {
                return Some(Verdict::Drop(Count::DropMac2));
            }
            self.secret_at = Some(now);
        }
        let cookie = cookie_for(&self.secret, source);
        let at = message.len() - MAC;
        if is_equal(&blake2s::mac(&cookie, &message[..at]), &message[at..]) {
            let is_allowed = self.limiter.allows(limit_key(source), now);
            return (!is_allowed).then_some(Verdict::Drop(Count::DropLimiter));
        }
        let mut nonce = [0; 24];
        let keys = self.keys.as_ref()?;
        if !system::random(&mut nonce) {
            return Some(Verdict::Drop(Count::DropMac2));
        }
        let mut reply = [0; COOKIE_REPLY];
        reply[0] = 3;
        reply[4..8].copy_from_slice(&message[4..8]);
        reply[8..32].copy_from_slice(&nonce);
        let mac1 = &message[message.len() - 2 * MAC..at];
        reply[32..].copy_from_slice(&xchacha::seal16(&keys.cookie, &nonce, &cookie, mac1));
        Some(Verdict::Cookie(reply))
    }

    fn drain(&mut self, now: u64) {
        let passed = now.saturating_sub(self.drained_at) as f64;
        self.backlog = (self.backlog - passed * DRAIN_PER_MS).max(0.0);
        self.drained_at = now;
    }
}

/// Bound to address and port, or to the key of whoever is behind a relay.
fn cookie_for(secret: &[u8; 32], source: &Source) -> [u8; MAC] {
    match source {
        Source::Relay(key) => blake2s::mac(secret, key),
        Source::Wire(from) => {
            let mut bytes = [0; 18];
            let size = match from.ip() {
                IpAddr::V4(ip) => {
                    bytes[..4].copy_from_slice(&ip.octets());
                    4
                }
                IpAddr::V6(ip) => {
                    bytes[..16].copy_from_slice(&ip.octets());
                    16
                }
            };
            bytes[size..size + 2].copy_from_slice(&from.port().to_be_bytes());
            blake2s::mac(secret, &bytes[..size + 2])
        }
    }
}

/// The limiter counts per IPv4 address or IPv6 /64, as one host has all of it.
fn limit_key(source: &Source) -> [u8; 32] {
    let mut key = [0; 32];
    match source {
        Source::Relay(public) => key = *public,
        Source::Wire(from) => match from.ip() {
            IpAddr::V4(ip) => key[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => {
                key[..8].copy_from_slice(&ip.octets()[..8]);
                key[31] = 6;
            }
        },
    }
    key
}

fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

/// Token bucket per source: 20 a second, 5 at once; sources unseen for a second are forgotten.
#[derive(Default)]
struct Limiter {
    sources: HashMap<[u8; 32], (f64, u64)>,
    /// From when on all of them may be looked through again: not for each message of a flood.
    next_look: u64,
}

impl Limiter {
    fn allows(&mut self, source: [u8; 32], now: u64) -> bool {
        if let Some((tokens, at)) = self.sources.get_mut(&source) {
            *tokens = (*tokens + now.saturating_sub(*at) as f64 * LIMIT_PER_MS).min(LIMIT_BURST);
            *at = now;
            if *tokens < 1.0 {
                return false;
            }
            *tokens -= 1.0;
            return true;
        }
        if self.sources.len() >= LIMIT_SOURCES && now >= self.next_look {
            self.sources.retain(|_, (_, at)| now.saturating_sub(*at) < LIMIT_IDLE_MS);
            self.next_look = now + LIMIT_IDLE_MS;
        }
        if self.sources.len() >= LIMIT_SOURCES {
            return false;
        }
        self.sources.insert(source, (LIMIT_BURST - 1.0, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(i: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&i.to_le_bytes());
        key
    }

    #[test]
    fn a_full_limiter_is_looked_through_once_a_second() {
        let mut limiter = Limiter::default();
        assert!((0..LIMIT_SOURCES).all(|i| limiter.allows(key(i), 100)));
        for now in [600, 1_599] {
            assert!(!limiter.allows(key(LIMIT_SOURCES), now), "at {now}");
        }
        assert!(limiter.allows(key(LIMIT_SOURCES), 1_600));
        assert_eq!(limiter.sources.len(), 1);
    }
}
