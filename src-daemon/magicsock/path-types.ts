/** State, events and effects of a peer's path machine, and its timings (nat-traversal.md §5, §8). */
import type { SockAddr } from '#shared/ip/address.ts';
import type { Candidate } from './candidate.ts';

/** 24 hex digits. */
export type TxId = string;

/** How long one pong makes an address trusted. Official peers use the same, so both sides change over alike. */
export const TRUST_MS = 6_500;
export const HEARTBEAT_MS = 3_000;
/** Without a packet sent for this long the session is idle: no pings, no timers. */
export const SESSION_MS = 45_000;
/** An address known only from the peer's own pings lives this long after the last. */
export const HEARD_MS = 45_000;
export const PING_TIMEOUT_MS = 5_000;
/** At most one discovery ping per candidate in this time. */
export const DISCOVERY_MS = 5_000;
/** While traffic waits for a path the first pings are repeated sooner: one lost datagram must not cost 5 s. */
export const RETRY_MS: readonly number[] = [300, 1_000];
/** nat-traversal.md §11.1: at most one triggered check per source in this time. */
export const TRIGGERED_MS = 500;
/** A direct path this fast ends the search for a better one … */
export const GOOD_ENOUGH_MS = 5;
/** … and a slower one is compared anew this often. */
export const UPGRADE_MS = 60_000;
/** After a peer was silent for this long its ping begins a search for us; its heartbeats come each 3 s. */
export const SILENT_MS = 4_000;
/** At most one meeting in this time. */
export const MEETING_MS = 5_000;
export const MAX_CANDIDATES = 100;
/** Outstanding pings of one peer; only a flood of requests by the local API could reach it. */
export const MAX_PINGS = 1_000;

/** Whether the best address still answers. Twice no answer in the time it should take makes any other pong win. */
export type Check =
  | { readonly kind: 'quiet' }
  | { readonly kind: 'waiting'; readonly sinceMs: number; readonly dueMs: number; readonly misses: 0 | 1 }
  | { readonly kind: 'failed'; readonly sinceMs: number };

export type Best =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'direct';
      readonly addr: SockAddr;
      readonly latencyMs: number;
      readonly trustUntilMs: number;
      readonly check: Check;
    };

export type Session =
  | { readonly kind: 'idle' }
  | { readonly kind: 'active'; readonly lastSendMs: number; readonly beatAtMs: number };

/**
 * A peer looks for us and both directions have just been proven: soon after, when an ordinary handshake would be over,
 * the tunnel is told. Official peers without a relay drop their first handshake message (or their answer to ours) for
 * want of a path, and it would be repeated only after 5 s.
 */
export type Meeting =
  | { readonly kind: 'never' }
  | { readonly kind: 'soon'; readonly dueMs: number }
  | { readonly kind: 'past'; readonly atMs: number };

export type PingPurpose =
  | { readonly kind: 'discovery' }
  | { readonly kind: 'heartbeat' }
  /** Asked for by a user; `ticket` names the request. */
  | { readonly kind: 'request'; readonly ticket: number; readonly size: number };

export interface SentPing {
  readonly to: SockAddr;
  readonly atMs: number;
  readonly purpose: PingPurpose;
}

export interface PathState {
  /** By `formatSockAddr`. */
  readonly candidates: ReadonlyMap<string, Candidate>;
  readonly pings: ReadonlyMap<TxId, SentPing>;
  readonly best: Best;
  readonly session: Session;
  readonly lastBurstMs: number | undefined;
  readonly meeting: Meeting;
}

export type PathEvent =
  /** The network map's word on the peer: its endpoints, whole. */
  | { readonly type: 'configure'; readonly endpoints: readonly SockAddr[] }
  /** Traffic goes out, or waits for a path. */
  | { readonly type: 'send' }
  | { readonly type: 'ping-in'; readonly from: SockAddr; readonly txId: TxId }
  /** An authenticated WireGuard packet came from an address that is not the best: worth a ping, no more. */
  | { readonly type: 'data-in'; readonly from: SockAddr }
  /** Whatever its source: multi-homed peers answer from elsewhere, the pinged address counts (§9.4-7, 8). */
  | { readonly type: 'pong-in'; readonly txId: TxId }
  /** A deadline of `wakeAt` has come; `lastSendMs` is when the engine last sent to the peer. */
  | { readonly type: 'tick'; readonly lastSendMs: number }
  /** Our own addresses or routes changed: what was proven may hold no longer. */
  | { readonly type: 'network-changed' }
  /** The OS refused to send to the best address. */
  | { readonly type: 'unreachable' }
  | { readonly type: 'request'; readonly ticket: number; readonly size: number };

export type PathEffect =
  /** `size` is that of the whole datagram, 0 for no padding. */
  | { readonly do: 'ping'; readonly to: SockAddr; readonly txId: TxId; readonly size: number }
  | { readonly do: 'pong'; readonly to: SockAddr; readonly txId: TxId }
  | { readonly do: 'path'; readonly direct: SockAddr | undefined; readonly latencyMs: number | undefined }
  | { readonly do: 'met' }
  | { readonly do: 'answer'; readonly ticket: number; readonly from: SockAddr; readonly latencyMs: number }
  | { readonly do: 'no-candidates'; readonly ticket: number };

export interface PathContext {
  readonly nowMs: number;
  newTxId(): TxId;
}
