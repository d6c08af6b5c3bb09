//! Rhumb's native packet engine: WireGuard transport between a TUN device and UDP sockets (data-plane.md).
//!
//! TypeScript decides: handshakes, timers, paths, policy. This moves packets: it owns the descriptors, keys, counters,
//! routes and the filter, and tells of what needs a decision in batches.

// What only the offloads of Linux use, or only eight lanes, is dead elsewhere.
#![cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), allow(dead_code))]

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
compile_error!("the native engine knows Linux, macOS and Windows; elsewhere the portable engine serves");

pub mod abi;
mod buckets;
pub mod classify;
mod codec;
mod counters;
pub mod crypto;
#[cfg(feature = "drill")]
mod drill;
mod ecn;
mod engine;
mod errno;
pub mod filter;
mod flags;
mod guard;
mod hash;
mod inbound;
pub mod inner;
mod keypair;
pub mod limits;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
pub mod offload;
mod ops;
mod order;
mod outbound;
mod peer;
mod plain;
mod plan;
mod ports;
mod records;
pub mod replay;
mod run;
mod sockets;
pub mod staging;
mod state;
mod system;
pub mod table;
#[cfg(test)]
mod testing;
mod wake;
#[cfg(windows)]
mod windows;
