/** State, events and effects of a peer's path machine, and its timings (nat-traversal.md §5, §8). */
import type { SockAddr } from '#shared/ip/address.ts';
import type { Candidate } from './candidate.ts';
import type { Activity, EnginePath, SocketId } from './types.ts';

/** 24 hex digits. */
export type TxId = string;

/** How long one pong makes an address trusted. Official peers use the same, so both sides change over alike. */
export const TRUST_MS = 6_500;
export const HEARTBEAT_MS = 3_000;
/** Without a packet in either direction for this long the session is idle: no pings, no timers. */
export const SESSION_MS = 45_000;
/** An address known only from the peer's own pings, or from its answers, lives this long after the last. */
export const HEARD_MS = 45_000;
export const PING_TIMEOUT_MS = 5_000;
/** At most one discovery ping per candidate in this time. */
export const DISCOVERY_MS = 5_000;
/** While a path is sought the first pings are repeated sooner: one lost datagram must not cost 5 s. */
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
/** At most one call-me-maybe in this time, unless something changed. */
export const CALL_MS = 4_500;
/** While a path that was lost lately is sought, our NAT is asked anew this often, for this long. */
export const AFRESH_MS = 10_000;
export const AFRESH_FOR_MS = 60_000;
/** A peer that called wants to be found: its addresses are pinged again for this long even if we have nothing to say. */
export const CALLED_MS = 3_000;
/** The ordinary search has had its chance after this; then ports may be guessed. */
export const SEARCHED_MS = 1_000;
/** A call that comes sooner than this after our ping to an address does not repeat the ping. */
export const CALLED_AGAIN_MS = 200;
export const MAX_CANDIDATES = 100;
/** Of one call-me-maybe these become candidates; see `punch.ts` for longer lists. */
export const MAX_CALLED = 32;
/** Outstanding pings of one peer: guesses of ports, or a flood of requests by the local API. */
export const MAX_PINGS = 2_000;
/** While data flows the activity words are looked at this often … */
export const WATCH_MS = 500;
/** … and else this often, as long as the session lasts. */
export const WATCH_QUIET_MS = 1_000;
/** Data without any answer for this long makes a heartbeat come early. */
export const UNANSWERED_MS = 1_000;
/** The peer answers our probes, so it may just have nothing to say: probe less often. */
export const PROBE_AGAIN_MS = 2_000;

/**
 * Whether the best address still answers: after one missed answer a copy goes by relay (`copied`, unless data still
 * arrives from it), after two any other pong wins.
 */
export type Check =
  | { readonly kind: 'quiet' }
  | { readonly kind: 'waiting'; readonly sinceMs: number; readonly dueMs: number }
  | { readonly kind: 'again'; readonly sinceMs: number; readonly dueMs: number; readonly copied: boolean }
  | { readonly kind: 'failed'; readonly sinceMs: number };

export interface Direct {
  readonly kind: 'direct';
  readonly addr: SockAddr;
  readonly via: SocketId;
  readonly latencyMs: number;
  readonly wireMtu: number;
  readonly sinceMs: number;
  readonly trustUntilMs: number;
  readonly check: Check;
}
export type Best = { readonly kind: 'none' } | Direct;

/** nat-traversal.md §11.3: whether WireGuard's packets pass where probes do. */
export type DataCheck =
  | { readonly kind: 'fine' }
  /** No answer to data although probes are answered: a copy goes by relay. */
  | { readonly kind: 'suspect'; readonly sinceMs: number; readonly pauseMs: number }
  /** The relay brings data and the address none: relay only, and another look later. */
  | {
      readonly kind: 'blocked';
      readonly sinceMs: number;
      readonly retryAtMs: number;
      readonly pauseMs: number;
    };

/** How lively the peer is: times at which something came from it by any path, each within a few seconds of the last. */
export interface Talk {
  readonly atMs: number;
  readonly times: number;
}

export type Session =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'active';
      readonly lastSendMs: number;
      readonly beatAtMs: number;
      readonly watchAtMs: number;
    };

/**
 * A peer looks for us and both directions have just been proven: soon after, when an ordinary handshake would be over,
 * the tunnel is told. Official peers without a relay drop their first handshake message (or their answer to ours) for
 * want of a path, and it would be repeated only after 5 s.
 */
export type Meeting =
  | { readonly kind: 'never' }
  | { readonly kind: 'soon'; readonly dueMs: number }
  | { readonly kind: 'past'; readonly atMs: number };

/** Looking for a path that can be trusted: since when, and with how many pings. */
export type Search =
  | { readonly kind: 'none' }
  | { readonly kind: 'on'; readonly sinceMs: number; readonly probes: number };

