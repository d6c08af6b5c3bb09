//! What the engine needs of cryptography: transport data in batches, and the macs in front of the handshake code.

pub mod aead;
pub mod backend;
pub mod blake2s;
mod chacha;
#[cfg(target_arch = "x86_64")]
mod lanes_avx2;
#[cfg(target_arch = "x86_64")]
mod lanes_avx512;
#[cfg(target_arch = "x86_64")]
mod poly26;
#[cfg(target_arch = "x86_64")]
mod poly44;
#[cfg(target_arch = "x86_64")]
mod poly_tail;
pub mod xchacha;
