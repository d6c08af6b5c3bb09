//! Rhumb's native packet engine: WireGuard transport between a TUN device and UDP sockets (data-plane.md).

pub mod crypto;
#[cfg(test)]
mod testing;