export type PingPurpose =
  | { readonly kind: 'discovery' }
  | { readonly kind: 'heartbeat' }
  /** To a port that nobody told us (nat-traversal.md §11.4). */
  | { readonly kind: 'guess' }
  /** Asked for by a user; `ticket` names the request. */
  | { readonly kind: 'request'; readonly ticket: number; readonly size: number };

export type Target =
  | { readonly kind: 'udp'; readonly addr: SockAddr; readonly via: SocketId }
  | { readonly kind: 'relay'; readonly region: number };

export interface SentPing {
  readonly to: Target;
  readonly atMs: number;
  readonly purpose: PingPurpose;
  /** Size of the IP packet that carried it. */
  readonly wireMtu: number;
}

export interface PathState {
  /** By `keyOf`. */
  readonly candidates: ReadonlyMap<string, Candidate>;
  readonly pings: ReadonlyMap<TxId, SentPing>;
  readonly best: Best;
  readonly data: DataCheck;
  /** The last data that came from another address than the best. */
  readonly dataAtMs: number | undefined;
  readonly talk: Talk;
  readonly session: Session;
  readonly search: Search;
  readonly lastBurstMs: number | undefined;
  /** Our last call-me-maybe, and the peer's. */
  readonly callAtMs: number | undefined;
  /** The last one that had our NAT asked again. */
  readonly afreshAtMs: number | undefined;
  readonly calledAtMs: number | undefined;
  readonly meeting: Meeting;
  /** When the last direct path was given up without another. */
  readonly lostAtMs: number | undefined;
  /** What the engine was told last, and since when packets go that way. */
  readonly told: EnginePath;
  readonly sinceMs: number;
}

export type PathEvent =
  /** The network map's word on the peer: its endpoints, whole; its home relay may have changed too. */
  | { readonly type: 'configure'; readonly endpoints: readonly SockAddr[] }
  /** The peer has a new disco key: it started anew, and whatever was open is void. */
  | { readonly type: 'restarted' }
  /** Traffic goes out, or waits for a path. */
  | { readonly type: 'send' }
  | {
      readonly type: 'ping-in';
      readonly from: SockAddr;
      readonly via: SocketId;
      readonly txId: TxId;
      /** False when another peer with the same disco key is the one that pinged. */
      readonly isSender: boolean;
    }
  | { readonly type: 'relayed-ping'; readonly region: number; readonly txId: TxId }
  /** An authenticated WireGuard packet came from an address that is not the best: worth a ping, no more. */
  | { readonly type: 'data-in'; readonly from: SockAddr; readonly via: SocketId }
  /** Whatever its source: multi-homed peers answer from elsewhere, the pinged address counts (§9.4-7, 8). */
  | { readonly type: 'pong-in'; readonly txId: TxId; readonly seenAs: SockAddr | undefined }
  /** The peer's call-me-maybe, by relay. */
  | { readonly type: 'called'; readonly endpoints: readonly SockAddr[] }
  /** A deadline of `wakeAt` has come. */
  | { readonly type: 'tick'; readonly words: Activity }
  /** Our own addresses or routes changed: what was proven may hold no longer. */
  | { readonly type: 'network-changed' }
  /** Another relay, or none any more, leads to the peer. */
  | { readonly type: 'relay-changed' }
  /** The relay does not know the peer, or no longer. */
  | { readonly type: 'relay-gone' }
  /** The OS refused to send to the best address. */
  | { readonly type: 'unreachable' }
  | { readonly type: 'socket-closed'; readonly via: SocketId }
  | {
      readonly type: 'guess';
      readonly routes: readonly { readonly addr: SockAddr; readonly via: SocketId }[];
    }
  | { readonly type: 'request'; readonly ticket: number; readonly size: number };

export type PathEffect =
  /** `size` is that of the whole datagram, 0 for no padding. */
  | { readonly do: 'ping'; readonly to: Target; readonly txId: TxId; readonly size: number }
  | { readonly do: 'pong'; readonly to: Target; readonly txId: TxId }
  /** `isNews` unless only the time of trust or the relay's copy changed. */
  | { readonly do: 'path'; readonly path: EnginePath; readonly isNews: boolean }
  /** Tell the peer our addresses by relay; always after the pings that open our NAT for it. `afresh`: asked anew. */
  | { readonly do: 'call'; readonly afresh: boolean }
  | { readonly do: 'met' }
  | { readonly do: 'answer'; readonly ticket: number; readonly from: Target; readonly latencyMs: number }
  | { readonly do: 'no-candidates'; readonly ticket: number };

export interface PathContext {
  readonly nowMs: number;
  newTxId(): TxId;
  /** The relay that leads to the peer now. */
  relay(): number | undefined;
  /** Whether one more ping to an address that is not proven may go out; counts it. */
  mayPing(to: SockAddr): boolean;
  /** Sizes of whole datagrams to try beside the plain ping (nat-traversal.md §4.5). */
  probeSizes(to: SockAddr): readonly number[];
}
