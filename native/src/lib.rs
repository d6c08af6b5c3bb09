//! Rhumb's native packet engine: WireGuard transport between a TUN device and UDP sockets (data-plane.md).

pub mod classify;
pub mod counters;
pub mod crypto;
pub mod filter;
pub mod guard;
pub mod inner;
pub mod limits;
pub mod offload;
pub mod replay;
pub mod staging;
mod system;
pub mod table;
#[cfg(test)]
mod testing;
