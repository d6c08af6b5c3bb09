//! Rhumb's native packet engine: WireGuard transport between a TUN device and UDP sockets (data-plane.md).
//!
//! TypeScript decides: handshakes, timers, paths, policy. This moves packets: it owns the descriptors, keys, counters,
//! routes and the filter, and tells of what needs a decision in batches.

pub mod abi;
mod buckets;
pub mod classify;
mod codec;
mod counters;
pub mod crypto;
mod engine;
pub mod filter;
mod flags;
mod guard;
mod inbound;
pub mod inner;
mod keypair;
pub mod limits;
#[cfg(target_os = "linux")]
mod linux;
pub mod offload;
mod ops;
mod outbound;
mod peer;
mod plan;
mod ports;
mod records;
pub mod replay;
mod run;
pub mod staging;
mod state;
mod system;
pub mod table;
#[cfg(test)]
mod testing;
mod wake;
