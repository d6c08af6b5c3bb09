//! Memory of UDP and SCTP flows: sets of four in one block of memory, nothing is allocated per packet (data-plane.md §4.7).

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::hash::Keyed;
use crate::table::key;

const SETS: usize = 2_048;
const WAYS: usize = 4;
const IDLE_MS: u64 = 180_000;

/// A flow as its inbound packets show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// UDP or SCTP.
    pub protocol: u8,
    /// Port of the far end.
    pub from_port: u16,
    /// Port of this end.
    pub to_port: u16,
    /// The far end.
    pub from: IpAddr,
    /// This end.
    pub to: IpAddr,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    from: u128,
    to: u128,
    ports: u32,
    /// Protocol, and on top of it whether the addresses are of IPv6.
    kind: u16,
    /// Engine clock ms; 0 = empty.
    seen_at: u64,
}

/// Flows that this host began or went on with in the last three minutes. Each set has a lock of its own, so that threads of
/// both directions seldom meet.
pub struct FlowTable {
    sets: Box<[Mutex<[Entry; WAYS]>]>,
    hasher: Keyed,
}

impl Default for FlowTable {
    fn default() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::default()).collect(), hasher: Keyed::default() }
    }
}

impl FlowTable {
    /// Notes a flow, in place of the one of its set that has been quiet for longest.
    pub fn note(&self, flow: &Flow, now: u64) {
        let fresh = Entry { seen_at: now, ..entry_of(flow) };
        let mut set = self.set(&fresh);
        let known = set.iter().position(|entry| is_same(entry, &fresh));
        let oldest = || (0..WAYS).min_by_key(|way| set[*way].seen_at).unwrap_or(0);
        let way = known.unwrap_or_else(oldest);
        set[way] = fresh;
    }

    /// Whether the flow is known; that keeps it known.
    pub fn has(&self, flow: &Flow, now: u64) -> bool {
        let wanted = entry_of(flow);
        let mut set = self.set(&wanted);
        let Some(entry) = set.iter_mut().find(|entry| is_same(entry, &wanted)) else { return false };
        if now.saturating_sub(entry.seen_at) > IDLE_MS {
            return false;
        }
        entry.seen_at = now;
        true
    }

    fn set(&self, entry: &Entry) -> MutexGuard<'_, [Entry; WAYS]> {
        let rest = u64::from(entry.ports) << 16 | u64::from(entry.kind);
        let number = self.hasher.hash_one((entry.from, entry.to, rest)) as usize % SETS;
        self.sets[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry_of(flow: &Flow) -> Entry {
    Entry {
        from: key(flow.from),
        to: key(flow.to),
        ports: u32::from(flow.from_port) << 16 | u32::from(flow.to_port),
        kind: u16::from(flow.protocol) | u16::from(flow.from.is_ipv6()) << 8,
        seen_at: 0,
    }
}

fn is_same(entry: &Entry, wanted: &Entry) -> bool {
    entry.seen_at != 0
        && entry.from == wanted.from
        && entry.to == wanted.to
        && entry.ports == wanted.ports
        && entry.kind == wanted.kind
}
