/** The numbers of the WireGuard protocol (data-plane.md §1.1; WireGuard paper §6.1), times in milliseconds. */

/** The initiator of a keypair starts a new handshake when it sends under a keypair older than this. */
export const REKEY_AFTER_MS = 120_000;
/** A keypair older than this is used in neither direction. */
export const REJECT_AFTER_MS = 180_000;
/** Wait for a response, and least distance of two initiations to one peer. */
export const REKEY_TIMEOUT_MS = 5_000;
/** Upper end of what is added to REKEY_TIMEOUT, drawn anew each time so that two peers do not keep step. */
export const REKEY_JITTER_MS = 333;
/**
 * The first repetitions come sooner: over a relay that is just being dialled, or towards a peer that has just come up, the first
 * message is often lost, and the packet that waits for it must not wait 5 s. Responders accept one each 20 ms.
 */
export const EARLY_RETRY_MS: readonly number[] = [1_000, 2_000];
/** A message that left longer ago than this went another way than the path that has just been found. */
export const SAME_WAY_MS = 100;
/**
 * How long after a path was found a message that left shortly before is given for its answer: a repetition that crosses the answer makes
 * the responder replace the keys that we are about to use.
 */
export const CROSSING_MS = 250;
/** After this many unanswered repetitions (90 s / 5 s) the handshake is given up. */
export const MAX_HANDSHAKE_ATTEMPTS = 18;
/** Data received and nothing sent for this long: a keepalive is owed. */
export const KEEPALIVE_TIMEOUT_MS = 10_000;
/** Data sent and nothing heard for this long (10 s + 5 s): a new handshake. */
export const NEW_HANDSHAKE_MS = KEEPALIVE_TIMEOUT_MS + REKEY_TIMEOUT_MS;
/** The initiator renews on receipt already at this age, so that a one-way stream does not run into the end. */
export const RENEW_ON_RECEIVE_MS = REJECT_AFTER_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS;
/** Without a new keypair for this long, all key material is erased. */
export const ERASE_AFTER_MS = 3 * REJECT_AFTER_MS;
/** Lifetime of a received cookie and of the secret behind the cookies we give out. */
export const COOKIE_REFRESH_MS = 120_000;
/** Accepted initiations of one peer are at least this far apart. */
export const INITIATION_SPACING_MS = 20;

/** A keypair's counter at and above this is neither sent nor accepted: 2^64 - 2^13 - 1, high and low half. */
export const REJECT_COUNTER_HIGH = 0xffff_ffff;
export const REJECT_COUNTER_LOW = 0xffff_dfff;
/** Above 2^60 messages (this high half) the sender starts a new handshake. */
export const REKEY_COUNTER_HIGH = 0x1000_0000;

/** Plaintext of transport data is padded to a multiple of this, as far as the MTU lets it. */
export const PADDING = 16;
/** Header of transport data, and its tag. */
export const DATA_HEADER = 16;
export const DATA_OVERHEAD = 32;
