//! The numbers of the protocol and of this engine (data-plane.md §1.1); times in milliseconds.

/// The initiator of a keypair starts a new handshake when it sends under a keypair older than this.
pub const REKEY_AFTER_MS: u64 = 120_000;
/// A keypair older than this is used in neither direction.
pub const REJECT_AFTER_MS: u64 = 180_000;
/// The initiator renews on receipt already at this age, so that a one-way stream does not run into the end.
pub const RENEW_ON_RECEIVE_MS: u64 = 165_000;
/// Lifetime of the secret behind the cookies that we give out.
pub const COOKIE_REFRESH_MS: u64 = 120_000;
/// A counter at and above this is neither sent nor accepted.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);
/// Above this many messages the sender starts a new handshake.
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;

/// Plaintext is padded to a multiple of this, as far as the MTU lets it.
pub const PADDING: usize = 16;
/// Bytes of a data message in front of its text: type, receiver, counter.
pub const DATA_HEADER: usize = 16;
/// Bytes of a data message besides its text.
pub const DATA_OVERHEAD: usize = 32;
/// The largest IP packet.
pub const MAX_PACKET: usize = 65_535;

/// What waits only for a path waits this long (data-plane.md §4.9).
pub const HOLD_MS: u64 = 5_000;
/// A peer that was silent for this long becomes active again with its next packet (data-plane.md §4.4, type 34).
pub const IDLE_MS: u64 = 45_000;
/// Edges are told at most once in this time.
pub const EDGE_MS: u64 = 1_000;

const _: () = assert!(REJECT_AFTER_MESSAGES == 0xffff_ffff_ffff_dfff);
